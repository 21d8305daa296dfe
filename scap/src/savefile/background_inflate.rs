//! Decompression in a separate thread, so that a second CPU does it while the first reads events.
//!
//! The thread hands over chunks. At most [`CHUNKS`] of them are in flight, and those that were read are returned to be
//! filled again: memory is constant and nothing is allocated after the first round. Bytes and errors arrive in the
//! order in which a reader without a thread would see them, so the result is the same either way.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::gzip::Gunzip;

/// Small enough for two of them to stay in the second-level cache.
const CHUNK: usize = 128 * 1024;

/// The maximum number of chunks in flight.
const CHUNKS: usize = 4;

/// A chunk that the thread decompressed.
#[derive(Debug)]
pub(super) struct BackgroundInflate {
    filled: Receiver<io::Result<Chunk>>,
    /// The way back for chunks that were read.
    empty: Sender<Vec<u8>>,
    now: Chunk,
    at: usize,
    raw: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    len: usize,
}

impl BackgroundInflate {
    /// Starts the thread.
    pub(super) fn start<R: Read + Send + 'static>(gunzip: Gunzip<R>) -> io::Result<Self> {
        let (to_reader, filled) = sync_channel(CHUNKS);
        let (empty, returned) = channel();
        let raw = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&raw);
        let work = move || decompress(gunzip, &to_reader, &returned, &counter);
        std::thread::Builder::new().name("gunzip".to_owned()).spawn(work)?;
        Ok(Self { filled, empty, now: Chunk::default(), at: 0, raw })
    }

    /// Returns the number of compressed bytes consumed so far.
    pub(super) fn raw_bytes(&self) -> u64 {
        self.raw.load(Ordering::Relaxed)
    }
}

/// Fills chunks until the end, an error, or until the receiver is gone.
fn decompress<R: Read>(
    mut gunzip: Gunzip<R>,
    filled: &SyncSender<io::Result<Chunk>>,
    returned: &Receiver<Vec<u8>>,
    raw: &AtomicU64,
) {
    loop {
        let mut bytes = returned.try_recv().unwrap_or_else(|_| vec![0; CHUNK]);
        let chunk = match gunzip.read(&mut bytes) {
            Ok(0) => return,
            Ok(len) => Ok(Chunk { bytes, len }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        raw.store(gunzip.raw_bytes(), Ordering::Relaxed);
        let last = chunk.is_err();
        if filled.send(chunk).is_err() || last {
            return;
        }
    }
}

impl Read for BackgroundInflate {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.now.len {
            // The thread has ended: this is the end of the data.
            let Ok(next) = self.filled.recv() else { return Ok(0) };
            let read = std::mem::replace(&mut self.now, next?);
            self.at = 0;
            if !read.bytes.is_empty() {
                // Without the thread nobody needs the chunk again.
                self.empty.send(read.bytes).ok();
            }
        }
        let there = self.now.bytes.get(self.at..self.now.len).unwrap_or_default();
        let count = there.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip::Input;
    use std::io::{Cursor, Read, Write};

    /// Returns compressed input of several chunks, so that some of them are reused.
    fn compressed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    fn plain() -> Vec<u8> {
        (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn gives_the_same_bytes_as_without_a_thread() {
        let plain = plain();
        for cut in [0, 1, 1000] {
            let mut packed = compressed(&plain);
            packed.truncate(packed.len() - cut);
            let (mut with, mut without) = (Vec::new(), Vec::new());
            let mut input = Input::in_background(Cursor::new(packed.clone())).expect("a thread");
            input.read_to_end(&mut with).expect("it is sound");
            Input::new(packed.as_slice()).expect("memory").read_to_end(&mut without).expect("it is sound");
            assert_eq!(with.len(), without.len(), "{cut} bytes cut off");
            assert!(with == without && plain.starts_with(&with));
            assert_eq!(input.raw_bytes(), packed.len() as u64);
        }
    }

    #[test]
    fn damage_is_reported_where_it_occurs() {
        let plain = plain();
        let mut packed = compressed(&plain);
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        let read = |mut input: Box<dyn Read>| {
            let mut bytes = Vec::new();
            (input.read_to_end(&mut bytes).map_err(|error| error.kind()), bytes)
        };
        let with = read(Box::new(Input::in_background(Cursor::new(packed.clone())).expect("a thread")));
        let without = read(Box::new(Input::new(Cursor::new(packed)).expect("memory")));
        assert!(with.0.is_err());
        assert!(with == without);
    }

    #[test]
    fn a_reader_that_stops_early_leaves_no_thread_that_waits_for_it() {
        let packed = compressed(&plain());
        let mut input = Input::in_background(Cursor::new(packed)).expect("a thread");
        let mut few = [0; 10];
        input.read_exact(&mut few).expect("there are more");
        // Dropping it must not wait.
        drop(input);
    }
}
