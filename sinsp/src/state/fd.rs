//! One open file descriptor.
//!
//! A file descriptor is the object behind a process's number: a path, a connection, a kernel object. Entries are shared
//! between the tables of a process and its forks until one of them changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Place, Text};
use crate::text::Line;

/// The close-on-exec flag of the schema's `file_flags`.
pub(crate) const O_CLOEXEC: u32 = 1 << 12;

/// The kind of a file descriptor, with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum FdKind {
    Unknown,
    File,
    Directory,
    /// A socket with two ends, either of which may be all zero.
    Ipv4(Ipv4Tuple),
    /// Like [`Ipv4`](Self::Ipv4), for IPv6.
    Ipv6(Box<Ipv6Tuple>),
    /// A socket that is bound to an address and not connected.
    Ipv4Server {
        ip: Ipv4Addr,
        port: u16,
        l4: L4Proto,
    },
    /// Like [`Ipv4Server`](Self::Ipv4Server), for IPv6.
    Ipv6Server(Box<Ipv6End>),
    Fifo,
    /// Two kernel addresses, source and destination; the path is the name of the file descriptor.
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
    /// The file descriptor of a process.
    PidFd {
        pid: i64,
    },
}

/// The transport protocol, numbered as in capture files.
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
    /// Returns the protocol with the number of capture files.
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

    /// Returns the number of capture files.
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
    /// Returns the name of the type in rules: `file`, `ipv4`, `pipe` …; `None` if it does not have one.
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

    /// Returns the type as one character, as in the text of events.
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

    /// Returns whether it is an IPv4, IPv6 or unix socket.
    pub fn is_socket(&self) -> bool {
        matches!(self, Self::Ipv4(_) | Self::Ipv6(_) | Self::Ipv4Server { .. } | Self::Ipv6Server(_) | Self::Unix(_))
    }
}

/// The end of a connection that the host's process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Role {
    #[default]
    None,
    Client,
    Server,
}

/// The status of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConnectStatus {
    #[default]
    None,
    Pending,
    Connected,
    Failed,
}

/// The layer of an overlay that a file lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Overlay {
    #[default]
    None,
    Upper,
    Lower,
}

/// One open file descriptor.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fd {
    /// Its kind.
    pub kind: FdKind,
    /// The value of `fd.name`: a path, a pair of addresses, a label.
    pub name: Text,
    /// The path as the process gave it; empty if not known.
    pub name_raw: Text,
    /// The path of an opened file as the kernel resolved it: no links, no `..`; empty if not known.
    pub real_path: Text,
    /// The other facts of the kernel about that path.
    pub place: Place,
    /// Flags of `open`, as in the schema's `file_flags`.
    pub open_flags: u32,
    /// Device number; 0 if unknown.
    pub dev: u32,
    /// The end of a connection that it is.
    pub role: Role,
    /// The status of the connection.
    pub status: ConnectStatus,
    /// The layer of an overlay that the file lies in.
    pub overlay: Overlay,
    /// Whether it is from the initial state of the capture.
    pub from_scan: bool,
    /// Whether it was created as an IPv6 socket, which can turn into an IPv4 one.
    pub(crate) made_v6: bool,
    /// Inode; 0 if unknown.
    pub ino: u64,
    /// A number that changes whenever anything above may have changed; never reused.
    pub stamp: u64,
    memo: AtomicU64,
}

impl Fd {
    /// Creates a file descriptor of the given kind, without a name.
    pub fn new(kind: FdKind) -> Self {
        Self {
            kind,
            name: Text::EMPTY,
            name_raw: Text::EMPTY,
            real_path: Text::EMPTY,
            place: Place::default(),
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

    /// Returns a word that a rule engine may store with the file descriptor; 0 at first, and again in a copy that
    /// differs.
    #[inline]
    pub fn memo(&self) -> u64 {
        self.memo.load(Ordering::Relaxed)
    }

    /// Sets [`memo`](Self::memo).
    #[inline]
    pub fn set_memo(&self, memo: u64) {
        self.memo.store(memo, Ordering::Relaxed);
    }

    /// Returns whether it has only the facts of a file: neither ends nor a role.
    pub(super) fn is_plain(&self) -> bool {
        self.role == Role::None && self.status == ConnectStatus::None && !self.made_v6
    }

    /// Returns whether it is an internet socket with two ends.
    #[inline]
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_))
    }

    /// Returns whether an exec closes it.
    pub fn is_close_on_exec(&self) -> bool {
        let bit = match self.kind {
            FdKind::EventPoll | FdKind::Memfd => O_CLOEXEC | 1,
            _ => O_CLOEXEC,
        };
        self.open_flags & bit != 0
    }

    /// Sets or clears the close-on-exec flag.
    pub(crate) fn set_close_on_exec(&mut self, on: bool) {
        // Bit 0 is the flag for epoll and memfd; for others it is part of the access mode, which is lost here as in
        // Falco.
        self.open_flags &= !(O_CLOEXEC | 1);
        if on {
            self.open_flags |= O_CLOEXEC;
        }
    }

    /// Returns the transport protocol of a socket. A socket whose role is not known yet has none, unless it is raw.
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

    /// Returns the source's address and port, if there are two ends.
    pub fn source(&self) -> Option<(IpAddr, u16)> {
        match &self.kind {
            FdKind::Ipv4(tuple) => Some((tuple.source.into(), tuple.source_port)),
            FdKind::Ipv6(tuple) => Some((tuple.source.into(), tuple.source_port)),
            _ => None,
        }
    }

    /// Returns the destination's address and port, or those of a server's own end.
    pub fn destination(&self) -> Option<(IpAddr, u16)> {
        match &self.kind {
            FdKind::Ipv4(tuple) => Some((tuple.destination.into(), tuple.destination_port)),
            FdKind::Ipv6(tuple) => Some((tuple.destination.into(), tuple.destination_port)),
            FdKind::Ipv4Server { ip, port, .. } => Some(((*ip).into(), *port)),
            FdKind::Ipv6Server(end) => Some((end.ip.into(), end.port)),
            _ => None,
        }
    }

    /// Names a socket by its ends; other kinds keep their names.
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

    /// Names a connection in the form of its protocol: without ports if it does not have any. Returns whether the name
    /// changed.
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

    /// Returns the major number of the device.
    pub fn dev_major(&self) -> u32 {
        (self.dev & 0xfff00) >> 8
    }

    /// Returns the minor number of the device.
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
            place: self.place.clone(),
            memo: AtomicU64::new(0),
            ..*self
        }
    }
}
