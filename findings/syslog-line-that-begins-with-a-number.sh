#!/bin/bash
# A syslog server on TCP takes a number at the start of a line for the length of the message.
#
# Seen with rsyslog 8.2302.0 (Debian 12), module imtcp with default settings, which takes both framings of RFC 6587 on
# one port and decides for each message by its first byte:
#   - the line "7 alerts were lost" is the message "alerts " of seven bytes, and then the message "were lost";
#   - the same line behind a priority ("<13>") is one message.
# The module imudp cuts a datagram at 8 KiB, the default of maxMessageSize, and says nothing in its log.
# Who sends lines without a priority, or longer ones, finds parts of them.
set -eu
command -v rsyslogd >/dev/null || { echo "rsyslogd is not installed"; exit 77; }
rsyslogd -v | head -n 1
exec python3 - <<'P'
import os, signal, socket, subprocess, sys, tempfile, time

def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
with tempfile.TemporaryDirectory() as folder:
    path = lambda name: os.path.join(folder, name)
    with open(path("conf"), "w") as file:
        file.write("""
global(workDirectory="%(folder)s")
module(load="imtcp")
module(load="imudp")
template(name="raw" type="list") { property(name="rawmsg") constant(value="|\\n") }
input(type="imtcp" address="127.0.0.1" port="%(tcp)d")
input(type="imudp" address="127.0.0.1" port="%(udp)d")
action(type="omfile" file="%(folder)s/out" template="raw")
""" % {"folder": folder, "tcp": tcp, "udp": udp})
    log = open(path("log"), "w")
    program = subprocess.Popen(["rsyslogd", "-n", "-f", path("conf"), "-i", path("pid")], stderr=log)
    try:
        def lines():
            try:
                with open(path("out")) as out:
                    return out.read().splitlines()
            except FileNotFoundError:
                return []

        def wait(count):
            until = time.monotonic() + 30
            while len(lines()) < count and time.monotonic() < until:
                time.sleep(0.05)

        sender = None
        until = time.monotonic() + 30
        while sender is None and time.monotonic() < until:
            try:
                sender = socket.create_connection(("127.0.0.1", tcp))
            except OSError:
                time.sleep(0.05)
        sender.sendall(b"7 alerts were lost\n<13>7 alerts were lost\n")
        wait(3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(b"<13>" + b"x" * 20000, ("127.0.0.1", udp))
        wait(4)
        found = lines()
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait()
    said = open(path("log")).read()
print("\n".join(line if len(line) < 80 else "%s... %d bytes" % (line[:20], len(line) - 1) for line in found))
print(said, end="")
sys.exit(found[:3] != ["alerts |", "were lost|", "<13>7 alerts were lost|"] or len(found[3]) - 1 not in (8096, 8192) or said != "")
P
