#!/bin/bash
# After recvfrom the length of the address is that of the sender's, not that of the buffer.
#
# Seen on Linux 6.18: a buffer of 4 bytes gets 4 bytes of the address, and the length is 16. A program that reads the
# address after the call by this length reads 12 bytes that belong to something else; the length of the buffer is known
# before the call only.
set -eu
exec python3 - <<'P'
import ctypes, socket, sys

libc = ctypes.CDLL(None)
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("127.0.0.1", 0))
sender.sendto(b"x", receiver.getsockname())
address = ctypes.create_string_buffer(b"\xaa" * 16, 16)
length = ctypes.c_uint(4)
data = ctypes.create_string_buffer(8)
assert libc.recvfrom(receiver.fileno(), data, 8, 0, address, ctypes.byref(length)) == 1
holds = length.value == 16 and address.raw[4:] == b"\xaa" * 12 and address.raw[:2] == b"\x02\x00"
if not holds:
    print("changed: the length is", length.value, "and the address", address.raw)
sys.exit(not holds)
P
