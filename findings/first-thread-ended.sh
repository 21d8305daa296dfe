#!/bin/bash
# A process whose first thread has ended looks like a zombie, and continues to run.
#
# Seen on Linux 6.18: /proc/PID/stat says Z, /proc/PID/exe and cwd cannot be read, cmdline and fd are empty. All of it is
# there below /proc/PID/task/TID of a running thread: the process still has its files and memory. A program that reads
# /proc/PID regards the process as dead, without a name, a program or file descriptors.
set -eu
exec python3 - <<'P'
import ctypes, os, signal, sys, threading

libc = ctypes.CDLL(None)
ready, told = os.pipe()
pid = os.fork()
if pid == 0:
    def stay():
        os.write(told, str(threading.get_native_id()).encode() + b"\n")
        while True:
            signal.sigwait([signal.SIGUSR1])
    threading.Thread(target=stay).start()
    libc.syscall(60, 0)  # exit of this thread alone, on x86_64
os.close(told)
tid = int(os.fdopen(ready).readline())
failed = 0
try:
    def state(path):
        return open(path).read().rsplit(")", 1)[1].split()[0]
    while state(f"/proc/{pid}/stat") != "Z":
        os.sched_yield()
    def expect(what, holds):
        global failed
        if not holds:
            failed = 1
            print("changed:", what)
    def link(path):
        try:
            return os.readlink(path)
        except OSError:
            return None
    thread = f"/proc/{pid}/task/{tid}"
    expect("the process has no program", link(f"/proc/{pid}/exe") is None)
    expect("the process has no directory", link(f"/proc/{pid}/cwd") is None)
    expect("the process has no arguments", open(f"/proc/{pid}/cmdline").read() == "")
    expect("the thread lives", state(f"{thread}/stat") in "SR")
    expect("the thread has the program", link(f"{thread}/exe") == os.readlink("/proc/self/exe"))
    expect("the thread has the arguments", open(f"{thread}/cmdline").read() != "")
    expect("the thread has the descriptors", os.listdir(f"{thread}/fd") != [])
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
sys.exit(failed)
P
