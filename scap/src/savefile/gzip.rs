//! Transparent decompression: a capture is gzip if its first two bytes say so.
//!
//! The rules are those by which zlib reads files, since captures have always been read so: members may follow one
//! another, data after the last one that is not gzip is ignored, and a truncated stream yields all that can be
//! decompressed and then ends. So what a writer flushed before a crash is readable.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::background_inflate::BackgroundInflate;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The number of compressed bytes read at once.
const COMPRESSED_CHUNK: usize = 64 * 1024;

/// The bytes of a capture, decompressed.
#[derive(Debug)]
pub(super) enum Input<R: Read> {
    Plain(Start<R>),
    Gzip(Box<Gunzip<R>>),
    BackgroundInflate(BackgroundInflate),
}

/// The two bytes that were inspected, then the rest.
type Start<R> = Chain<Cursor<Vec<u8>>, Counted<R>>;

impl<R: Read + Send + 'static> Input<R> {
    /// Creates a reader like [`new`](Self::new), but decompresses in another thread.
    pub(super) fn in_background(read: R) -> io::Result<Self> {
        Ok(match Self::new(read)? {
            Self::Gzip(gunzip) => Self::BackgroundInflate(BackgroundInflate::start(*gunzip)?),
            plain => plain,
        })
    }
}

impl<R: Read> Input<R> {
    pub(super) fn new(read: R) -> io::Result<Self> {
        let mut read = Counted { read, count: 0 };
        let mut first = Vec::with_capacity(MAGIC.len());
        read.by_ref().take(MAGIC.len() as u64).read_to_end(&mut first)?;
        let gzip = first == MAGIC;
        let start = Cursor::new(first).chain(read);
        Ok(if gzip {
            let input = BufReader::with_capacity(COMPRESSED_CHUNK, start);
            Self::Gzip(Box::new(Gunzip { member: Some(GzDecoder::new(input)) }))
        } else {
            Self::Plain(start)
        })
    }

    /// Returns the number of bytes read from the underlying reader, compressed or not.
    pub(super) fn raw_bytes(&self) -> u64 {
        match self {
            Self::Plain(start) => start.get_ref().1.count,
            Self::Gzip(gunzip) => gunzip.raw_bytes(),
            Self::BackgroundInflate(inflate) => inflate.raw_bytes(),
        }
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_) | Self::BackgroundInflate(_))
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(start) => start.read(buf),
            Self::Gzip(gunzip) => gunzip.read(buf),
            Self::BackgroundInflate(inflate) => inflate.read(buf),
        }
    }
}

/// Decompresses one member after another.
#[derive(Debug)]
pub(super) struct Gunzip<R: Read> {
    /// `None` only between two members.
    member: Option<GzDecoder<BufReader<Start<R>>>>,
}

impl<R: Read> Gunzip<R> {
    /// Returns the number of compressed bytes consumed so far.
    pub(super) fn raw_bytes(&self) -> u64 {
        self.member.as_ref().map_or(0, |member| member.get_ref().get_ref().get_ref().1.count)
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            match member.read(buf) {
                Ok(0) if !buf.is_empty() => {
                    let next = member.get_mut().fill_buf()?;
                    if !next.starts_with(&MAGIC) {
                        return Ok(0);
                    }
                    self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
        }
    }
}

/// A reader that counts its bytes.
#[derive(Debug)]
pub(super) struct Counted<R> {
    read: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.read.read(buf)?;
        self.count += count as u64;
        Ok(count)
    }
}
