//! Facts about the host: processors, memory, name, boot time.

use super::read::{Tree, decimal, lines, value, words};
use crate::host::Machine;

const SECOND: u64 = 1_000_000_000;

pub(super) fn read(tree: &mut Tree) -> Machine {
    let stat = tree.small("proc/stat").unwrap_or_default();
    let memory = tree.small("proc/meminfo").unwrap_or_default();
    let kilobytes = value(&memory, "MemTotal:").and_then(|value| words(value).next()).and_then(decimal::<u64>);
    let hostname = tree.small("proc/sys/kernel/hostname").unwrap_or_default();
    let max_pid = tree.small("proc/sys/kernel/pid_max").unwrap_or_default();
    Machine {
        cpus: lines(&stat).filter(|line| is_cpu(line)).count().try_into().unwrap_or(u32::MAX),
        memory: kilobytes.unwrap_or(0).saturating_mul(1024),
        max_pid: decimal(max_pid.trim_ascii()).unwrap_or(0),
        hostname: hostname.trim_ascii().to_vec(),
        boot_time: start(&stat),
        flags: 0,
    }
}

/// Returns the boot time in nanoseconds since 1970.
pub(super) fn boot_time(tree: &mut Tree) -> u64 {
    start(&tree.small("proc/stat").unwrap_or_default())
}

fn start(stat: &[u8]) -> u64 {
    value(stat, "btime").and_then(decimal::<u64>).unwrap_or(0).saturating_mul(SECOND)
}

/// Returns whether a line is that of one processor, such as `cpu0 1 2 3`; the line of their sum has no number.
fn is_cpu(line: &[u8]) -> bool {
    line.strip_prefix(b"cpu").and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
}
