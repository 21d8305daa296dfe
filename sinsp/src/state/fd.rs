//! One open descriptor.
//!
//! A descriptor is what a process would see behind a number: a path, a connection, a kernel object. Entries are
//! shared between the tables of a process and its forks until one of them changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Text;
use crate::text::Line;

/// The flag of the schema's `file_flags` that an exec closes the descriptor.
pub(crate) const O_CLOEXEC: u32 = 1 << 12;

/// What a descriptor stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum FdKind {
    Unknown,
    File,
    Directory,
    /// A socket with two ends, of which either may be all zero.
    Ipv4(Ipv4Tuple),
    /// As [`Ipv4`](Self::Ipv4), for IPv6.
    Ipv6(Box<Ipv6Tuple>),
    /// A socket bound to an address, not connected.
    Ipv4Server {
        ip: Ipv4Addr,
        port: u16,
        l4: L4Proto,
    },
    /// As [`Ipv4Server`](Self::Ipv4Server), for IPv6.
    Ipv6Server(Box<Ipv6End>),
    Fifo,
    /// Two kernel addresses, source and destination; the path is the descriptor's name.
    Unix(Box<UnixTuple>),
    Event,
    Unsupported,
    SignalFd,
    EventPoll,
    Inotify,
    TimerFd,
    Netlink,
    Bpf,
    UserfaultFd,
    IoUring,
    Memfd,
    /// A handle of a process.
    PidFd {
        pid: i64,
    },
}

/// Transport protocol, numbered as in capture files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum L4Proto {
    #[default]
    Unknown,
    NotApplicable,
    Tcp,
    Udp,
    Icmp,
    Raw,
}

impl L4Proto {
    /// The protocol with the number that capture files use.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::NotApplicable,
            2 => Self::Tcp,
            3 => Self::Udp,
            4 => Self::Icmp,
            5 => Self::Raw,
            _ => Self::Unknown,
        }
    }

    /// The number that capture files use.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A pair of IPv4 ends. The source is the client's end once the role is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Ipv4Tuple {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub source_port: u16,
    pub destination_port: u16,
    pub l4: L4Proto,
}

/// A pair of IPv6 ends. The source is the client's end once the role is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Ipv6Tuple {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub source_port: u16,
    pub destination_port: u16,
    pub l4: L4Proto,
}

/// One IPv6 end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Ipv6End {
    pub ip: Ipv6Addr,
    pub port: u16,
    pub l4: L4Proto,
}

/// The kernel addresses of a unix socket and its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct UnixTuple {
    pub source: u64,
    pub destination: u64,
}

impl FdKind {
    /// The name of the type as rules write it: `file`, `ipv4`, `pipe` …; `None` where there is none.
    pub fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Ipv4(_) | Self::Ipv4Server { .. } => "ipv4",
            Self::Ipv6(_) | Self::Ipv6Server(_) => "ipv6",
            Self::Unix(_) => "unix",
            Self::Fifo => "pipe",
            Self::Event => "event",
            Self::SignalFd => "signalfd",
            Self::EventPoll => "eventpoll",
            Self::Inotify => "inotify",
            Self::TimerFd => "timerfd",
            Self::Netlink => "netlink",
            Self::Bpf => "bpf",
            Self::UserfaultFd => "userfaultfd",
            Self::IoUring => "io_uring",
            Self::Memfd => "memfd",
            Self::PidFd { .. } => "pidfd",
            Self::Unknown | Self::Unsupported => return None,
        })
    }

    /// One character for the type, as shown in the text of events.
    pub fn type_char(&self) -> u8 {
        match self {
            Self::File => b'f',
            Self::Directory => b'd',
            Self::Ipv4(_) | Self::Ipv4Server { .. } => b'4',
            Self::Ipv6(_) | Self::Ipv6Server(_) => b'6',
            Self::Unix(_) | Self::UserfaultFd => b'u',
            Self::Fifo => b'p',
            Self::Event => b'e',
            Self::SignalFd => b's',
            Self::EventPoll => b'l',
            Self::Inotify => b'i',
            Self::TimerFd => b't',
            Self::Netlink => b'n',
            Self::Bpf => b'b',
            Self::IoUring => b'r',
            Self::Memfd => b'm',
            Self::PidFd { .. } => b'P',
            Self::Unknown => b'o',
            Self::Unsupported => b'X',
        }
    }

    /// Whether it is an IPv4, IPv6 or unix socket.
    pub fn is_socket(&self) -> bool {
        matches!(self, Self::Ipv4(_) | Self::Ipv6(_) | Self::Ipv4Server { .. } | Self::Ipv6Server(_) | Self::Unix(_))
    }
}

/// Which end of a connection this machine's process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Role {
    #[default]
    None,
    Client,
    Server,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConnectStatus {
    #[default]
    None,
    Pending,
    Connected,
    Failed,
}

/// In which layer of an overlay a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Overlay {
    #[default]
    None,
    Upper,
    Lower,
}

/// One open descriptor.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fd {
    /// What it stands for.
    pub kind: FdKind,
    /// A path, a pair of addresses, a label: what `fd.name` shows.
    pub name: Text,
    /// The path as the process gave it; empty where it is not known.
    pub name_raw: Text,
    /// The path of an opened file as the kernel has it: no links, no `..`; empty where it is not known.
    pub real_path: Text,
    /// Flags of `open`, of the schema's `file_flags`.
    pub open_flags: u32,
    /// Device number; 0 unknown.
    pub dev: u32,
    /// Which end of a connection it is.
    pub role: Role,
    /// How far the connection is.
    pub status: ConnectStatus,
    /// In which layer of an overlay the file lies.
    pub overlay: Overlay,
    /// Whether it was found when the capture began.
    pub from_scan: bool,
    /// Whether it was made as an IPv6 socket, which can turn into an IPv4 one.
    pub(crate) made_v6: bool,
    /// Inode; 0 unknown.
    pub ino: u64,
    /// Changes whenever anything above may have; never used twice.
    pub stamp: u64,
    memo: AtomicU64,
}

impl Fd {
    /// A descriptor of the given kind, without a name.
    pub fn new(kind: FdKind) -> Self {
        Self {
            kind,
            name: Text::EMPTY,
            name_raw: Text::EMPTY,
            real_path: Text::EMPTY,
            open_flags: 0,
            dev: 0,
            role: Role::None,
            status: ConnectStatus::None,
            overlay: Overlay::None,
            from_scan: false,
            made_v6: false,
            ino: 0,
            stamp: 0,
            memo: AtomicU64::new(0),
        }
    }

    /// A word that a rule engine may keep beside the descriptor; 0 at first, and again in a copy that differs.
    #[inline]
    pub fn memo(&self) -> u64 {
        self.memo.load(Ordering::Relaxed)
    }

    /// Sets [`memo`](Self::memo).
    #[inline]
    pub fn set_memo(&self, memo: u64) {
        self.memo.store(memo, Ordering::Relaxed);
    }

    /// Whether it has no more facts than a file has: neither ends nor a role.
    pub(super) fn is_plain(&self) -> bool {
        self.role == Role::None && self.status == ConnectStatus::None && !self.made_v6
    }

    /// Whether it is a socket with two ends of the internet.
    #[inline]
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_))
    }

    /// Whether an exec closes it.
    pub fn is_close_on_exec(&self) -> bool {
        let bit = match self.kind {
            FdKind::EventPoll | FdKind::Memfd => O_CLOEXEC | 1,
            _ => O_CLOEXEC,
        };
        self.open_flags & bit != 0
    }

    /// Sets or clears that an exec closes it.
    pub(crate) fn set_close_on_exec(&mut self, on: bool) {
        // Bit 0 says so for epoll and memfd; for others it is part of the access mode, which is lost here as in Falco.
        self.open_flags &= !(O_CLOEXEC | 1);
        if on {
            self.open_flags |= O_CLOEXEC;
        }
    }

    /// The transport protocol of a socket. A socket whose role is not known yet has none, unless it is raw.
    pub fn l4(&self) -> L4Proto {
        match &self.kind {
            FdKind::Ipv4(Ipv4Tuple { l4, .. }) => self.l4_by_role(*l4),
            FdKind::Ipv6(tuple) => self.l4_by_role(tuple.l4),
            FdKind::Ipv4Server { l4, .. } => *l4,
            FdKind::Ipv6Server(end) => end.l4,
            _ => L4Proto::NotApplicable,
        }
    }

    fn l4_by_role(&self, l4: L4Proto) -> L4Proto {
        if l4 == L4Proto::Raw || self.role != Role::None { l4 } else { L4Proto::NotApplicable }
    }

    /// The source's address and port, where there are two ends.
    pub fn source(&self) -> Option<(IpAddr, u16)> {
        match &self.kind {
            FdKind::Ipv4(tuple) => Some((tuple.source.into(), tuple.source_port)),
            FdKind::Ipv6(tuple) => Some((tuple.source.into(), tuple.source_port)),
            _ => None,
        }
    }

    /// The destination's address and port, or those of a server's own end.
    pub fn destination(&self) -> Option<(IpAddr, u16)> {
        match &self.kind {
            FdKind::Ipv4(tuple) => Some((tuple.destination.into(), tuple.destination_port)),
            FdKind::Ipv6(tuple) => Some((tuple.destination.into(), tuple.destination_port)),
            FdKind::Ipv4Server { ip, port, .. } => Some(((*ip).into(), *port)),
            FdKind::Ipv6Server(end) => Some((end.ip.into(), end.port)),
            _ => None,
        }
    }

    /// Gives a socket its name from its ends; other kinds keep theirs.
    pub(crate) fn name_socket(&mut self) {
        let mut line = Line::default();
        match &self.kind {
            FdKind::Ipv4(_) | FdKind::Ipv6(_) => {
                if let (Some(source), Some(destination)) = (self.source(), self.destination()) {
                    line.endpoint(source);
                    line.push(b"->");
                    line.endpoint(destination);
                }
            }
            FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_) => {
                if let Some(end) = self.destination() {
                    line.endpoint(end);
                }
            }
            _ => return,
        }
        self.name = Text::new(line.as_bytes());
    }

    /// Gives a connection its name as its protocol has it: without ports where there are none. Says whether it changed.
    pub(crate) fn name_connection(&mut self) -> bool {
        let l4 = match &self.kind {
            FdKind::Ipv4(tuple) => tuple.l4,
            FdKind::Ipv6(tuple) => tuple.l4,
            _ => return false,
        };
        let (Some(source), Some(destination)) = (self.source(), self.destination()) else { return false };
        let mut line = Line::default();
        match l4 {
            L4Proto::Tcp | L4Proto::Udp => {
                line.endpoint(source);
                line.push(b"->");
                line.endpoint(destination);
            }
            L4Proto::Raw if source.0.is_ipv6() => line.push(b"<unknown>"),
            L4Proto::Icmp | L4Proto::Raw => {
                line.address(source.0);
                line.push(b"->");
                line.address(destination.0);
            }
            L4Proto::Unknown | L4Proto::NotApplicable => line.push(b"<unknown>"),
        }
        self.name.set(line.as_bytes())
    }

    /// The major number of the device.
    pub fn dev_major(&self) -> u32 {
        (self.dev & 0xfff00) >> 8
    }

    /// The minor number of the device.
    pub fn dev_minor(&self) -> u32 {
        (self.dev & 0xff) | ((self.dev >> 12) & 0xfff00)
    }
}

impl Clone for Fd {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind.clone(),
            name: self.name.clone(),
            name_raw: self.name_raw.clone(),
            real_path: self.real_path.clone(),
            memo: AtomicU64::new(0),
            ..*self
        }
    }
}
