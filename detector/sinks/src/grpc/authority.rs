//! Authorities of clients on a unix socket.
//!
//! Clients of gRPC's C core, such as those in Python, send the path of the socket as `:authority`, percent-encoded. That
//! is not an authority (RFC 3986, section 3.2), and the HTTP/2 implementation refuses the request. Nothing here depends on
//! its value: it is replaced while the bytes of the connection are read. Frames are those of RFC 9113, section 4; header
//! blocks those of RFC 7541, section 6.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes that begin a connection of HTTP/2.
const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;
/// The length of a frame that a client may send by default.
const MOST: usize = 16384;
const HEADERS: u8 = 1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The number of `:authority` in the static table.
const AUTHORITY: usize = 1;
const NAME: &[u8] = b":authority";
const REPLACEMENT: &[u8] = b"localhost";

/// A connection whose requests have an authority that is one.
#[derive(Debug)]
pub(super) struct LocalAuthority<S> {
    stream: S,
    frames: Frames,
    /// Bytes that are ready to be read, and how many have been.
    ready: Vec<u8>,
    taken: usize,
}

impl<S> LocalAuthority<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Frames::default(), ready: Vec::new(), taken: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LocalAuthority<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.frames.pass(read.filled(), &mut this.ready);
        }
        let rest = this.ready.get(this.taken..).unwrap_or_default();
        let part = rest.get(..buf.remaining()).unwrap_or(rest);
        buf.put_slice(part);
        this.taken += part.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LocalAuthority<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// The place in the stream of frames.
#[derive(Debug)]
struct Frames {
    /// Bytes that pass unseen: the rest of the preface, or of a frame.
    unseen: usize,
    /// The beginning of a frame.
    held: Vec<u8>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { unseen: PREFACE, held: Vec::new() }
    }
}

impl Frames {
    /// Passes bytes on to `out`; part of a frame with headers is held until the rest arrives.
    fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let wanted = if self.unseen > 0 { self.unseen } else { self.wanted() - self.held.len() };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.unseen > 0 {
                out.extend_from_slice(part);
                self.unseen -= part.len();
                continue;
            }
            self.held.extend_from_slice(part);
            // The header may have shown that the rest is wanted, too.
            if self.held.len() < self.wanted() {
                continue;
            }
            if let Some(flags) = self.flags_of_block() {
                replace(&mut self.held, flags);
            } else {
                self.unseen = self.payload();
            }
            out.append(&mut self.held);
        }
    }

    /// Returns how many bytes of the frame are held before they pass.
    fn wanted(&self) -> usize {
        FRAME_HEADER + if self.flags_of_block().is_some() { self.payload() } else { 0 }
    }

    /// Returns the length of the frame's payload; 0 while its header is not complete.
    fn payload(&self) -> usize {
        match self.held.as_slice() {
            [a, b, c, rest @ ..] if rest.len() >= FRAME_HEADER - 3 => u32::from_be_bytes([0, *a, *b, *c]) as usize,
            _ => 0,
        }
    }

    /// Returns the flags of a frame with a whole header block.
    fn flags_of_block(&self) -> Option<u8> {
        let flags = *self.held.get(4)?;
        let is_block = self.held.get(3) == Some(&HEADERS) && flags & END_HEADERS != 0;
        (is_block && (1..=MOST).contains(&self.payload())).then_some(flags)
    }
}

/// Replaces the authority in a frame with a whole header block.
fn replace(frame: &mut Vec<u8>, flags: u8) {
    let mut at = FRAME_HEADER;
    let mut end = frame.len();
    if flags & PADDED != 0 {
        end = end.saturating_sub(frame.get(at).copied().unwrap_or_default().into());
        at += 1;
    }
    if flags & PRIORITY != 0 {
        at += 5;
    }
    let Some((from, to)) = frame.get(..end).and_then(|frame| authority(frame, at)) else { return };
    // An entry of the table must not become larger than the client believes; no text is shorter than its code.
    let value = &REPLACEMENT[..REPLACEMENT.len().min(to.1 - to.0)];
    let string = [&[value.len() as u8], value].concat();
    frame.splice(from..to.1, string);
    let [_, a, b, c] = ((frame.len() - FRAME_HEADER) as u32).to_be_bytes();
    frame[..3].copy_from_slice(&[a, b, c]);
}

/// Returns where the authority's string begins in a header block, with its length, and where its bytes are; `None` if
/// there is none, or the block is invalid.
fn authority(block: &[u8], mut at: usize) -> Option<(usize, (usize, usize))> {
    while let Some(first) = block.get(at).copied() {
        let (bits, has_value) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            0x20.. => (5, false),
            _ => (4, true),
        };
        let (name, next) = integer(block, at, bits)?;
        at = next;
        if !has_value {
            continue;
        }
        let mut is_authority = name == AUTHORITY;
        if name == 0 {
            let (from, to) = string(block, at)?;
            is_authority = block.get(from..to) == Some(NAME);
            at = to;
        }
        let value = string(block, at)?;
        if is_authority && value.1 > value.0 {
            return Some((at, value));
        }
        at = value.1;
    }
    None
}

/// Returns the range of a string's bytes.
fn string(block: &[u8], at: usize) -> Option<(usize, usize)> {
    let (len, from) = integer(block, at, 7)?;
    let to = from.checked_add(len)?;
    (to <= block.len()).then_some((from, to))
}

/// Returns an integer whose first byte has some bits of it, and where the next thing begins.
fn integer(block: &[u8], mut at: usize, bits: u32) -> Option<(usize, usize)> {
    let most = (1usize << bits) - 1;
    let mut value = usize::from(*block.get(at)?) & most;
    at += 1;
    if value < most {
        return Some((value, at));
    }
    for shift in [0, 7, 14, 21] {
        let byte = usize::from(*block.get(at)?);
        at += 1;
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// A string, as it is or as if it were coded.
    fn string(coded: bool, text: &[u8]) -> Vec<u8> {
        assert!(text.len() < 127);
        [&[u8::from(coded) << 7 | text.len() as u8], text].concat()
    }

    fn block(name: &[u8], authority: &[u8]) -> Vec<u8> {
        // :method POST, :authority, a size of the table, a header by its name.
        [&[0x83][..], name, authority, &[0x3f, 0xe1, 0x1f, 0x00], &string(false, b"te"), &string(false, b"trailers")]
            .concat()
    }

    /// Passes a connection in pieces of every size.
    fn passed(frames: &[Vec<u8>]) -> Vec<u8> {
        let whole = [&[7; PREFACE][..], &frames.concat()].concat();
        let mut results = (1..=whole.len()).map(|size| {
            let (mut state, mut out) = (Frames::default(), Vec::new());
            whole.chunks(size).for_each(|piece| state.pass(piece, &mut out));
            out
        });
        let first = results.next().unwrap();
        assert!(results.all(|other| other == first));
        first[PREFACE..].to_vec()
    }

    #[test]
    fn the_path_of_a_socket_becomes_a_host() {
        let path = b"tmp%2Fperegrine%2Ffalco.sock";
        let by_text = [&[0x40][..], &string(false, b":authority")].concat();
        for name in [&[0x41][..], &[0x01], &[0x11], &by_text] {
            becomes_a_host(path, name);
        }
    }

    fn becomes_a_host(path: &[u8], name: &[u8]) {
        for (given, expected) in [
            (string(false, path), string(false, b"localhost")),
            (string(true, path), string(false, b"localhost")),
            (string(false, b"%2F"), string(false, b"loc")),
            (string(false, b""), string(false, b"")),
        ] {
            for flags in [END_HEADERS, END_HEADERS | PADDED, END_HEADERS | PRIORITY, END_HEADERS | PADDED | PRIORITY] {
                let payload = |authority: &[u8]| {
                    let (padding, priority) = (flags & PADDED != 0, flags & PRIORITY != 0);
                    let before =
                        [&[3][..usize::from(padding)], &[1, 2, 3, 4, 5][..if priority { 5 } else { 0 }]].concat();
                    [before, block(name, authority), vec![0; if padding { 3 } else { 0 }]].concat()
                };
                let other = frame(0, 0, &[1, 2, 3]);
                let settings = frame(4, 0, &[]);
                let sent = [settings.clone(), frame(HEADERS, flags, &payload(&given)), other.clone()];
                assert_eq!(passed(&sent), [settings, frame(HEADERS, flags, &payload(&expected)), other].concat());
            }
        }
    }

    #[test]
    fn what_is_not_understood_passes_as_it_is() {
        let cut = block(&[0x41], &string(false, b"x%2F"));
        for sent in [
            frame(HEADERS, 0, &cut),
            frame(HEADERS, END_HEADERS, &cut[..4]),
            frame(HEADERS, END_HEADERS, &[]),
            frame(HEADERS, END_HEADERS | PADDED, &[200, 0x41, 1, b'a']),
            frame(HEADERS, END_HEADERS, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]),
            frame(9, END_HEADERS, &cut),
            frame(HEADERS, END_HEADERS, &vec![0x41; MOST + 1]),
        ] {
            let again = frame(HEADERS, END_HEADERS, &block(&[0x41], &string(false, b"x%2Fyyyyyyyyy")));
            let expected =
                [sent.clone(), frame(HEADERS, END_HEADERS, &block(&[0x41], &string(false, b"localhost")))].concat();
            let found = if sent.len() > MOST { passed_once(&[sent, again]) } else { passed(&[sent, again]) };
            assert_eq!(found, expected);
        }
    }

    fn passed_once(frames: &[Vec<u8>]) -> Vec<u8> {
        let (mut state, mut out) = (Frames::default(), Vec::new());
        state.pass(&[&[7; PREFACE][..], &frames.concat()].concat(), &mut out);
        out[PREFACE..].to_vec()
    }
}
