# Docker engines for scripts: found, installed, started, stopped. Sourced, not run; needs bash and curl.
#
# Two engines in one network namespace must not share docker0, so each of ours has a bridge of its own; never start one
# with `--bridge none` beside another (it deletes the other's docker0).

# Runs a command as root, through sudo if need be; without either prints the line to run and returns 2.
docker_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this needs root, and there is no sudo; as root run:" >&2
        echo "  $*" >&2
        return 2
    fi
}

# Installs the Debian packages that a Docker engine and the local image need, if they are missing.
docker_install() {
    local missing=() has_client=true
    command -v curl >/dev/null || missing+=(curl)
    command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || missing+=(docker.io)
    # Only recommended by the engine, which does not start without it.
    command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || missing+=(iptables)
    docker_busybox >/dev/null || missing+=(busybox-static)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v docker >/dev/null || has_client=false
    [ ${#missing[@]} -eq 0 ] && $has_client && return 0
    if ! command -v apt-get >/dev/null; then
        $has_client || missing+=("the docker command")
        echo "there is no apt-get here; install what provides: ${missing[*]}" >&2
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        $has_client || missing+=("$(docker_client_package)")
        echo "this needs root, and there is no sudo; as root run:" >&2
        echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
    docker_as_root apt-get update -qq || return
    # Which it is, only lists of now can tell.
    $has_client || missing+=("$(docker_client_package)")
    echo "installing ${missing[*]}"
    docker_as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Prints the package with the `docker` command: since Debian 13 one of its own, before that the engine's.
docker_client_package() {
    if [ -n "$(apt-cache show docker-cli 2>/dev/null)" ]; then echo docker-cli; else echo docker.io; fi
}

# Prints the path of a statically linked busybox; fails if there is none.
docker_busybox() {
    local path
    for path in /bin/busybox /usr/bin/busybox; do
        # A dynamic one names its loader right at its beginning; it would not start in an empty image.
        if [ -x "$path" ] && ! head -c 4096 "$path" | grep -qa 'ld-linux'; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

# Whether an engine answers on SOCKET.
docker_ping() {
    [ -S "$1" ] && [ "$(curl -s --max-time 2 --unix-socket "$1" http://docker/_ping 2>/dev/null)" = OK ]
}

# Prints the socket of the user's running engine: that of DOCKER_HOST, or the usual one. Fails if none answers.
docker_socket_found() {
    local host=${DOCKER_HOST:-} socket
    for socket in "${host#unix://}" /var/run/docker.sock; do
        if [ -n "$socket" ] && docker_ping "$socket"; then
            echo "$socket"
            return 0
        fi
    done
    return 1
}

# Starts dockerd detached with DIR/dockerd.pid and DIR/dockerd.log on SOCKET, and waits until it answers.
# After a kill -9 it can fail at the containerd that is left under EXEC ("timeout waiting for containerd to start"):
# that one is ended first (containers run on), and the start is tried twice.
docker_launch() {
    local dir=$1 socket=$2 exec=$3 attempt waited
    shift 3
    for attempt in 1 2; do
        docker_end "$dir" "$exec"
        docker_as_root rm -f "$dir/dockerd.pid" "$socket" || return
        # A new session, so that no signal to the script's group reaches the engine; the group lets its starter in.
        docker_as_root setsid --fork dockerd -H "unix://$socket" --pidfile "$dir/dockerd.pid" \
            --group "$(id -gn)" "$@" >>"$dir/dockerd.log" 2>&1 </dev/null || return
        for ((waited = 0; waited < 300; waited++)); do
            docker_ping "$socket" && return 0
            # Gone already: its pid was written and is no more.
            [ -s "$dir/dockerd.pid" ] && ! [ -d "/proc/$(cat "$dir/dockerd.pid")" ] && break
            sleep 0.1
        done
    done
    docker_end "$dir" "$exec"
    echo "dockerd does not answer on $socket; the end of $dir/dockerd.log:" >&2
    tail -n 10 "$dir/dockerd.log" >&2
    return 1
}

# Prints the processes of program NAME (its beginning) with TEXT in one of their arguments.
docker_processes() {
    local name=$1 text=$2 comm pid
    for comm in $(grep -ls -- "^$name" /proc/[0-9]*/comm); do
        pid=${comm#/proc/}
        pid=${pid%/comm}
        if grep -qsF -- "$text" "/proc/$pid/cmdline"; then echo "$pid"; fi
    done
}

# Ends the dockerd with the pid file DIR/dockerd.pid, which it may not have written yet, and the containerd that it left
# under EXEC.
docker_end() {
    local dir=$1 exec=$2 pid waited
    for pid in $(docker_processes dockerd "$dir/dockerd.pid") $(docker_processes containerd "$exec/containerd/containerd.toml"); do
        docker_as_root kill "$pid" 2>/dev/null || true
        for ((waited = 0; waited < 150; waited++)); do
            [ -d "/proc/$pid" ] || break
            sleep 0.1
        done
        if [ -d "/proc/$pid" ]; then docker_as_root kill -9 "$pid" 2>/dev/null || true; fi
    done
}

# Starts an own engine that keeps everything under DIR and listens on DIR/docker.sock; nothing to do if it answers.
docker_engine_start() {
    local dir=$1
    if [ ${#dir} -gt 60 ]; then
        echo "$dir is too long a name: the sockets below it must stay under 108 characters" >&2
        return 1
    fi
    mkdir -p "$dir"
    docker_ping "$dir/docker.sock" && return 0
    docker_bridge "$dir" || return
    docker_launch "$dir" "$dir/docker.sock" "$dir/exec" --data-root "$dir/data" --exec-root "$dir/exec" \
        --bridge "$(cat "$dir/bridge")"
}

# Makes a bridge for the engine of DIR, in a subnet that no other has, and keeps its name in DIR/bridge.
docker_bridge() {
    local name number subnet tried
    number=$(echo "$1" | cksum | cut -d ' ' -f 1)
    name=apus$(printf '%08x' "$number")
    echo "$name" >"$1/bridge"
    ip link show "$name" >/dev/null 2>&1 && return 0
    for ((tried = 0; tried < 256; tried++)); do
        subnet=10.214.$(((number + tried) % 256))
        ip -4 -o addr | grep -qF " $subnet.1/" || break
    done
    docker_as_root ip link add "$name" type bridge &&
        docker_as_root ip addr add "$subnet.1/24" dev "$name" && docker_as_root ip link set "$name" up
}

# Removes the bridge of FILE, and the packet filter's rules that name it: an engine leaves them behind.
docker_bridge_remove() {
    local name table rule
    name=$(cat "$1" 2>/dev/null) || return 0
    for table in nat filter; do
        docker_as_root iptables -t "$table" -S 2>/dev/null | grep -w -- "$name" | sed 's/^-A/-D/' | while read -r rule; do
            # Unquoted on purpose: a rule is words.
            # shellcheck disable=SC2086
            docker_as_root iptables -t "$table" $rule
        done || true
    done
    ! ip link show "$name" >/dev/null 2>&1 || docker_as_root ip link del "$name" || true
}

# Removes every container of the own engine of DIR, ends it, and unmounts what it left behind. DIR itself stays.
docker_engine_stop() {
    local dir=$1 pid mount bridge round left
    # Again while there are any: whoever used it may have made one meanwhile.
    for ((round = 0; round < 20; round++)); do
        docker_ping "$dir/docker.sock" || break
        left=$(docker_containers "$dir/docker.sock")
        [ -n "$left" ] || break
        printf '%s\n' "$left" | xargs -P 8 -I '{}' curl -s -o /dev/null --max-time 60 --unix-socket "$dir/docker.sock" \
            -X DELETE 'http://docker/containers/{}?force=1&v=1' || true
    done
    docker_end "$dir" "$dir/exec"
    # An engine that was killed leaves those who hold its containers; and tests have engines of their own under DIR.
    for pid in $(docker_processes dockerd "$dir/") $(docker_processes containerd "$dir/"); do
        # Unquoted on purpose: words.
        # shellcheck disable=SC2046
        docker_as_root kill -9 "$pid" $(cat "/proc/$pid/task/"*/children 2>/dev/null) 2>/dev/null || true
    done
    # A netns bind mount keeps a deleted namespace alive; deepest first.
    for mount in $(awk -v under="$dir/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do
        docker_as_root umount "$mount" || true
    done
    for bridge in "$dir/bridge" "$dir"/tmp/own*/bridge; do docker_bridge_remove "$bridge"; done
    docker_as_root rm -f "$dir/dockerd.pid" "$dir/docker.sock"
}

# Prints the ids of all containers on SOCKET, stopped ones included, one a line; LABEL (`key` or `key=value`) narrows it.
docker_containers() {
    local socket=$1 label=${2:-} query=(--data-urlencode all=1)
    [ -n "$label" ] && query+=(--data-urlencode "filters={\"label\":[\"$label\"]}")
    curl -s -G --max-time 30 --unix-socket "$socket" "${query[@]}" http://docker/containers/json |
        { grep -o '"Id":"[0-9a-f]\{64\}"' || true; } | cut -d '"' -f 4
}

# Prints the socket of a running engine for daily use; starts one on the usual socket if there is none.
# Without systemd it is a plain dockerd, with its pid and log under DIR; `docker_user_engine_stop DIR` ends that one.
docker_user_engine() {
    local dir=$1 socket=/var/run/docker.sock
    docker_socket_found && return 0
    mkdir -p "$dir"
    # An engine that answers root and not us is somebody's: it must be neither started over nor ended.
    if [ -S "$socket" ] &&
        [ "$(docker_as_root curl -s --max-time 5 --unix-socket "$socket" http://docker/_ping)" = OK ]; then
        echo "a Docker engine runs, but $(id -un) may not use it: add yourself to the group docker and log in again" >&2
        return 1
    fi
    if [ -s /var/run/docker.pid ] && [ -d "/proc/$(cat /var/run/docker.pid)" ]; then
        echo "dockerd (process $(cat /var/run/docker.pid)) runs but does not answer on $socket: look at it first" >&2
        return 1
    fi
    if [ -d /run/systemd/system ]; then
        docker_as_root systemctl start docker >&2 || return
        docker_socket_found && return 0
        echo "docker runs but its socket does not answer: add yourself to the group docker and log in again" >&2
        return 1
    fi
    docker_launch "$dir" "$socket" /var/run/docker --live-restore && echo "$socket"
}

# Ends the plain dockerd that docker_user_engine started. Its containers run on (--live-restore).
docker_user_engine_stop() {
    docker_end "$1" /var/run/docker
    docker_as_root rm -f "$1/dockerd.pid"
}
