# What every peer uses; sourced, not run. A peer is a program that Peregrine talks to, as a package installed it, started
# on loopback in a separate folder. A script of this folder starts one peer, makes its checks, and ends with status 0,
# 1 if a check failed, or 77 if the peer is not installed.
#
#   requires PROGRAM...        ends with 77 if one of them is missing
#   version COMMAND...         prints the first line that the command prints
#   free_port                  prints a port that nothing uses
#   start NAME COMMAND...      starts a program, with its output in $folder/NAME.log; stopped at the end of the script
#   stop NAME                  stops it, and waits for its end
#   eventually COMMAND...      waits until a command succeeds, at most 30 seconds
#   check WHAT COMMAND...      makes a check, prints its result, and goes on
#   detect MORE [ARGUMENT...]  replays the bundled capture with the rules below and these lines of configuration
#   alerts                     the number of alerts of that capture
# shellcheck shell=bash
set -uo pipefail

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$peers/../.." && pwd)
peregrine=${PEREGRINE:-$root/target/debug/peregrine}
folder=$(mktemp -d)
failed=0
declare -A started=()

finish() {
    local name
    for name in "${!started[@]}"; do stop "$name"; done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

requires() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program is not installed"; exit 77; }
    done
}

version() {
    "$@" 2>&1 | head -n 1
}

free_port() {
    python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])'
}

start() {
    local name=$1
    shift
    "$@" >>"$folder/$name.log" 2>&1 &
    started[$name]=$!
}

stop() {
    local name=$1 pid=${started[$1]:-}
    unset "started[$name]"
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}

eventually() {
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    "$@"
}

listening() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

check() {
    local what=$1
    shift
    if "$@" >"$folder/check.log" 2>&1; then
        echo "  ok      $what"
    else
        echo "  FAILED  $what"
        sed 's/^/          /' "$folder/check.log" | tail -n 30
        failed=1
    fi
}

cat >"$folder/rules.yaml" <<'RULES'
- rule: Program started
  desc: a program
  condition: evt.type = execve and proc.name in (su, dd, id)
  output: started %proc.name
  priority: WARNING
  tags: [team-a, team.a, team_a]
RULES

configure() {
    {
        echo "log_stderr: true"
        echo "log_syslog: false"
        echo "log_level: debug"
        echo "json_output: true"
        echo "rules_files: [$folder/rules.yaml]"
        echo "$1"
    } >"$folder/falco.yaml"
}

detect() {
    configure "$1"
    shift
    "$peregrine" -c "$folder/falco.yaml" -o engine.kind=replay \
        -o "engine.replay.capture_file=$root/testdata/captures/attack-a.scap" "$@" >"$folder/out" 2>"$folder/err"
}

alerts() {
    "$peregrine" -r "$folder/rules.yaml" -o engine.kind=replay \
        -o "engine.replay.capture_file=$root/testdata/captures/attack-a.scap" 2>/dev/null | grep -c ' started '
}
