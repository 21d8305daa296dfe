//! The state of the host when a capture began: plain data, filled from a capture's first blocks, from `/proc` or by BPF
//! iterators, and imported by the state engine (docs/savefile.md).
//!
//! Text is bytes: names, paths and arguments need not be UTF-8.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The state of the host when a capture began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostState {
    /// Facts about the host; absent in captures of plugins.
    pub machine: Option<Machine>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// Users.
    pub users: Vec<User>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Threads, each with the file descriptors of its table.
    pub threads: Vec<Thread>,
}

/// Facts about the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The greatest possible pid.
    pub max_pid: u64,
    /// The host name.
    pub hostname: Vec<u8>,
    /// The boot time, in nanoseconds since 1970.
    pub boot_time: u64,
    /// Flags; none are defined.
    pub flags: u64,
}

/// One network interface with one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: Vec<u8>,
    /// Its address, mask and broadcast address.
    pub address: InterfaceAddress,
    /// Bits per second; 0 if unknown.
    pub link_speed: u64,
}

/// The address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum InterfaceAddress {
    V4 { address: Ipv4Addr, netmask: Ipv4Addr, broadcast: Ipv4Addr },
    V6 { address: Ipv6Addr, netmask: Ipv6Addr, broadcast: Ipv6Addr },
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: Vec<u8>,
    pub home: Vec<u8>,
    pub shell: Vec<u8>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Group {
    pub gid: u32,
    pub name: Vec<u8>,
}

/// One thread. Numbers that an old capture does not have are at their default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The thread, in the host's pid namespace.
    pub tid: i64,
    /// The process (thread group), in the host's pid namespace.
    pub pid: i64,
    /// The parent process, in the host's pid namespace.
    pub ptid: i64,
    /// The session; -1 if unknown.
    pub sid: i64,
    /// The process group in its pid namespace; -1 if unknown.
    pub vpgid: i64,
    /// The process group in the host's pid namespace; -1 if unknown.
    pub pgid: i64,
    /// The thread in its pid namespace; -1 if unknown.
    pub vtid: i64,
    /// The process in its pid namespace; -1 if unknown.
    pub vpid: i64,
    /// The name that the kernel shows, at most 15 bytes.
    pub comm: Vec<u8>,
    /// The first argument.
    pub exe: Vec<u8>,
    /// The path of the executable, resolved.
    pub exepath: Vec<u8>,
    /// The arguments after the first, each ended by a NUL.
    pub args: Vec<u8>,
    /// The environment, each entry ended by a NUL.
    pub env: Vec<u8>,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// The root directory.
    pub root: Vec<u8>,
    /// The cgroups as `subsystem=path`, each ended by a NUL.
    pub cgroups: Vec<u8>,
    /// The limit of open file descriptors.
    pub fdlimit: i64,
    /// Flags of the kind `CLONE_*` of the schema.
    pub flags: u32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Virtual memory in kilobytes.
    pub vmsize_kb: u32,
    /// Resident memory in kilobytes.
    pub vmrss_kb: u32,
    /// Swapped memory in kilobytes.
    pub vmswap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
    /// The start of the first process of its pid namespace, in nanoseconds since 1970; 0 if unknown.
    pub pidns_init_start_ts: u64,
    /// The terminal; 0 for none.
    pub tty: u32,
    /// The login user; `u32::MAX` if unset.
    pub loginuid: u32,
    /// Whether its user may write the executable.
    pub exe_writable: bool,
    /// Whether the executable lies in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether the executable lies in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether the executable is a memfd.
    pub exe_from_memfd: bool,
    /// Inheritable capabilities.
    pub cap_inheritable: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
    /// Inode of the executable.
    pub exe_ino: u64,
    /// The change time of that inode, in nanoseconds since 1970.
    pub exe_ino_ctime: u64,
    /// The modification time of the executable, in nanoseconds since 1970.
    pub exe_ino_mtime: u64,
    /// The start of the thread, in nanoseconds since 1970; 0 if unknown (capture files do not contain it).
    pub start_ts: u64,
    /// The file descriptors of its table; empty for threads that share their leader's.
    pub fds: Vec<Fd>,
}

impl Default for Thread {
    fn default() -> Self {
        Self {
            tid: -1,
            pid: -1,
            ptid: -1,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            vtid: -1,
            vpid: -1,
            comm: Vec::new(),
            exe: Vec::new(),
            exepath: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: Vec::new(),
            root: Vec::new(),
            cgroups: Vec::new(),
            fdlimit: 0,
            flags: 0,
            uid: 0,
            gid: 0,
            vmsize_kb: 0,
            vmrss_kb: 0,
            vmswap_kb: 0,
            pfmajor: 0,
            pfminor: 0,
            pidns_init_start_ts: 0,
            tty: 0,
            loginuid: u32::MAX,
            exe_writable: false,
            exe_upper_layer: false,
            exe_lower_layer: false,
            exe_from_memfd: false,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            exe_ino: 0,
            exe_ino_ctime: 0,
            exe_ino_mtime: 0,
            start_ts: 0,
            fds: Vec::new(),
        }
    }
}

/// One open file descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fd {
    /// Its number.
    pub num: i64,
    /// The inode; 0 if unknown.
    pub ino: u64,
    /// The file or socket that it refers to.
    pub kind: FdKind,
}

/// The kind of a file descriptor. The order and numbers of the types on disk are in docs/savefile.md.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the format")]
pub enum FdKind {
    File {
        flags: u32,
        name: Vec<u8>,
        dev: u32,
    },
    Ipv4 {
        sip: Ipv4Addr,
        dip: Ipv4Addr,
        sport: u16,
        dport: u16,
        l4: u8,
    },
    Ipv6 {
        sip: Ipv6Addr,
        dip: Ipv6Addr,
        sport: u16,
        dport: u16,
        l4: u8,
    },
    Ipv4Server {
        ip: Ipv4Addr,
        port: u16,
        l4: u8,
    },
    Ipv6Server {
        ip: Ipv6Addr,
        port: u16,
        l4: u8,
    },
    Unix {
        source: u64,
        destination: u64,
        name: Vec<u8>,
    },
    /// Any other type: its number on disk, and a name.
    Named {
        ty: u8,
        name: Vec<u8>,
    },
}

impl FdKind {
    /// Returns a socket of the internet protocols with its own end and the peer; without a peer it is a server. Returns
    /// `None` if the ends are of different families.
    pub fn inet(own: (IpAddr, u16), peer: (IpAddr, u16), l4: u8) -> Option<Self> {
        let (sport, dport) = (own.1, peer.1);
        match (own.0, peer.0) {
            (IpAddr::V4(ip), IpAddr::V4(to)) if to.is_unspecified() => Some(Self::Ipv4Server { ip, port: sport, l4 }),
            (IpAddr::V6(ip), IpAddr::V6(to)) if to.is_unspecified() => Some(Self::Ipv6Server { ip, port: sport, l4 }),
            (IpAddr::V4(sip), IpAddr::V4(dip)) => Some(Self::Ipv4 { sip, dip, sport, dport, l4 }),
            (IpAddr::V6(sip), IpAddr::V6(dip)) => Some(Self::Ipv6 { sip, dip, sport, dport, l4 }),
            _ => None,
        }
    }
}
