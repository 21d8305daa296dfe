//! A denial as the kernel reports it.

use super::plan::Hook;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Something that was denied, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// Nanoseconds since boot, sleep included.
    pub time: u64,
    /// Whether it only would have been denied.
    pub dry_run: bool,
    /// The place of the rule in [`Plan::rules`](super::Plan::rules).
    pub rule: u32,
    /// The point at which it was denied.
    pub hook: Hook,
    /// The process, the thread and the parent process, in the initial PID namespace.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The parent process.
    pub ppid: u32,
    /// The effective user.
    pub uid: u32,
    /// The name of the thread.
    pub comm: String,
    /// The number of the cgroup (v2).
    pub cgroup: u64,
    /// The short ID of the container; empty on the host.
    pub container: String,
    /// The path of the executable of the process; at an exec the one before.
    pub exe: String,
    /// The path of the file: what would have been run, opened, renamed, removed or linked.
    pub object: String,
    /// The new path of a rename or link.
    pub target: String,
    /// The address and the port of a connect to an internet address.
    pub address: Option<(IpAddr, u16)>,
}

/// The offsets and sizes of `struct denial` in `c/deny/report.bpf.h`.
mod at {
    pub(super) const TIME: usize = 0;
    pub(super) const CGROUP: usize = 8;
    pub(super) const PID: usize = 16;
    pub(super) const TID: usize = 20;
    pub(super) const PPID: usize = 24;
    pub(super) const UID: usize = 28;
    pub(super) const RULE: usize = 32;
    pub(super) const HOOK: usize = 36;
    pub(super) const DRY_RUN: usize = 37;
    pub(super) const FAMILY: usize = 38;
    pub(super) const IN_CONTAINER: usize = 39;
    pub(super) const PORT: usize = 40;
    pub(super) const CONTAINER: usize = 42;
    pub(super) const COMM: usize = 56;
    pub(super) const IP: usize = 72;
    pub(super) const EXE: usize = 88;
    pub(super) const NAMES: usize = 8 + 1024 + 256;
    pub(super) const OBJECT: usize = EXE + NAMES;
    pub(super) const TARGET: usize = OBJECT + NAMES;
    pub(super) const SIZE: usize = TARGET + NAMES;
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Returns the path of `struct names`: from its names, the last first. One that does not begin at the root begins with `...`.
fn path(bytes: &[u8]) -> Option<String> {
    let size = u32::from_ne_bytes(number(bytes, 0)?) as usize;
    let whole = u32::from_ne_bytes(number(bytes, 4)?) != 0;
    let names = bytes.get(8..)?;
    let names = names.get(..size.min(names.len()))?.strip_suffix(b"\0").unwrap_or_default();
    if names.is_empty() {
        return Some(if whole { "/".to_owned() } else { String::new() });
    }
    let names: Vec<String> = names.split(|byte| *byte == 0).rev().map(text).collect();
    let joined = names.join("/");
    Some(match (whole, names.len()) {
        (true, _) => format!("/{joined}"),
        // Such as a memfd.
        (false, 1) => joined,
        (false, _) => format!(".../{joined}"),
    })
}

impl Denial {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..at::SIZE)?;
        let u32_at = |at| Some(u32::from_ne_bytes(number(bytes, at)?));
        let u64_at = |at| Some(u64::from_ne_bytes(number(bytes, at)?));
        let ip = Ipv6Addr::from(number::<16>(bytes, at::IP)?);
        let port = u16::from_ne_bytes(number(bytes, at::PORT)?);
        let address = match bytes[at::FAMILY] {
            2 => Some((IpAddr::V4(ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED)), port)),
            10 => Some((IpAddr::V6(ip), port)),
            _ => None,
        };
        let in_container = bytes[at::IN_CONTAINER] != 0;
        Some(Self {
            time: u64_at(at::TIME)?,
            dry_run: bytes[at::DRY_RUN] != 0,
            rule: u32_at(at::RULE)?,
            hook: *Hook::ALL.get(usize::from(bytes[at::HOOK]))?,
            pid: u32_at(at::PID)?,
            tid: u32_at(at::TID)?,
            ppid: u32_at(at::PPID)?,
            uid: u32_at(at::UID)?,
            comm: text(&bytes[at::COMM..at::IP]),
            cgroup: u64_at(at::CGROUP)?,
            container: if in_container { text(&bytes[at::CONTAINER..at::CONTAINER + 12]) } else { String::new() },
            exe: path(&bytes[at::EXE..at::OBJECT])?,
            object: path(&bytes[at::OBJECT..at::TARGET])?,
            target: path(&bytes[at::TARGET..])?,
            address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::structure_of;

    #[test]
    fn records_are_laid_out_as_in_the_kernel() {
        let (members, size) = structure_of("deny", "denial");
        let ours = [
            ("time", at::TIME),
            ("cgroup", at::CGROUP),
            ("pid", at::PID),
            ("tid", at::TID),
            ("ppid", at::PPID),
            ("uid", at::UID),
            ("rule", at::RULE),
            ("hook", at::HOOK),
            ("dry_run", at::DRY_RUN),
            ("family", at::FAMILY),
            ("in_container", at::IN_CONTAINER),
            ("port", at::PORT),
            ("container", at::CONTAINER),
            ("pad", at::CONTAINER + 12),
            ("comm", at::COMM),
            ("ip", at::IP),
            ("exe", at::EXE),
            ("object", at::OBJECT),
            ("target", at::TARGET),
        ];
        assert_eq!(members, ours.map(|(name, offset)| (name.to_owned(), offset)));
        assert_eq!(size, at::SIZE);
    }

    #[test]
    fn paths_are_put_together_from_their_end() {
        let names = |whole: u32, text: &[u8]| {
            let mut bytes = (text.len() as u32).to_ne_bytes().to_vec();
            bytes.extend(whole.to_ne_bytes());
            bytes.extend(text);
            bytes.resize(at::NAMES, 0);
            path(&bytes).unwrap()
        };
        assert_eq!(names(1, b"shadow\0etc\0"), "/etc/shadow");
        assert_eq!(names(0, b"shadow\0etc\0"), ".../etc/shadow");
        assert_eq!(names(0, b"memfd:x\0"), "memfd:x");
        assert_eq!(names(1, b""), "/");
        assert_eq!(names(0, b""), "");
        assert_eq!(Denial::parse(&[0; 40]), None);
        let mut bytes = [0; at::SIZE];
        bytes[at::HOOK] = 200;
        assert_eq!(Denial::parse(&bytes), None);
        // A size beyond the record.
        bytes[at::HOOK] = 1;
        bytes[at::EXE..at::EXE + 4].fill(0xff);
        assert!(Denial::parse(&bytes).is_some());
    }
}
