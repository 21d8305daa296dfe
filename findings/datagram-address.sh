#!/bin/bash
# The target of a datagram is neither always the address of the call nor the peer that the socket is connected to.
#
# Seen on Linux 6.18, by a receiver on loopback:
#   - an IPv4 socket reads an address of family AF_UNSPEC as one of IPv4;
#   - an IPv6 socket reads the same family as no address at all: the datagram goes to the connected peer;
#   - an IPv6 socket accepts an address of family AF_INET;
#   - a connected datagram socket sends to the address of the call, its connection stays as it is;
#   - 0.0.0.0 and :: are this host;
#   - a unix socket of type SOCK_SEQPACKET ignores the address, one of type SOCK_DGRAM uses it.
# A program that reads an address in the form of the socket's family names targets that nothing was sent to.
set -eu
exec python3 - <<'P'
import ctypes, os, socket, struct, sys, tempfile

libc = ctypes.CDLL(None, use_errno=True)
failed = 0

def send(sender, address):
    return libc.sendto(sender.fileno(), b"x", 1, 0, address, len(address))

def receiver(family, name, kind=socket.SOCK_DGRAM):
    made = socket.socket(family, kind)
    made.bind(name)
    made.setblocking(False)
    return made

def got(made):
    try:
        return made.recv(8) == b"x"
    except BlockingIOError:
        return False

def expect(what, *states):
    global failed
    if not all(states):
        failed = 1
        print("changed:", what)

one, two = receiver(socket.AF_INET, ("127.0.0.1", 0)), receiver(socket.AF_INET, ("127.0.0.1", 0))
six, seven = receiver(socket.AF_INET6, ("::1", 0)), receiver(socket.AF_INET6, ("::1", 0))

def v4(family, port, ip="127.0.0.1"):
    return struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(ip) + bytes(8)

def v6(family, port, ip="::1"):
    return struct.pack("=H", family) + struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, ip) + bytes(4)

plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
expect("AF_UNSPEC is IPv4 on a socket of IPv4", send(plain, v4(0, one.getsockname()[1])) == 1, got(one))
expect("0.0.0.0 is this machine", send(plain, v4(socket.AF_INET, one.getsockname()[1], "0.0.0.0")) == 1, got(one))
plain.connect(two.getsockname())
expect("the call's address wins over the connection", send(plain, v4(socket.AF_INET, one.getsockname()[1])) == 1,
       got(one), not got(two), plain.getpeername() == two.getsockname())

dual = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
expect("IPv4 by a socket of IPv6", send(dual, v4(socket.AF_INET, one.getsockname()[1])) == 1, got(one))
expect(":: is this machine", send(dual, v6(socket.AF_INET6, six.getsockname()[1], "::")) == 1, got(six))
expect("AF_UNSPEC needs a connection on a socket of IPv6", send(dual, v6(0, six.getsockname()[1])) == -1)
dual.connect(seven.getsockname())
expect("AF_UNSPEC is no address on a socket of IPv6", send(dual, v6(0, six.getsockname()[1])) == 1, got(seven), not got(six))

with tempfile.TemporaryDirectory() as folder:
    names = [os.path.join(folder, name) for name in "ab"]
    first, second = [receiver(socket.AF_UNIX, name) for name in names]
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(names[0])
    expect("a unix datagram follows the call", sender.sendto(b"x", names[1]) == 1, got(second), not got(first))
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(os.path.join(folder, "c"))
    server.listen(1)
    packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    packets.connect(os.path.join(folder, "c"))
    accepted = server.accept()[0]
    accepted.setblocking(False)
    address = struct.pack("=H", socket.AF_UNIX) + names[1].encode() + b"\0"
    expect("SOCK_SEQPACKET passes over the address", send(packets, address) == 1, got(accepted), not got(second))
sys.exit(failed)
P
