//! The initial state from BPF iterators: the kernel walks its own lists of tasks and open files, and returns one record
//! for each, where `/proc` needs a dozen system calls for a process and three for a file descriptor.
//!
//! [`scap::procfs`] interprets the records (c/iter/scan.bpf.h) with the code that also reads `/proc`. So the state is
//! the same either way, except for what only the kernel knows: the overlay layer of an executable, the true addresses
//! of unix sockets, and sockets of other network namespaces than that of the process.
//!
//! Iterators see the tasks of the reader's pid namespace; a reader outside the host's initial one has to use `/proc`.

use crate::loaded::Loaded;
use crate::{Error, Result};
use libbpf_rs::Iter;
use scap::host::{FdKind, Thread};
use scap::procfs::{self, Config, FileSeen, Snapshot, SnapshotBuilder, TaskSeen};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The programs.
pub(crate) const TASKS: &str = "scan_task";
pub(crate) const FILES: &str = "scan_file";
const OWN: &str = "scan_own";
/// The inode of the initial pid namespace.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";
/// The kernel returns at most 32 KiB at a time.
const CHUNK: usize = 64 << 10;

/// Bits of `flags` of a task.
mod flag {
    pub(super) const KERNEL: u32 = 1;
    pub(super) const UPPER: u32 = 4;
    pub(super) const LOWER: u32 = 8;
    pub(super) const WRITABLE: u32 = 16;
}

/// Interpretation of a text.
mod form {
    pub(super) const NONE: u8 = 0;
    pub(super) const PATH: u8 = 1;
    pub(super) const DELETED: u8 = 2;
    pub(super) const PSEUDO: u8 = 3;
    pub(super) const SOCKET: u8 = 4;
    pub(super) const UNCLEAR: u8 = 5;
}

/// File systems by their magic number.
mod magic {
    pub(super) const ANON_INODE: u64 = 0x0904_1934;
    pub(super) const PIPE: u64 = 0x5049_5045;
    pub(super) const PID: u64 = 0x5049_4446;
    pub(super) const SOCKET: u64 = 0x534f_434b;
    pub(super) const TMPFS: u64 = 0x0102_1994;
    pub(super) const HUGETLBFS: u64 = 0x9584_58f6;
}

/// A member of a record.
trait Member: Sized {
    fn take(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl Member for $ty {
            fn take(from: &mut &[u8]) -> Option<Self> {
                let (value, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_ne_bytes(*value))
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64 i32);

impl<const N: usize> Member for [u8; N] {
    fn take(from: &mut &[u8]) -> Option<Self> {
        let (value, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*value)
    }
}

/// Defines a structure of the probe without gaps, member by member.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($member:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[allow(dead_code, reason = "what fills gaps is not read")]
        struct $name { $($member: $ty,)* }

        impl $name {
            /// Name and size of each member.
            #[cfg(test)]
            const MEMBERS: &[(&str, usize)] = &[$((stringify!($member), size_of::<$ty>()),)*];

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($member: Member::take(from)?,)* })
            }
        }
    };
}

record! {
    /// `struct scan_task`
    TaskRecord {
        len: u32, flags: u32,
        tid: i32, pid: i32, ptid: i32, pgid: i32, sid: i32, vtid: i32, vpid: i32, vpgid: i32,
        uid: u32, gid: u32, loginuid: u32, tty: u32,
        vm_size: u32, vm_rss: u32, vm_swap: u32, alive: i32,
        fdlimit: u64, minor: u64, major: u64, group_minor: u64, group_major: u64, start: u64,
        cap_inheritable: u64, cap_permitted: u64, cap_effective: u64,
        css_set: u64, pid_namespace: u64,
        exe_ino: u64, exe_ctime: u64, exe_mtime: u64,
        comm: [u8; 16],
        exe_len: u16, cwd_len: u16, root_len: u16,
        exe_form: u8, cwd_form: u8, root_form: u8,
        pad2: [u8; 7],
    }
}

record! {
    /// `struct scan_file`
    FileRecord {
        len: u32, pid: i32, fd: u32, mode: u32, ino: u64, magic: u64, dev: u32, flags: u32, text_len: u16, form: u8,
        pad: [u8; 5],
    }
}

record! {
    /// `struct scan_socket`
    SocketRecord {
        sk: u64, family: u16, r#type: u16, protocol: u16, port: u16, peer_port: u16, number: u16, state: u8, bound: u8,
        pad: [u8; 2], address: [u8; 16], peer_address: [u8; 16], name_len: u16, pad2: [u8; 6],
    }
}

fn text<'a>(from: &mut &'a [u8], len: u16) -> &'a [u8] {
    let (text, rest) = from.split_at_checked(len.into()).unwrap_or((from, &[]));
    *from = rest;
    text
}

/// Returns the text of a link under `/proc`; `None`: read it from `/proc`.
fn link(form: u8, magic: u64, text: &[u8]) -> Option<Vec<u8>> {
    match form {
        form::NONE => Some(Vec::new()),
        form::PATH => Some(text.to_vec()),
        form::DELETED => Some([text, b" (deleted)"].concat()),
        // A file without a directory, such as a memfd.
        form::PSEUDO if matches!(magic, magic::TMPFS | magic::HUGETLBFS) => Some([b"/", text, b" (deleted)"].concat()),
        _ => None,
    }
}

impl TaskRecord {
    fn seen(&self, mut texts: &[u8]) -> TaskSeen {
        let mut unclear = Vec::new();
        let mut path = |form, len, which| {
            let text = text(&mut texts, len);
            // Only memory files are executable and have no directory; /proc knows the kind.
            link(form, 0, text).unwrap_or_else(|| {
                unclear.push(which);
                Vec::new()
            })
        };
        let comm = self.comm.split(|byte| *byte == 0).next().unwrap_or_default();
        let has = |flag| self.flags & flag != 0;
        let thread = Thread {
            tid: self.tid.into(),
            pid: self.pid.into(),
            ptid: self.ptid.into(),
            sid: self.sid.into(),
            vpgid: self.vpgid.into(),
            pgid: self.pgid.into(),
            vtid: self.vtid.into(),
            vpid: self.vpid.into(),
            comm: comm.to_vec(),
            exepath: path(self.exe_form, self.exe_len, procfs::Link::Exe),
            cwd: path(self.cwd_form, self.cwd_len, procfs::Link::Cwd),
            root: path(self.root_form, self.root_len, procfs::Link::Root),
            fdlimit: self.fdlimit.cast_signed(),
            uid: self.uid,
            gid: self.gid,
            vmsize_kb: self.vm_size,
            vmrss_kb: self.vm_rss,
            vmswap_kb: self.vm_swap,
            pfmajor: self.major,
            pfminor: self.minor,
            tty: self.tty,
            loginuid: self.loginuid,
            exe_writable: has(flag::WRITABLE),
            exe_upper_layer: has(flag::UPPER),
            exe_lower_layer: has(flag::LOWER),
            cap_inheritable: self.cap_inheritable,
            cap_permitted: self.cap_permitted,
            cap_effective: self.cap_effective,
            exe_ino: self.exe_ino,
            exe_ino_ctime: self.exe_ctime,
            exe_ino_mtime: self.exe_mtime,
            ..Thread::default()
        };
        TaskSeen {
            thread,
            start: self.start,
            ended_faults: (self.group_minor, self.group_major),
            without_program: has(flag::KERNEL),
            css_set: self.css_set,
            pid_namespace: self.pid_namespace,
            unclear,
            alive: (self.alive != 0).then_some(self.alive.into()),
        }
    }
}

impl FileRecord {
    fn seen(&self, mut rest: &[u8]) -> FileSeen {
        if self.form == form::SOCKET {
            let socket = SocketRecord::take(&mut rest);
            return FileSeen::Socket { ino: self.ino, kind: socket.and_then(|socket| socket.kind(rest)) };
        }
        let text = text(&mut rest, self.text_len);
        match (self.form, self.magic) {
            (_, magic::SOCKET) => FileSeen::Socket { ino: self.ino, kind: None },
            (form::PSEUDO, magic::PIPE) => FileSeen::Pipe { ino: self.ino },
            (form::PSEUDO, magic::ANON_INODE) => FileSeen::Anonymous(text.to_vec()),
            (form::PSEUDO, magic::PID) => FileSeen::Anonymous(b"[pidfd]".to_vec()),
            (form::NONE | form::UNCLEAR, _) => FileSeen::Unclear,
            (form, magic) => match link(form, magic, text) {
                Some(name) => {
                    FileSeen::Named { name, ino: self.ino, dev: self.dev, mode: self.mode, flags: self.flags }
                }
                None => FileSeen::Unclear,
            },
        }
    }
}

impl SocketRecord {
    /// Returns the entry of `/proc/net` for the socket, if it is listed there; protocols by the numbers of the format.
    fn kind(&self, name: &[u8]) -> Option<FdKind> {
        const CLOSED: u8 = 7;
        const STREAM: u16 = 1;
        const DATAGRAM: u16 = 2;
        const RAW: u16 = 3;
        const NETLINK_TYPE: u8 = 15;
        match i32::from(self.family) {
            libc::AF_UNIX => {
                let mut name = name.get(..self.name_len.into()).unwrap_or(name).to_vec();
                if name.first() == Some(&0) {
                    // An abstract name: its NULs are shown so.
                    name.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'@');
                } else {
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                }
                return Some(FdKind::Unix { source: self.sk, destination: 0, name });
            }
            libc::AF_NETLINK => {
                return (self.bound != 0).then(|| FdKind::Named { ty: NETLINK_TYPE, name: Vec::new() });
            }
            libc::AF_INET | libc::AF_INET6 => {}
            _ => return None,
        }
        let (l4, listed) = match (self.r#type, i32::from(self.protocol)) {
            (RAW, _) => (5, true),
            (STREAM, libc::IPPROTO_TCP) => (2, self.state != CLOSED),
            (DATAGRAM, libc::IPPROTO_UDP) => (3, self.number != 0),
            (DATAGRAM, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6) => (4, self.number != 0),
            _ => return None,
        };
        if !listed {
            return None;
        }
        // A raw socket's number is its protocol.
        let (sport, dport) =
            if l4 == 5 { (self.number, 0) } else { (u16::from_be(self.port), u16::from_be(self.peer_port)) };
        let ip = |bytes: &[u8; 16]| match bytes.first_chunk::<4>() {
            Some(v4) if i32::from(self.family) == libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*v4)),
            _ => IpAddr::V6(Ipv6Addr::from(*bytes)),
        };
        FdKind::inet((ip(&self.address), sport), (ip(&self.peer_address), dport), l4)
    }
}

/// Reads the output of a program, record by record.
fn each(loaded: &Loaded, program: &str, mut then: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let fault = || Error::bpf(format!("the iterator {program}"));
    let missing = || match loaded.refused.iter().find(|refused| refused.program == program) {
        Some(refused) => Error::Refused(refused.clone()),
        None => Error::Io { context: format!("the iterator {program}"), source: ErrorKind::NotFound.into() },
    };
    let found = loaded.object.progs_mut().find(|found| found.name() == program && found.autoload());
    let link = found.ok_or_else(missing)?.attach().map_err(fault())?;
    let mut iter = Iter::new(&link).map_err(fault())?;
    let mut bytes = vec![0; 2 * CHUNK];
    let mut have = 0;
    loop {
        // A record is far shorter than half of the buffer, so there is always room.
        let free = bytes.get_mut(have..).unwrap_or_default();
        let len = match iter.read(free) {
            Ok(len) => len,
            // The kernel visited many objects without finding one to show.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            Err(source) => return Err(Error::Io { context: format!("the iterator {program}"), source }),
        };
        have += len;
        let mut at = 0;
        while let Some(left) = bytes.get(at..have) {
            let Some(size) = left.first_chunk().map(|size| u32::from_ne_bytes(*size) as usize) else { break };
            let Some(record) = left.get(..size).filter(|_| size >= 4) else { break };
            if !then(record) {
                return Ok(());
            }
            at += size;
        }
        bytes.copy_within(at..have, 0);
        have -= at;
        if len == 0 {
            return Ok(());
        }
    }
}

/// Returns the number of this process in the initial pid namespace, which the programs compare; in another one,
/// `std::process::id` is another number.
pub(crate) fn own_process(loaded: &Loaded) -> Option<u32> {
    let program = loaded.object.progs_mut().find(|found| found.name() == OWN && found.autoload())?;
    let link = program.attach().ok()?;
    let mut number = [0; size_of::<u32>()];
    Iter::new(&link).ok()?.read_exact(&mut number).ok()?;
    Some(u32::from_ne_bytes(number))
}

/// Reads the initial state.
pub(crate) fn scan(loaded: &Loaded, root: &Path, config: &Config) -> Result<Snapshot> {
    let namespace = std::fs::read_link("/proc/self/ns/pid").map_err(Error::io("/proc/self/ns/pid"))?;
    if namespace != Path::new(FIRST_NAMESPACE) {
        return Err(Error::Io {
            context: "iterators see this pid namespace only".into(),
            source: ErrorKind::Unsupported.into(),
        });
    }
    let mut builder = SnapshotBuilder::new(root, config).map_err(Error::Host)?;
    each(loaded, TASKS, |mut record| {
        if let Some(task) = TaskRecord::take(&mut record) {
            builder.task(task.seen(record));
        }
        !builder.is_over()
    })?;
    if config.fds != procfs::FdScan::None && !builder.is_over() {
        each(loaded, FILES, |mut record| {
            if let Some(file) = FileRecord::take(&mut record) {
                builder.file(file.pid.into(), file.fd.into(), file.seen(record));
            }
            !builder.is_over()
        })?;
    }
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::structure;

    #[test]
    fn records_are_laid_out_as_in_the_probe() {
        for (name, ours) in [
            ("scan_task", TaskRecord::MEMBERS),
            ("scan_file", FileRecord::MEMBERS),
            ("scan_socket", SocketRecord::MEMBERS),
        ] {
            let mut at = 0;
            let mut members = Vec::new();
            for (member, size) in ours {
                members.push((member.trim_start_matches("r#").to_owned(), at));
                at += size;
            }
            assert_eq!(structure(name), (members, at), "{name}");
        }
    }

    #[test]
    fn cut_or_invalid_input_does_not_panic() {
        let whole = [1u8; 400];
        for len in 0..whole.len() {
            let mut record = &whole[..len];
            if let Some(task) = TaskRecord::take(&mut record) {
                task.seen(record);
            }
            let mut record = &whole[..len];
            if let Some(mut file) = FileRecord::take(&mut record) {
                for form in 0..8 {
                    file.form = form;
                    file.seen(record);
                }
            }
        }
    }

    #[test]
    fn links_as_proc_shows_them() {
        assert_eq!(link(form::PATH, 0, b"/a"), Some(b"/a".to_vec()));
        assert_eq!(link(form::DELETED, 0, b"/a"), Some(b"/a (deleted)".to_vec()));
        assert_eq!(link(form::PSEUDO, magic::TMPFS, b"memfd:x"), Some(b"/memfd:x (deleted)".to_vec()));
        assert_eq!(link(form::PSEUDO, 1, b"mnt"), None);
        assert_eq!(link(form::UNCLEAR, 0, b""), None);
    }

    #[test]
    fn sockets_that_proc_lists() {
        let tcp = || SocketRecord { family: 2, r#type: 1, protocol: 6, state: 7, ..SocketRecord::default() };
        assert_eq!(tcp().kind(b""), None, "neither bound nor connected");
        let listening = SocketRecord { state: 10, port: 80u16.to_be(), ..tcp() };
        let server = FdKind::Ipv4Server { ip: Ipv4Addr::UNSPECIFIED, port: 80, l4: 2 };
        assert_eq!(listening.kind(b""), Some(server));
        let raw = SocketRecord { family: 2, r#type: 3, protocol: 1, number: 1, ..SocketRecord::default() };
        assert_eq!(raw.kind(b""), Some(FdKind::Ipv4Server { ip: Ipv4Addr::UNSPECIFIED, port: 1, l4: 5 }));
        let unix = |name: &[u8]| {
            let socket = SocketRecord { family: 1, sk: 9, name_len: name.len() as u16, ..SocketRecord::default() };
            socket.kind(name)
        };
        let named = |name: &[u8]| Some(FdKind::Unix { source: 9, destination: 0, name: name.to_vec() });
        assert_eq!(unix(b"/run/x\0"), named(b"/run/x"));
        assert_eq!(unix(b"\0a\0b"), named(b"@a@b"));
        assert_eq!(unix(b""), named(b""));
        assert_eq!(SocketRecord { family: 17, ..tcp() }.kind(b""), None, "packets");
    }
}
