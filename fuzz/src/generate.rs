//! Makes events and states out of arbitrary bytes, driven by the schema. Used by the fuzz targets and, with bytes from
//! proptest, by the property tests of `scap`.

use std::net::{Ipv4Addr, Ipv6Addr};

use peregrine_scap::host::{Fd, FdKind, Group, Interface, InterfaceAddress, Machine, Thread, User};
use peregrine_scap::schema::{EVENTS, EventInfo, ParamInfo};
use peregrine_scap::{EventBuilder, HostState};

/// Bytes that run out; after that they are zeros.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Returns the next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// Returns whether all are used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the next eight bytes.
    pub fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }

    /// Returns at most `max` of the next bytes.
    pub fn some(&mut self, max: usize) -> Vec<u8> {
        let len = self.word() as usize % (max + 1);
        (0..len).map(|_| self.byte()).collect()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}

/// Builds an event with values of the sizes that its row of the schema requires. Those of the current schema have all
/// their parameters; others may have any number of them.
pub fn event(bytes: &mut Bytes<'_>, builder: &mut EventBuilder) {
    let info = &EVENTS[bytes.word() as usize % EVENTS.len()];
    let fewer = if bytes.byte() < 32 { bytes.byte() } else { 0 };
    start(info, bytes, builder);
    for param in info.params.iter().take(info.params.len().saturating_sub(usize::from(fewer))) {
        push(param, bytes, builder);
    }
}

/// Builds an event that every reader returns unchanged.
pub fn current_event(bytes: &mut Bytes<'_>, builder: &mut EventBuilder) {
    let at = bytes.word() as usize;
    let current =
        |info: &&EventInfo| peregrine_scap::savefile::Upgrade::is_current(info.code, info.params.len() as u32);
    let count = EVENTS.iter().filter(current).count();
    let Some(info) = EVENTS.iter().filter(current).nth(at % count) else { return };
    start(info, bytes, builder);
    for param in info.params {
        push(param, bytes, builder);
    }
}

fn start(info: &EventInfo, bytes: &mut Bytes<'_>, builder: &mut EventBuilder) {
    let tid = i64::from(bytes.byte() % 4);
    let flags = if bytes.byte() < 64 { bytes.word() as u32 } else { 0 };
    builder.start(info.code).ts(bytes.word()).tid(tid).cpu(bytes.word() as u16).flags(flags);
}

fn push(param: &ParamInfo, bytes: &mut Bytes<'_>, builder: &mut EventBuilder) {
    if bytes.byte() < 16 {
        builder.empty();
    } else if param.ty.is_variable() {
        let value = bytes.some(300);
        builder.raw(&value);
    } else {
        let value: Vec<u8> = (0..param.ty.min_len()).map(|_| bytes.byte()).collect();
        builder.raw(&value);
    }
}

/// Returns a state that survives being written: names are not longer than the format allows.
pub fn host(bytes: &mut Bytes<'_>) -> HostState {
    HostState {
        machine: bytes.flag().then(|| Machine {
            cpus: bytes.word() as u32,
            memory: bytes.word(),
            max_pid: bytes.word(),
            hostname: name(bytes, 127),
            boot_time: bytes.word(),
            flags: bytes.word(),
        }),
        interfaces: list(bytes, |bytes| Interface {
            address: if bytes.flag() {
                InterfaceAddress::V4 { address: ipv4(bytes), netmask: ipv4(bytes), broadcast: ipv4(bytes) }
            } else {
                InterfaceAddress::V6 { address: ipv6(bytes), netmask: ipv6(bytes), broadcast: ipv6(bytes) }
            },
            link_speed: bytes.word(),
            name: bytes.some(1023),
        }),
        users: list(bytes, |bytes| User {
            uid: bytes.word() as u32,
            gid: bytes.word() as u32,
            name: bytes.some(255),
            home: bytes.some(255),
            shell: bytes.some(255),
        }),
        groups: list(bytes, |bytes| Group { gid: bytes.word() as u32, name: bytes.some(255) }),
        threads: threads(bytes),
    }
}

fn threads(bytes: &mut Bytes<'_>) -> Vec<Thread> {
    let mut threads = list(bytes, thread);
    threads.sort_by_key(|thread| thread.tid);
    threads.dedup_by_key(|thread| thread.tid);
    threads
}

fn thread(bytes: &mut Bytes<'_>) -> Thread {
    Thread {
        tid: bytes.word() as i64,
        pid: bytes.word() as i64,
        ptid: bytes.word() as i64,
        sid: bytes.word() as i64,
        vpgid: bytes.word() as i64,
        pgid: bytes.word() as i64,
        vtid: bytes.word() as i64,
        vpid: bytes.word() as i64,
        comm: bytes.some(1024),
        exe: bytes.some(1024),
        exepath: bytes.some(1024),
        args: bytes.some(4096),
        env: bytes.some(4096),
        cwd: bytes.some(1024),
        root: bytes.some(1024),
        cgroups: bytes.some(4096),
        fdlimit: bytes.word() as i64,
        flags: bytes.word() as u32,
        uid: bytes.word() as u32,
        gid: bytes.word() as u32,
        vmsize_kb: bytes.word() as u32,
        vmrss_kb: bytes.word() as u32,
        vmswap_kb: bytes.word() as u32,
        pfmajor: bytes.word(),
        pfminor: bytes.word(),
        pidns_init_start_ts: bytes.word(),
        tty: bytes.word() as u32,
        loginuid: bytes.word() as u32,
        exe_writable: bytes.flag(),
        exe_upper_layer: bytes.flag(),
        exe_lower_layer: bytes.flag(),
        exe_from_memfd: bytes.flag(),
        cap_inheritable: bytes.word(),
        cap_permitted: bytes.word(),
        cap_effective: bytes.word(),
        exe_ino: bytes.word(),
        exe_ino_ctime: bytes.word(),
        exe_ino_mtime: bytes.word(),
        start_ts: 0,
        fds: list(bytes, |bytes| Fd { num: bytes.word() as i64, ino: bytes.word(), kind: fd_kind(bytes) }),
    }
}

fn fd_kind(bytes: &mut Bytes<'_>) -> FdKind {
    match bytes.byte() % 7 {
        0 => FdKind::File { flags: bytes.word() as u32, name: bytes.some(1023), dev: bytes.word() as u32 },
        1 => FdKind::Ipv4 {
            sip: ipv4(bytes),
            dip: ipv4(bytes),
            sport: bytes.word() as u16,
            dport: bytes.word() as u16,
            l4: bytes.byte(),
        },
        2 => FdKind::Ipv6 {
            sip: ipv6(bytes),
            dip: ipv6(bytes),
            sport: bytes.word() as u16,
            dport: bytes.word() as u16,
            l4: bytes.byte(),
        },
        3 => FdKind::Ipv4Server { ip: ipv4(bytes), port: bytes.word() as u16, l4: bytes.byte() },
        4 => FdKind::Ipv6Server { ip: ipv6(bytes), port: bytes.word() as u16, l4: bytes.byte() },
        5 => FdKind::Unix { source: bytes.word(), destination: bytes.word(), name: bytes.some(1023) },
        _ => {
            const NAMED: [u8; 14] = [1, 2, 7, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20];
            let ty = NAMED[usize::from(bytes.byte()) % NAMED.len()];
            FdKind::Named { ty, name: bytes.some(1023) }
        }
    }
}

fn list<T>(bytes: &mut Bytes<'_>, mut one: impl FnMut(&mut Bytes<'_>) -> T) -> Vec<T> {
    let count = if bytes.is_empty() { 0 } else { bytes.byte() % 4 };
    (0..count).map(|_| one(bytes)).collect()
}

/// Returns text without a NUL.
fn name(bytes: &mut Bytes<'_>, max: usize) -> Vec<u8> {
    bytes.some(max).into_iter().take_while(|byte| *byte != 0).collect()
}

fn ipv4(bytes: &mut Bytes<'_>) -> Ipv4Addr {
    Ipv4Addr::from_bits(bytes.word() as u32)
}

fn ipv6(bytes: &mut Bytes<'_>) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(bytes.word()) << 64 | u128::from(bytes.word()))
}
