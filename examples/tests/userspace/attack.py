import os, shutil, socket, stat, subprocess, sys

folder = sys.argv[1]
os.chdir(folder)
os.environ["HOME"] = folder


def run(*command, **more):
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


run("cat", "/etc/shadow")
os.mkdir(".ssh")
with open(".ssh/id_rsa", "w") as key:
    key.write("x")
run("cat", folder + "/.ssh/id_rsa")
# Programs from where none belong, under other names and without a file.
shutil.copy("/bin/true", "/dev/shm/peregrine-attack")
run("/dev/shm/peregrine-attack")
os.unlink("/dev/shm/peregrine-attack")
shutil.copy("/bin/true", "nmap")
run("./nmap", "-sS", "127.0.0.1")
hidden = os.memfd_create("evil")
with open("/bin/true", "rb") as program:
    os.write(hidden, program.read())
run(f"/proc/self/fd/{hidden}", pass_fds=[hidden])
shutil.copy("/bin/true", "gone")
deleted = os.open("gone", os.O_RDONLY)
os.unlink("gone")
run(f"/proc/self/fd/{deleted}", pass_fds=[deleted])
# A file that runs as its owner, a history that is removed, a namespace.
shutil.copy("/bin/true", "suid")
os.chmod("suid", stat.S_ISUID | 0o755)
with open(".bash_history", "w") as history:
    history.write("x")
run("rm", "-f", folder + "/.bash_history")
run("unshare", "--user", "true")
# A shell whose input is a connection.
server = socket.create_server(("127.0.0.1", 0))
child = os.fork()
if child == 0:
    client = socket.create_connection(server.getsockname())
    for number in range(3):
        os.dup2(client.fileno(), number)
    os.execv("/bin/sh", ["sh", "-i"])
connection, _ = server.accept()
connection.sendall(b"exit\n")
os.waitpid(child, 0)
