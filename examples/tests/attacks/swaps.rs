//! Arguments that another thread changes while the call runs.

use crate::target::{NOBODY, Target};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Two calls that wait in the kernel while their argument is replaced: the open of a pipe that has two names, and the
/// connect to a socket whose queue is full.
const SWAPS: &str = r#"
import ctypes, os, socket, struct, tempfile, threading, time

libc = ctypes.CDLL(None, use_errno=True)
folder = tempfile.mkdtemp(dir="/tmp")
marked, other = folder + "/peregrine-swap-a", folder + "/peregrine-swap-b"

def during(numbers, call, change):
    """Makes a call in a thread, and changes its argument once it waits in the kernel."""
    started = []
    def run():
        started.append(threading.get_native_id())
        assert call() >= 0, ctypes.get_errno()
    thread = threading.Thread(target=run)
    thread.start()
    end = time.time() + 20
    def waits():
        if not started:
            return False
        with open(f"/proc/self/task/{started[0]}/syscall") as file:
            return file.read().split()[0] in numbers
    while not waits():
        assert time.time() < end
        time.sleep(0.01)
    change()
    thread.join(20)
    assert not thread.is_alive()

os.mkfifo(marked)
os.link(marked, other)
path = ctypes.create_string_buffer(marked.encode())
def change_path():
    path.value = other.encode()
    os.open(other, os.O_WRONLY)
during(("2", "257"), lambda: libc.open(path, os.O_RDONLY), change_path)

server = socket.socket()
server.bind(("127.83.77.1", 0))
server.listen(0)
fill = []
for number in range(8):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    fill.append(client)
client = socket.socket()
client.bind(("127.83.77.2", 0))
address = ctypes.create_string_buffer(
    struct.pack("=HH4s8x", socket.AF_INET, socket.htons(server.getsockname()[1]), bytes([127, 83, 77, 1])), 16)
def change_address():
    # No family: as if the call had dissolved a connection.
    address.raw = struct.pack("=HH4s8x", FAMILY, socket.htons(9), bytes([127, 0, 0, 1]))
    def accept():
        while True:
            server.accept()
    threading.Thread(target=accept, daemon=True).start()
during(("42",), lambda: libc.connect(client.fileno(), address, 16), change_address)
os.unlink(marked); os.unlink(other); os.rmdir(folder)
print("attack: done", flush=True)
os._exit(0)
"#;

const RULES: &str = "
- rule: Open that was changed
  desc: d
  condition: evt.type in (open, openat) and evt.arg.name endswith peregrine-swap-a and evt.rawres >= 0
  output: o name=%evt.arg.name raw=%fd.nameraw fs=%fs.path.nameraw fd=%fd.name
  priority: WARNING
- rule: Connect that was changed
  desc: d
  condition: evt.type = connect and fd.cip = 127.83.77.2
  output: o addr=%evt.arg.addr fd=%fd.name
  priority: WARNING
";

#[test]
fn an_argument_that_changes_during_the_call_is_the_one_that_was_used() {
    let python = std::path::Path::new("/usr/bin/python3");
    if !python.exists() {
        return testkit::skip(&testkit::PYTHON, testkit::PYTHON.missing);
    }
    let Some(target) = Target::start_with_rules(RULES) else { return };
    // An address without a family, and one of another host.
    for (round, family) in [0, 2].into_iter().enumerate() {
        let attack = SWAPS.replace("FAMILY", &family.to_string());
        let output = Command::new(python).args(["-I", "-c", &attack]).uid(NOBODY).gid(NOBODY).current_dir("/").output();
        let output = output.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "attack: done\n", "{output:?}");
        let outputs = |rule: &str| -> Vec<String> {
            target.alerts(rule).iter().map(|alert| alert["output"].as_str().unwrap_or_default().to_owned()).collect()
        };
        for rule in ["Open that was changed", "Connect that was changed"] {
            target.until(rule, |_| outputs(rule).len() > round);
        }
        let open = outputs("Open that was changed").remove(round);
        let values: Vec<&str> = open.split(' ').filter_map(|word| Some(word.split_once('=')?.1)).collect();
        assert!(values.len() == 4 && values.iter().all(|value| value.ends_with("/peregrine-swap-a")), "{open}");
        let connect = outputs("Connect that was changed").remove(round);
        assert!(connect.contains("addr=127.83.77.1:") && connect.contains("->127.83.77.1:"), "{connect}");
    }
}
