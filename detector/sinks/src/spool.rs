//! A queue on disk: alerts are appended to files and read from them in the same order, across restarts.
//!
//! ```text
//! DIRECTORY/SINK/00000000000000000000.log    frames: length, CRC-32, severity, text
//!                00000000000008388611.log    a file is named by the position of its first byte
//!                position                    up to where all is delivered
//! ```
//!
//! A frame is complete or it does not exist: frames torn by a crash or a full disk are cut off. The position is written
//! after a delivery, so that a crash between the two delivers an alert twice, but never loses it. Files are removed
//! when everything in them is delivered; together they never exceed the limit.

use super::Message;
use bytes::Bytes;
use flate2::Crc;
use rustix::fs::{FlockOperation, flock};
use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Size of length, CRC and severity.
const HEAD: usize = 9;
const LARGEST_FILE: u64 = 8 << 20;
/// An empty file is removed from this size on.
const WORTH_FREEING: u64 = 256 << 10;
/// Number of bytes read at once.
const READ: usize = 1 << 20;

/// Location and size limit of a spool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolConfig {
    /// The directory, with a subdirectory for each sink.
    pub folder: PathBuf,
    /// Maximum number of bytes for each sink.
    pub bytes: u64,
}

impl SpoolConfig {
    /// Creates the configuration of a spool in a directory, with the maximum number of bytes for each sink.
    pub fn new(folder: impl Into<PathBuf>, bytes: u64) -> Self {
        Self { folder: folder.into(), bytes }
    }
}

#[derive(Debug)]
struct Segment {
    start: u64,
    end: u64,
    path: PathBuf,
    file: File,
}

/// The files of one sink.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    limit: u64,
    /// In order; the last one is written to.
    segments: VecDeque<Segment>,
    /// Everything before this position is delivered.
    position: u64,
    /// The file with the position, which also holds the lock against other programs.
    cursor: File,
    count: u64,
    /// Damaged bytes that were cut off.
    cut: u64,
}

impl Spool {
    /// Opens or creates the spool of a sink, and scans its content.
    pub(super) fn open(settings: &SpoolConfig, sink: &str) -> Result<Self> {
        let folder = settings.folder.join(sink);
        // Alerts contain secrets: only the owner may read them.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let cursor = open(&folder.join("position"))?;
        flock(&cursor, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| Error::other("another program uses this spool"))?;
        let mut bytes = [0; 16];
        let position = match cursor.read_exact_at(&mut bytes, 0) {
            Ok(()) => {
                let (value, check) = (u64_at(&bytes, 0), u64_at(&bytes, 8));
                if value == !check { value } else { 0 }
            }
            Err(_) => 0,
        };
        let limit = settings.bytes.max(1024);
        let mut spool = Self { folder, limit, segments: VecDeque::new(), position, cursor, count: 0, cut: 0 };
        spool.scan()?;
        Ok(spool)
    }

    /// Finds the files, cuts off damaged frames, and counts the undelivered alerts.
    fn scan(&mut self) -> Result<()> {
        let mut found: Vec<(u64, PathBuf)> = std::fs::read_dir(&self.folder)?
            .flatten()
            .filter_map(|entry| {
                let path = entry.path();
                let number = path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()?;
                Some((number, path))
            })
            .collect();
        found.sort();
        for (start, path) in found {
            let file = open(&path)?;
            let length = file.metadata()?.len();
            let mut at = start;
            while let Some((batch, end)) = frames_at(&file, start, start + length, at, usize::MAX)? {
                let delivered = |frame: &Frame| frame.end <= self.position;
                self.count += batch.iter().filter(|frame| !delivered(frame)).count() as u64;
                at = end;
            }
            if at < start + length {
                self.cut += start + length - at;
                file.set_len(at - start)?;
            }
            self.segments.push_back(Segment { start, end: at, path, file });
        }
        let last = self.segments.back().map_or(0, |segment| segment.end);
        self.position = self.position.min(last.max(self.segments.front().map_or(u64::MAX, |first| first.start)));
        if self.segments.is_empty() {
            self.begin(self.position)?;
        }
        self.free();
        Ok(())
    }

    fn begin(&mut self, start: u64) -> Result<()> {
        let path = self.folder.join(format!("{start:020}.log"));
        let file = open(&path)?;
        file.set_len(0)?;
        self.segments.push_back(Segment { start, end: start, path, file });
        Ok(())
    }

    /// Returns the number of undelivered alerts.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the number of damaged bytes that were cut off when the spool was opened.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    /// Returns whether this alert is larger than the limit of the whole spool.
    pub(super) fn never_fits(&self, alert: &Message) -> bool {
        (HEAD + alert.text.len()) as u64 > self.limit
    }

    fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end - segment.start).sum()
    }

    /// Writes as many of these alerts as there is space for. Returns their number.
    ///
    /// # Errors
    ///
    /// If the disk accepts none of them.
    pub(super) fn append(&mut self, alerts: &[Message]) -> Result<usize> {
        let mut room = self.limit.saturating_sub(self.size());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for alert in alerts {
            let size = (HEAD + alert.text.len()) as u64;
            if size > room {
                break;
            }
            room -= size;
            frame(alert, &mut bytes);
            ends.push(bytes.len());
        }
        if ends.is_empty() {
            return Ok(0);
        }
        let largest = (self.limit / 8).clamp(4096, LARGEST_FILE);
        match self.segments.back() {
            Some(last) if last.end - last.start < largest => {}
            last => {
                let start = last.map_or(self.position, |last| last.end);
                self.begin(start)?;
            }
        }
        let Some(last) = self.segments.back_mut() else { return Ok(0) };
        let (mut done, mut trouble) = (0, None);
        while done < bytes.len() {
            match last.file.write_at(&bytes[done..], last.end - last.start + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        let whole = ends.iter().take_while(|end| **end <= done).count();
        let length = whole.checked_sub(1).map_or(0, |index| ends[index]) as u64;
        last.end += length;
        if done as u64 > length {
            last.file.set_len(last.end - last.start)?;
        }
        self.count += whole as u64;
        match trouble {
            Some(error) if whole == 0 => {
                // The last file is kept while it is small, unless there is no space at all.
                if self.count == 0 {
                    self.position = self.position.max(self.segments.back().map_or(0, |last| last.end));
                    self.segments.drain(..).try_for_each(|segment| std::fs::remove_file(segment.path))?;
                }
                Err(error)
            }
            _ => Ok(whole),
        }
    }

    /// Returns the next alerts, and the position after them. They stay until they are acknowledged.
    pub(super) fn read(&mut self, most: usize) -> Result<(Vec<Message>, u64)> {
        let mut alerts = Vec::new();
        let mut at = self.position;
        for segment in &self.segments {
            if alerts.len() >= most {
                break;
            }
            // After a damaged file the next one begins further on.
            at = at.max(segment.start);
            while alerts.len() < most && at < segment.end {
                let more = frames_at(&segment.file, segment.start, segment.end, at, most - alerts.len())?;
                let Some((frames, end)) = more else {
                    at = segment.end;
                    break;
                };
                alerts.extend(frames.into_iter().map(|frame| frame.alert));
                at = end;
            }
        }
        Ok((alerts, at))
    }

    /// Notes that this number of alerts is settled, up to a position that [`read`](Self::read) returned.
    pub(super) fn acknowledge(&mut self, end: u64, count: usize) -> Result<()> {
        self.position = end;
        self.count = self.count.saturating_sub(count as u64);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&end.to_le_bytes());
        bytes[8..].copy_from_slice(&(!end).to_le_bytes());
        let noted = self.cursor.write_all_at(&bytes, 0);
        self.free();
        noted
    }

    /// Removes files in which everything is delivered.
    fn free(&mut self) {
        while let Some(first) = self.segments.front() {
            let done = first.end <= self.position;
            let worth = self.segments.len() > 1 || first.end - first.start >= WORTH_FREEING.min(self.limit / 2);
            if !done || !worth {
                break;
            }
            // A file that cannot be removed is found again at the next start, with nothing to deliver in it.
            let _ = std::fs::remove_file(&first.path);
            self.segments.pop_front();
        }
    }

    /// Returns the file that is written to, for synchronizing it without blocking anything else.
    pub(super) fn handle(&self) -> Result<File> {
        self.segments.back().map_or_else(|| self.cursor.try_clone(), |last| last.file.try_clone())
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn u64_at(bytes: &[u8; 16], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}

fn checksum(severity: u8, text: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&[severity]);
    crc.update(text);
    crc.sum()
}

fn frame(alert: &Message, out: &mut Vec<u8>) {
    let text = &alert.text[..];
    // No alert is longer than 4 GiB: the queue in memory is smaller.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    // Writing to a Vec cannot fail.
    let _ = out.write_all(&length.to_le_bytes());
    let _ = out.write_all(&checksum(alert.severity, text).to_le_bytes());
    out.push(alert.severity);
    let _ = out.write_all(text);
}

struct Frame {
    alert: Message,
    end: u64,
}

/// Returns the complete frames of a file from a position on, and where they end; `None` if there is none.
fn frames_at(file: &File, start: u64, end: u64, at: u64, most: usize) -> Result<Option<(Vec<Frame>, u64)>> {
    let mut want = READ;
    loop {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(want);
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at - start)?;
        let (mut frames, mut offset, mut larger) = (Vec::new(), 0, None);
        while frames.len() < most {
            let Some(head) = bytes.get(offset..offset + HEAD) else { break };
            let number = |from: usize| u32::from_le_bytes([head[from], head[from + 1], head[from + 2], head[from + 3]]);
            let size = HEAD + number(0) as usize;
            let Some(text) = bytes.get(offset + HEAD..offset + size) else {
                larger = Some(size);
                break;
            };
            let severity = head[8];
            if std::str::from_utf8(text).is_err() || checksum(severity, text) != number(4) {
                break;
            }
            let text = Bytes::copy_from_slice(text);
            offset += size;
            frames.push(Frame { alert: Message::new(severity, text), end: at + offset as u64 });
        }
        // A frame that is larger than what was read is read separately; a length beyond the end of the file is damage.
        match larger {
            Some(size) if frames.is_empty() && size as u64 <= end - at => want = size,
            _ if frames.is_empty() => return Ok(None),
            _ => return Ok(Some((frames, at + offset as u64))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, bytes: u64) -> SpoolConfig {
        SpoolConfig { folder: folder.to_path_buf(), bytes }
    }

    fn alert(text: &str) -> Message {
        Message::new(4, text.to_owned())
    }

    fn numbered(range: std::ops::Range<usize>) -> Vec<Message> {
        range.map(|number| alert(&format!("alert {number:06} {}", "x".repeat(number % 300)))).collect()
    }

    fn drain(spool: &mut Spool, most: usize) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let (alerts, end) = spool.read(most).unwrap();
            if alerts.is_empty() {
                return all;
            }
            spool.acknowledge(end, alerts.len()).unwrap();
            all.extend(alerts);
        }
    }

    #[test]
    fn order_and_count_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20);
        let alerts = numbered(0..2000);
        let mut spool = Spool::open(&settings, "s").unwrap();
        assert_eq!(spool.append(&alerts[..1500]).unwrap(), 1500);
        let (first, end) = spool.read(7).unwrap();
        assert!(first == alerts[..7]);
        spool.acknowledge(end, 7).unwrap();
        // Alerts that were not acknowledged are read again.
        assert!(spool.read(3).unwrap().0 == alerts[7..10]);
        drop(spool);
        let mut spool = Spool::open(&settings, "s").unwrap();
        assert_eq!(spool.count(), 1493);
        assert_eq!(spool.append(&alerts[1500..]).unwrap(), 500);
        assert!(drain(&mut spool, 100) == alerts[7..]);
        assert_eq!(spool.count(), 0);
        drop(spool);
        let mut spool = Spool::open(&settings, "s").unwrap();
        assert_eq!((spool.count(), spool.read(1).unwrap().0.len()), (0, 0));
        assert_eq!(spool.append(&alerts[..1]).unwrap(), 1);
        assert!(drain(&mut spool, 1) == alerts[..1]);
    }

    #[test]
    fn the_size_is_bounded_and_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let limit = 64 << 10;
        let mut spool = Spool::open(&settings(folder.path(), limit), "s").unwrap();
        let on_disk = || -> u64 {
            std::fs::read_dir(folder.path().join("s"))
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().len())
                .sum()
        };
        let alerts = numbered(0..5000);
        let (mut written, mut read) = (0, Vec::new());
        while written < alerts.len() {
            let count = spool.append(&alerts[written..(written + 50).min(alerts.len())]).unwrap();
            written += count;
            assert!(on_disk() <= limit + 16, "{}", on_disk());
            if count < 50 {
                let (alerts, end) = spool.read(33).unwrap();
                spool.acknowledge(end, alerts.len()).unwrap();
                read.extend(alerts);
            }
        }
        read.extend(drain(&mut spool, 1000));
        assert!(read == alerts);
        assert!(on_disk() < limit, "{}", on_disk());
        assert!(spool.never_fits(&alert(&"x".repeat(1 << 16))));
    }

    #[test]
    fn incomplete_frames_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20);
        let alerts = numbered(0..20);
        let mut spool = Spool::open(&settings, "s").unwrap();
        spool.append(&alerts).unwrap();
        let path = spool.segments[0].path.clone();
        drop(spool);
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, HEAD, HEAD + 5] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut spool = Spool::open(&settings, "s").unwrap();
            assert_eq!(spool.count(), 19, "{cut}");
            assert!(spool.read(100).unwrap().0 == alerts[..19]);
            spool.append(&alerts[19..]).unwrap();
            assert!(spool.read(100).unwrap().0 == alerts);
        }
        // A flipped bit, a length beyond the end, and an invalid position.
        let mut damaged = whole.clone();
        damaged[HEAD + 2] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        std::fs::write(folder.path().join("s/position"), [7; 16]).unwrap();
        assert_eq!(Spool::open(&settings, "s").unwrap().count(), 0);
        damaged[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(Spool::open(&settings, "s").unwrap().count(), 0);
    }

    #[test]
    fn a_spool_belongs_to_one_program() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20);
        let first = Spool::open(&settings, "s").unwrap();
        assert!(Spool::open(&settings, "s").unwrap_err().to_string().contains("another program"));
        drop(first);
        assert!(Spool::open(&settings, "s").is_ok());
    }

    #[test]
    fn large_alerts_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&settings(folder.path(), 16 << 20), "s").unwrap();
        let alerts = [alert("small"), alert(&"x".repeat(3 << 20)), alert("after")];
        assert_eq!(spool.append(&alerts).unwrap(), 3);
        assert!(drain(&mut spool, 10) == alerts);
    }
}
