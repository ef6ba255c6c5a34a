# The version before this one, for the test of upgrades. Sourced, not run; needs lib/common.sh.

# The last commit of the previous issue: clusters are upgraded from it, and go back to it. Whoever begins the next issue puts
# the last commit of this one here.
export previous_commit=41f15ff8740394d6863becfe2350d3fc4dde9687

# Builds it in .build/previous, which is kept: while the commit is the same, that costs seconds the next time.
# Not a work tree of Git's: that would be listed, and missed, in the checkout's own.
build_previous() {
    local folder=.build/previous
    if [ "$(cat "$folder/commit" 2>/dev/null)" != "$previous_commit" ]; then
        if ! git cat-file -e "$previous_commit^{commit}" && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
            echo "the history of this checkout does not reach back to $previous_commit, the version before this one:" \
                "fetch it with git fetch --unshallow" >&2
            return 1
        fi
        rm -rf "$folder" && mkdir -p "$folder/source" || return
        git archive "$previous_commit" | tar -x -C "$folder/source" || return
        # The same versions of what both are built on.
        if [ -e Package.resolved ]; then cp Package.resolved "$folder/source" || return; fi
        echo "$previous_commit" >"$folder/commit"
    fi
    say "building the previous version, $previous_commit (the first build takes ten minutes and more)"
    swift build -c release --package-path "$folder/source" --scratch-path "$folder/build" --product apus
}

# `run` of scripts/test runs it in a shell of its own.
export -f build_previous

# The program that `build_previous` builds.
previous_binary() { echo "$root/.build/previous/build/release/apus"; }
