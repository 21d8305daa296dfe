//! Checks of this host's features, before anything is loaded, so that a missing one is named.

use crate::config::Toctou;
use crate::{Error, Result};
use libbpf_rs::btf::{Btf, ReferencesType as _, types};
use std::fs;
use std::path::Path;

/// The kernel's type information.
const BTF: &str = "/sys/kernel/btf/vmlinux";
/// Bits of the capabilities that the probe needs; `CAP_SYS_ADMIN` includes all of them.
const NEEDED: [(u32, &str); 2] = [(39, "CAP_BPF"), (38, "CAP_PERFMON")];
/// Before 5.11 maps count towards a limit of locked memory, which needs this capability to be raised.
const NEEDED_BEFORE_5_11: [(u32, &str); 3] = [NEEDED[0], NEEDED[1], (24, "CAP_SYS_RESOURCE")];
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_PTRACE: u32 = 19;
/// Capabilities belong to a thread.
const STATUS: &str = "/proc/thread-self/status";

/// Checks that the probe can run here.
pub(crate) fn check() -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    if version(release).is_some_and(|version| version < (5, 8)) {
        return Err(Error::OldKernel(release.into()));
    }
    let status = fs::read_to_string(STATUS).map_err(Error::io(STATUS))?;
    let needed: &[_] = if version(release) < Some((5, 11)) { &NEEDED_BEFORE_5_11 } else { &NEEDED };
    if let Some(name) = missing_capability(&status, needed) {
        return Err(Error::Capability(name));
    }
    if let Ok(modes) = fs::read_to_string("/sys/kernel/security/lockdown")
        && let Some(mode) = lockdown(&modes)
        && mode == "confidentiality"
    {
        return Err(Error::Lockdown(mode.into()));
    }
    if !Path::new(BTF).exists() {
        return Err(Error::NoBtf(BTF));
    }
    Ok(())
}

/// Returns whether the processes of other users can be read.
pub(crate) fn sees_processes() -> bool {
    let held = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        Some(u64::from_str_radix(line.trim(), 16).ok()? >> CAP_SYS_PTRACE & 1 == 1)
    };
    fs::read_to_string(STATUS).ok().and_then(|status| held(&status)).unwrap_or(true)
}

/// Returns how arguments can be guarded: at exit where a program can find the memory of a text, else at entry by
/// tracepoints where tracefs has them, else by the hook of all calls.
pub(crate) fn guard() -> Toctou {
    if has_helper("BPF_FUNC_find_vma") {
        return Toctou::Exit;
    }
    let (_, tracepoint, _) = crate::generated::ENTERS[0];
    match crate::sys::tracepoint_id(tracepoint, true) {
        Ok(_) => Toctou::Tracepoints,
        Err(_) => Toctou::Hook,
    }
}

/// Whether the kernel has a helper function for BPF programs.
pub(crate) fn has_helper(name: &str) -> bool {
    let Ok(btf) = Btf::from_vmlinux() else { return false };
    let Some(helpers) = btf.type_by_name::<types::Enum<'_>>("bpf_func_id") else { return false };
    helpers.iter().any(|helper| helper.name.is_some_and(|found| found == name))
}

/// Parses major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Returns the first of `needed` that the text of `/proc/self/status` does not show as effective.
fn missing_capability(status: &str, needed: &[(u32, &'static str)]) -> Option<&'static str> {
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let held = u64::from_str_radix(held.trim(), 16).ok()?;
    if held >> CAP_SYS_ADMIN & 1 == 1 {
        return None;
    }
    needed.iter().find(|(bit, _)| held >> bit & 1 == 0).map(|(_, name)| *name)
}

/// Returns the mode in brackets.
fn lockdown(modes: &str) -> Option<&str> {
    modes.split_once('[')?.1.split(']').next()
}

/// Returns the programs for io_uring requests that fit the kernel's tracepoints; none if it has others or none.
pub(crate) fn io_uring_programs() -> Vec<&'static str> {
    let Ok(btf) = Btf::from_vmlinux() else { return Vec::new() };
    let arguments = |tracepoint: &str| -> Option<usize> {
        let name = format!("btf_trace_{tracepoint}");
        let pointer: types::Ptr<'_> =
            btf.type_by_name::<types::Typedef<'_>>(&name)?.referenced_type().try_into().ok()?;
        let proto: types::FuncProto<'_> = pointer.referenced_type().try_into().ok()?;
        // The first is the kernel's own.
        proto.len().checked_sub(1)
    };
    let submit = match (arguments("io_uring_submit_req"), arguments("io_uring_submit_sqe")) {
        (Some(1), _) => "uring_submit",
        (None, Some(2)) => "uring_submit_old",
        _ => return Vec::new(),
    };
    match arguments("io_uring_complete") {
        Some(3) => vec![submit, "uring_complete"],
        Some(7) => vec![submit, "uring_complete_old"],
        _ => Vec::new(),
    }
}

/// Returns the number of CPUs that the kernel may ever have: numbers of CPUs are below this.
pub(crate) fn possible_cpus() -> Result<usize> {
    libbpf_rs::num_possible_cpus().map_err(Error::bpf("counting processors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.4-rc1"), Some((5, 4)));
        assert_eq!(version("x"), None);
    }

    #[test]
    fn capabilities_by_bit() {
        let missing = |held: &str| missing_capability(&format!("CapEff:\t{held}\n"), &NEEDED);
        assert_eq!(missing("0000000000000000"), Some("CAP_BPF"));
        assert_eq!(missing("000001ffffffffff"), None);
        assert_eq!(missing("0000008000000000"), Some("CAP_PERFMON"));
        assert_eq!(missing("000000c000000000"), None);
        assert_eq!(missing("0000000000200000"), None, "CAP_SYS_ADMIN stands for all");
        let old = missing_capability("CapEff:\t000000c000000000\n", &NEEDED_BEFORE_5_11);
        assert_eq!(old, Some("CAP_SYS_RESOURCE"));
    }

    #[test]
    fn lockdown_mode() {
        assert_eq!(lockdown("none [integrity] confidentiality"), Some("integrity"));
        assert_eq!(lockdown(""), None);
    }
}
