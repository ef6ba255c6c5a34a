# What the scripts share: where the checkout is, what it needs, how it is built. Sourced, not run; needs bash.

# The checkout's root; every script works from there.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 2
# Where dockerd, ip and iptables are; Debian's users do not look there.
export PATH=$PATH:/usr/sbin:/sbin

# Leads every message of the scripts themselves, so that they stand out from a build's.
say() { echo "==> $*"; }
fail() { echo "==> $*" >&2; exit 1; }

# Sets `as_root` to what runs a command as root: nothing for root, sudo for others. Without either it prints LINE, which
# somebody else must run, and exits with 2.
need_root_or_sudo() {
    local line=$1
    if [ "$(id -u)" -eq 0 ]; then
        as_root=(env)
    elif command -v sudo >/dev/null; then
        as_root=(sudo env)
    else
        printf 'this needs root, and there is no sudo; as root run:\n  %s\n' "$line" >&2
        exit 2
    fi
}

# Installs Debian's packages of the files that are missing: install_missing FILE PACKAGE [FILE PACKAGE]...
# A FILE without a slash is a command.
install_missing() {
    local file missing=()
    while [ $# -gt 0 ]; do
        file=$1
        if [[ $file == */* ]]; then [ -e "$file" ] || missing+=("$2"); else command -v "$file" >/dev/null || missing+=("$2"); fi
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || {
        echo "there is no apt-get here; install what provides: ${missing[*]}" >&2
        exit 2
    }
    need_root_or_sudo "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Puts a command that is missing into the PATH of this run alone: unpack_missing COMMAND PACKAGE
# Installed, the package would start a service on every boot, which nobody asked for.
unpack_missing() {
    local folder=$root/.build/tools/$2
    command -v "$1" >/dev/null && return 0
    if [ ! -x "$folder/usr/bin/$1" ]; then
        command -v apt-get >/dev/null || { echo "there is no apt-get here; install $2" >&2; exit 2; }
        need_root_or_sudo "apt-get update"
        say "unpacking $2"
        rm -rf "$folder.new" && mkdir -p "$folder.new"
        "${as_root[@]}" apt-get update -qq
        (cd "$folder.new" && apt-get download -qq "$2" && dpkg-deb -x "$2"_*.deb . && rm -f "$2"_*.deb)
        rm -rf "$folder" && mv "$folder.new" "$folder"
    fi
    PATH=$folder/usr/bin:$PATH
}

# What a build needs beside Swift: the headers of SQLite, zlib, libcrypt and ZooKeeper's client, and git and certificates
# to fetch the dependencies.
install_build_needs() {
    install_missing /usr/include/sqlite3.h libsqlite3-dev /usr/include/zlib.h zlib1g-dev \
        /usr/include/crypt.h libcrypt-dev /usr/include/zookeeper/zookeeper.h libzookeeper-mt-dev git git curl curl /etc/ssl/certs/ca-certificates.crt ca-certificates
    need_swift
}

# Swift is not Debian's: it must be there already, 6.2 or later.
need_swift() {
    local version
    if ! command -v swift >/dev/null; then
        echo "there is no swift in PATH; install Swift 6.2 or later: https://www.swift.org/install/linux" >&2
        exit 2
    fi
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
        [0-5].* | 6.[01])
            echo "Swift $version is too old; install 6.2 or later: https://www.swift.org/install/linux" >&2
            exit 2
            ;;
    esac
}

# Builds in release, always with the same flags: demo, tests and benchmarks share one build.
# build_release [PRODUCT]...; `tests` as a product builds all tests, and everything else with them.
build_release() {
    local product
    for product in "$@"; do
        say "building $product (the first build takes ten minutes and more)"
        if [ "$product" = tests ]; then
            swift build -c release --build-tests
        else
            swift build -c release --product "$product"
        fi || return
    done
}

# The path of a built executable.
built() { echo "$root/.build/release/$1"; }

# Starts an engine of the script's own in a new folder, with the image on it, and sets `engine_dir`, `engine_socket` and
# `engine_image`. Whoever calls this calls `own_engine_stop` in a trap.
own_engine_start() {
    engine_image=$1
    # shellcheck source=scripts/lib/docker.sh
    . "$root/scripts/lib/docker.sh"
    # shellcheck source=scripts/lib/image.sh
    . "$root/scripts/lib/image.sh"
    docker_install || return
    own_engine_clear_left
    engine_dir=$(mktemp -d "${TMPDIR:-/tmp}/apus.XXXXXX")
    engine_socket=$engine_dir/docker.sock
    own_engine_owner $$ >"$engine_dir/owner"
    say "starting a Docker engine of our own in $engine_dir"
    docker_engine_start "$engine_dir" && busybox_image "$engine_socket" "$engine_image"
}

# Ends the engine of `own_engine_start` and removes its folder; nothing to do if there is none.
own_engine_stop() {
    [ -n "${engine_dir:-}" ] || return 0
    own_engine_remove "$engine_dir"
    engine_dir=
}

own_engine_remove() {
    docker_engine_stop "$1" || true
    docker_as_root rm -rf "$1" || true
}

# What tells process PID from a later one of the same number: the number and the time of its start.
own_engine_owner() { echo "$1 $(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)"; }

# Clears away the engines of scripts that were killed before they could do it, with what those scripts ran.
own_engine_clear_left() {
    local dir owner
    for dir in "${TMPDIR:-/tmp}"/apus.* "${TMPDIR:-/tmp}"/apus-test.* "${TMPDIR:-/tmp}"/apus-bench.*; do
        # Ours, and begun by a script that is gone.
        [ -O "$dir" ] && [ -s "$dir/owner" ] || continue
        owner=$(cat "$dir/owner")
        [ "$(own_engine_owner "${owner%% *}")" != "$owner" ] || continue
        say "clearing away $dir, which a killed run left"
        session_end "$(cat "$dir/session" 2>/dev/null)" "$dir/docker.sock"
        own_engine_remove "$dir"
    done
}

# Prints the processes of a session. With TEXT only those whose environment holds it.
session_processes() {
    local session=$1 text=${2:-} pid
    for pid in $({ cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v session="$session" \
        '{ pid = $1; sub(/^.*\) /, ""); if ($4 == session && $1 != "Z") print pid }'); do
        if [ -z "$text" ] || grep -qsF -- "$text" "/proc/$pid/environ"; then echo "$pid"; fi
    done
}

# Ends the processes of a session, all at once and more firmly each time.
session_end() {
    local signal waited left
    [ -n "$1" ] || return 0
    for signal in INT TERM KILL; do
        for ((waited = 0; waited < 50; waited++)); do
            left=$(session_processes "$@")
            [ -n "$left" ] || return 0
            # Unquoted on purpose: words. KILL again and again: one may just have started another.
            # shellcheck disable=SC2086
            if [ "$waited" -eq 0 ] || [ "$signal" = KILL ]; then kill -s "$signal" $left 2>/dev/null || true; fi
            sleep 0.1
        done
    done
}
