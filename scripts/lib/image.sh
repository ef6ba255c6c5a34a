# A small image made here, so that demo, tests and benchmarks need no registry. Sourced after docker.sh.

# Builds image TAG (name:tag) on the engine at SOCKET unless it is there.
#
# Its command serves HTTP on port 8000: `GET /` answers 200 and names the instance and the host.
busybox_image() {
    local socket=$1 tag=$2 busybox folder answer
    curl -sf -o /dev/null --max-time 10 --unix-socket "$socket" "http://docker/images/$tag/json" && return 0
    busybox=$(docker_busybox) || { echo "there is no static busybox: install busybox-static" >&2; return 1; }
    folder=$(mktemp -d)
    mkdir -p "$folder/bin" "$folder/www" "$folder/tmp"
    cp "$busybox" "$folder/bin/busybox"
    for applet in sh cat echo env exit hostname httpd kill ls nc sleep stat true false wget head dd tail; do
        ln -s busybox "$folder/bin/$applet"
    done
    # Any user may write the page; any user may use /tmp.
    chmod 1777 "$folder/www" "$folder/tmp"
    # The shell stays process 1 with a trap: a process 1 without a handler would ignore SIGTERM.
    cat >"$folder/bin/serve" <<'SERVE'
#!/bin/sh
trap 'exit 0' TERM INT
echo "instance ${DROVE_INSTANCE_ID:-none} on $(hostname)" >/www/index.html
httpd -f -p 8000 -h /www &
wait $!
SERVE
    chmod 755 "$folder" "$folder/bin/serve"
    answer=$(tar c -C "$folder" --owner=0 --group=0 . | curl -s --max-time 60 --unix-socket "$socket" -X POST \
        -H 'Content-Type: application/x-tar' --data-binary @- \
        "http://docker/images/create?fromSrc=-&repo=${tag%:*}&tag=${tag##*:}&changes=CMD%20%5B%22/bin/serve%22%5D")
    rm -rf "$folder"
    if ! curl -sf -o /dev/null --max-time 10 --unix-socket "$socket" "http://docker/images/$tag/json"; then
        echo "building $tag failed; the engine said: $answer" >&2
        return 1
    fi
}
