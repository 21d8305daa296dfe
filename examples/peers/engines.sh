# What the scripts about container engines share; sourced after lib.sh. They need root and the probe.
#
#   make_image FILE         makes the file system of an image as a tar file: busybox, and a user www
#   watch ENGINES           starts the detector on this host, with these settings of the engines (JSON)
#   says PATTERN            succeeds if an alert matches
#   logs PATTERN            succeeds if the log has a line that matches
#   soon_says PATTERN       waits for an alert that comes from now on
# shellcheck shell=bash

[ "$(id -u)" = 0 ] || { echo "root is required"; exit 77; }

make_image() {
    local files=$folder/files applet
    mkdir -p "$files"/{bin,etc,proc,sys,dev,tmp}
    cp "$(command -v busybox)" "$files/bin/busybox"
    for applet in sh id sleep true; do ln -sf busybox "$files/bin/$applet"; done
    printf 'root:x:0:0:root:/root:/bin/sh\nwww:x:1000:1000::/srv/www:/bin/sh\n' >"$files/etc/passwd"
    printf 'root:x:0:\nwww:x:1000:\n' >"$files/etc/group"
    tar -C "$files" -cf "$1" .
}

# A container does this until it is stopped.
# shellcheck disable=SC2034
loop='while :; do /bin/id; /bin/sleep 0.2; done'

watch() {
    cat >"$folder/rules.yaml" <<'RULES'
- rule: Program in a container
  desc: a program
  condition: evt.type = execve and evt.failed = false and container.id != host and proc.name in (id, sleep, busybox)
  output: >
    seen id=%container.id name=%container.name type=%container.type image=%container.image
    repository=%container.image.repository tag=%container.image.tag user=%user.name process=%proc.exepath end
  priority: WARNING
- rule: Engine socket
  desc: a connection to an engine
  condition: evt.type = connect and fd.name contains .sock and proc.name = peregrine
  output: own query %fd.name
  priority: WARNING
RULES
    cat >"$folder/falco.yaml" <<CONFIG
log_stderr: true
log_syslog: false
log_level: debug
rules_files: [$folder/rules.yaml]
stdout_output: {enabled: false}
file_output: {enabled: true, filename: $folder/alerts, keep_alive: true}
webserver: {enabled: false}
plugins:
  - name: container
    library_path: built-in
    init_config: {engines: $1}
load_plugins: [container]
CONFIG
    : >"$folder/alerts"
    start peregrine "$peregrine" -c "$folder/falco.yaml"
    eventually grep -q "watching this host" "$folder/peregrine.log" || { tail -n 5 "$folder/peregrine.log"; exit 77; }
}

says() {
    grep -Eq -- "$1" "$folder/alerts"
}

logs() {
    grep -Eq -- "$1" "$folder/peregrine.log"
}

soon_says() {
    local from
    from=$(wc -l <"$folder/alerts")
    for _ in $(seq 200); do
        tail -n "+$((from + 1))" "$folder/alerts" | grep -Eq -- "$1" && return 0
        sleep 0.1
    done
    tail -n 5 "$folder/alerts"
    tail -n 5 "$folder/peregrine.log"
    return 1
}
