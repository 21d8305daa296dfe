#!/bin/bash
# The local syslog socket of rsyslog does not know the format that its own network ports prefer.
#
# Seen with rsyslog 8.2302.0 (Debian 12), default settings of the modules imuxsock and imudp:
#   - a message of RFC 5424 on the local socket is taken for one of RFC 3164 without a time: the program's name is "1",
#     which is the version of the format, and time, host and program are text of the message;
#   - the same bytes by UDP are parsed as RFC 5424;
#   - a message of RFC 3164 without a host is right on the local socket, and the same bytes by UDP are too, with the
#     name of the sender's address as host; with a host it is right by UDP.
# Filters by program's name see nothing of a program that writes RFC 5424 to /dev/log.
set -eu
command -v rsyslogd >/dev/null || { echo "rsyslogd is not installed"; exit 77; }
rsyslogd -v | head -n 1
exec python3 - <<'P'
import os, signal, socket, subprocess, sys, tempfile, time

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.bind(("127.0.0.1", 0))
    port = one.getsockname()[1]
with tempfile.TemporaryDirectory() as folder:
    path = lambda name: os.path.join(folder, name)
    with open(path("conf"), "w") as file:
        file.write("""
global(workDirectory="%(folder)s")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
template(name="parts" type="list") {
  property(name="programname") constant(value="|") property(name="msg") constant(value="\\n") }
input(type="imuxsock" Socket="%(folder)s/log")
input(type="imudp" address="127.0.0.1" port="%(port)d")
action(type="omfile" file="%(folder)s/out" template="parts")
""" % {"folder": folder, "port": port})
    program = subprocess.Popen(["rsyslogd", "-n", "-f", path("conf"), "-i", path("pid")])
    try:
        def lines():
            try:
                with open(path("out")) as out:
                    return out.read().splitlines()
            except FileNotFoundError:
                return []

        def parsed(kind, address, message):
            before = len(lines())
            until = time.monotonic() + 30
            with socket.socket(kind, socket.SOCK_DGRAM) as sender:
                while len(lines()) == before and time.monotonic() < until:
                    try:
                        # Before it listens, a datagram is lost.
                        sender.connect(address)
                        sender.send(message)
                    except OSError:
                        pass
                    for _ in range(20):
                        if len(lines()) > before:
                            break
                        time.sleep(0.05)
            return lines()[before]

        long = b"<13>1 2026-11-22T12:00:00.000000Z host program 7 - - text"
        short = b"<13>Nov 22 12:00:00 program[7]: text"
        found = [parsed(socket.AF_UNIX, path("log"), long), parsed(socket.AF_INET, ("127.0.0.1", port), long),
                 parsed(socket.AF_UNIX, path("log"), short), parsed(socket.AF_INET, ("127.0.0.1", port), short)]
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait()
print("\n".join(found))
sys.exit(found != ["1| 2026-11-22T12:00:00.000000Z host program 7 - - text", "program|text", "program| text", "program| text"])
P
