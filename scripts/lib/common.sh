# What the scripts share: where the checkout is, what it needs, how it is built. Sourced, not run; needs bash.

# The checkout's root; every script works from there.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 2

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

# What a build needs beside Swift: SQLite's and zlib's headers, and git and certificates to fetch the dependencies.
install_build_needs() {
    install_missing /usr/include/sqlite3.h libsqlite3-dev /usr/include/zlib.h zlib1g-dev \
        git git curl curl /etc/ssl/certs/ca-certificates.crt ca-certificates
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
    engine_dir=$(mktemp -d "${TMPDIR:-/tmp}/apus.XXXXXX")
    engine_socket=$engine_dir/docker.sock
    say "starting a Docker engine of our own in $engine_dir"
    docker_engine_start "$engine_dir" && busybox_image "$engine_socket" "$engine_image"
}

# Ends the engine of `own_engine_start` and removes its folder; nothing to do if there is none.
own_engine_stop() {
    [ -n "${engine_dir:-}" ] || return 0
    docker_engine_stop "$engine_dir" || true
    docker_as_root rm -rf "$engine_dir" || true
    engine_dir=
}
