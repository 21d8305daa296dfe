//! Addresses from the memory of a process, and those of its sockets.

use crate::call::Ended;
use crate::socket::{AF_UNIX, Address, Direction, Socket, sockaddr};

const SOCKADDR_MAX: u64 = 128;

impl Ended<'_> {
    /// Returns our copy of a file descriptor of the process, if it is a socket.
    pub(crate) fn socket(&mut self, fd: i64) -> Option<Socket> {
        let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        Socket::of(&mut self.process, fd)
    }

    /// Returns the address of `len` bytes at `at`; none if it cannot be read.
    pub(crate) fn address(&mut self, at: u64, len: u64) -> Address {
        if at == 0 || len == 0 || len > SOCKADDR_MAX { Vec::new() } else { self.memory.bytes(at, len).to_vec() }
    }

    /// Returns the address that the kernel wrote, with the length at `len_at`.
    pub(crate) fn received(&mut self, at: u64, len_at: u64) -> Address {
        if at == 0 {
            return Vec::new();
        }
        let len = self.memory.u32(len_at).into();
        self.address(at, len)
    }

    /// Writes both ends of a socket, if there is one.
    pub(crate) fn tuple(&mut self, socket: Option<&Socket>, direction: Direction, address: &[u8]) {
        let mut bytes = Vec::new();
        if let Some(socket) = socket {
            socket.push_tuple(direction, address, &mut bytes);
        }
        self.out.raw(&bytes);
    }

    /// Writes an address; nothing when its family is unknown or it is too short.
    pub(crate) fn sockaddr(&mut self, address: &[u8]) {
        self.out.raw(&sockaddr(address));
    }

    /// Writes the address that a socket was bound to. What the kernel chose comes from the socket.
    pub(crate) fn bound(&mut self, address: &[u8], socket: Option<&Socket>) {
        let mut bytes = sockaddr(address);
        if let Some(socket) = socket {
            let other = bytes.first().copied() != Some(socket.family as u8);
            let chosen = address.len() <= 2 || bytes.len() <= 2 || other || {
                socket.family != AF_UNIX && bytes.ends_with(&[0, 0])
            };
            if chosen {
                bytes.clear();
                socket.push_own(&mut bytes);
            }
        }
        self.out.raw(&bytes);
    }

    /// Writes the address of a socket's peer.
    pub(crate) fn peer(&mut self, socket: &Socket) {
        let mut bytes = Vec::new();
        socket.push_peer(&mut bytes);
        self.out.raw(&bytes);
    }
}
