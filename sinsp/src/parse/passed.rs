//! File descriptors that came with a message, as the probe names them behind the parameters of the schema.
//!
//! ```text
//! i32 fd | u32 flags, or type and protocol of a socket | u32 device | u16 kind | u16 len | u64 inode | len bytes
//! ```

use scap::event::SockTuple;

use super::socket;
use crate::state::{Fd, FdKind, Text, UnixTuple};

const HEADER: usize = 24;
const FILE: u16 = 1;
const DIRECTORY: u16 = 2;
const SOCKET: u16 = 3;

/// One passed file descriptor.
pub(super) struct Entry<'e> {
    flags: u32,
    dev: u32,
    kind: u16,
    ino: u64,
    value: &'e [u8],
}

/// Returns the numbers of the file descriptors with their entries; ends at the first invalid one.
pub(super) fn named(mut bytes: &[u8]) -> impl Iterator<Item = (i64, Entry<'_>)> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let word = |at: usize| header.get(at..at + 4)?.first_chunk().map(|word| u32::from_le_bytes(*word));
        let half = |at: usize| header.get(at..at + 2)?.first_chunk().map(|half| u16::from_le_bytes(*half));
        let ino = header.get(16..)?.first_chunk().map(|ino| u64::from_le_bytes(*ino))?;
        let (value, rest) = rest.split_at_checked(half(14)?.into())?;
        bytes = rest;
        let num = i64::from(word(0)?.cast_signed());
        Some((num, Entry { flags: word(4)?, dev: word(8)?, kind: half(12)?, ino, value }))
    })
}

impl Entry<'_> {
    /// Returns the file descriptor; `None` if its kind is unknown.
    pub(super) fn fd(&self) -> Option<Fd> {
        let mut fd = match self.kind {
            FILE | DIRECTORY => {
                let mut fd = Fd::new(if self.kind == FILE { FdKind::File } else { FdKind::Directory });
                fd.name = Text::new(self.value.split(|byte| *byte == 0).next()?);
                fd.real_path = fd.name.clone();
                fd.open_flags = self.flags;
                fd
            }
            SOCKET => self.socket()?,
            _ => return None,
        };
        (fd.dev, fd.ino) = (self.dev, self.ino);
        Some(fd)
    }

    fn socket(&self) -> Option<Fd> {
        let family = u32::from(*self.value.first()?);
        let mut fd = socket::new(family, self.flags >> 16, self.flags & 0xffff, 0);
        let tuple = SockTuple::parse(self.value)?;
        match tuple.unmapped() {
            SockTuple::Inet { source, destination } => {
                fd.set_ends(source, destination);
                fd.name_connection();
            }
            SockTuple::Unix { source, destination, .. } => {
                fd.kind = FdKind::Unix(Box::new(UnixTuple { source, destination }));
                let mut name = Vec::new();
                scap::render::sock_tuple(&tuple, &mut name);
                fd.name = Text::new(&name);
            }
            SockTuple::Other(_) => return None,
        }
        Some(fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(num: i32, kind: u16, value: &[u8]) -> Vec<u8> {
        // A socket has its type and its protocol: a stream of TCP.
        let flags = if kind == SOCKET { 1u32 << 16 | 6 } else { 1 };
        let mut bytes = [num.to_le_bytes(), flags.to_le_bytes(), 9u32.to_le_bytes()].concat();
        bytes.extend(kind.to_le_bytes());
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend(77u64.to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn files_and_sockets_have_names() {
        let tuple = [&[2][..], &[10, 0, 0, 5], &4242u16.to_le_bytes(), &[1, 2, 3, 4], &80u16.to_le_bytes()].concat();
        let bytes = [entry(5, FILE, b"/etc/shadow\0"), entry(6, SOCKET, &tuple), entry(7, 9, b"")].concat();
        let found: Vec<_> = named(&bytes).map(|(num, entry)| (num, entry.fd())).collect();
        let names: Vec<_> = found.iter().map(|(num, fd)| (*num, fd.as_ref().map(|fd| fd.name.to_vec()))).collect();
        let connection = b"10.0.0.5:4242->1.2.3.4:80".to_vec();
        assert_eq!(names, [(5, Some(b"/etc/shadow".to_vec())), (6, Some(connection)), (7, None)]);
        let file = found[0].1.as_ref().expect("a file");
        assert_eq!((file.ino, file.dev, file.open_flags), (77, 9, 1));
    }

    #[test]
    fn a_cut_entry_ends_the_list() {
        let whole = entry(5, FILE, b"/etc/shadow\0");
        for len in 0..whole.len() {
            assert_eq!(named(&whole[..len]).count(), 0, "{len}");
        }
    }
}
