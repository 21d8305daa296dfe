//! All kinds of file descriptors, and what the kernel has behind them.

use std::net::{Ipv4Addr, Ipv6Addr};

use scap::plan::Descriptor;

use super::{FdKind, Ipv4Tuple, Ipv6End, Ipv6Tuple, L4Proto};

impl FdKind {
    /// Returns one of each kind, whose details say nothing.
    pub fn each() -> Vec<Self> {
        let (v4, v6, l4) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, L4Proto::Unknown);
        vec![
            Self::Unknown,
            Self::File,
            Self::Directory,
            Self::Ipv4(Ipv4Tuple { source: v4, destination: v4, source_port: 0, destination_port: 0, l4 }),
            Self::Ipv6(Box::new(Ipv6Tuple { source: v6, destination: v6, source_port: 0, destination_port: 0, l4 })),
            Self::Ipv4Server { ip: v4, port: 0, l4 },
            Self::Ipv6Server(Box::new(Ipv6End { ip: v6, port: 0, l4 })),
            Self::Fifo,
            Self::Unix(Box::default()),
            Self::Event,
            Self::Unsupported,
            Self::SignalFd,
            Self::EventPoll,
            Self::Inotify,
            Self::TimerFd,
            Self::Netlink,
            Self::Bpf,
            Self::UserfaultFd,
            Self::IoUring,
            Self::Memfd,
            Self::PidFd { pid: 0 },
        ]
    }

    /// Returns what the kernel has behind such a file descriptor; `None` if that could be anything else.
    pub fn descriptor(&self) -> Option<Descriptor> {
        Some(match self {
            Self::Ipv4(_) | Self::Ipv6(_) | Self::Ipv4Server { .. } | Self::Ipv6Server(_) => Descriptor::Inet,
            Self::Unix(_) => Descriptor::Unix,
            Self::Unknown | Self::Unsupported | Self::Netlink => return None,
            _ => Descriptor::File,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_listed_once() {
        // A new kind has to be added here, and the list then as well.
        let place = |kind: &FdKind| match kind {
            FdKind::Unknown => 0,
            FdKind::File => 1,
            FdKind::Directory => 2,
            FdKind::Ipv4(_) => 3,
            FdKind::Ipv6(_) => 4,
            FdKind::Ipv4Server { .. } => 5,
            FdKind::Ipv6Server(_) => 6,
            FdKind::Fifo => 7,
            FdKind::Unix(_) => 8,
            FdKind::Event => 9,
            FdKind::Unsupported => 10,
            FdKind::SignalFd => 11,
            FdKind::EventPoll => 12,
            FdKind::Inotify => 13,
            FdKind::TimerFd => 14,
            FdKind::Netlink => 15,
            FdKind::Bpf => 16,
            FdKind::UserfaultFd => 17,
            FdKind::IoUring => 18,
            FdKind::Memfd => 19,
            FdKind::PidFd { .. } => 20,
        };
        let places: Vec<usize> = FdKind::each().iter().map(place).collect();
        assert_eq!(places, (0..21).collect::<Vec<_>>());
    }

    #[test]
    fn sockets_are_told_apart_from_all_else() {
        for kind in FdKind::each() {
            match kind.descriptor() {
                Some(Descriptor::File) => assert!(!kind.is_socket(), "{kind:?}"),
                Some(_) => assert!(kind.is_socket(), "{kind:?}"),
                None => assert!(!kind.is_socket(), "{kind:?}"),
            }
        }
    }
}
