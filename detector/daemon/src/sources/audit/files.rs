//! Audit events from files of JSON lines: read once, or followed while an API server writes and rotates them.

use super::queue::{Full, Sender, Waiting};
use super::settings::Limits;
use crate::{Fatal, log};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Interval between checks for more data in a file, or for space in the queue.
const PAUSE: Duration = Duration::from_millis(100);

/// The files to read.
pub(super) struct Reader {
    files: Vec<PathBuf>,
    follow: bool,
    limits: Limits,
}

/// Result of reading a line.
enum Line {
    Whole,
    /// Nothing more, or an incomplete line that is still being written.
    None,
    TooLong,
}

impl Reader {
    /// Opens the file, or the files of a directory sorted by modification time. A file that is followed need not exist
    /// yet.
    pub(super) fn open(path: &Path, follow: bool, limits: Limits) -> Result<Self, Fatal> {
        let fault = |error: io::Error| Fatal(format!("k8s_audit: cannot read {}: {error}", path.display()));
        let mut files = vec![path.to_path_buf()];
        if !follow {
            if std::fs::metadata(path).map_err(fault)?.is_dir() {
                let mut dated = Vec::new();
                for entry in std::fs::read_dir(path).map_err(fault)? {
                    let entry = entry.map_err(fault)?;
                    let metadata = entry.metadata().map_err(fault)?;
                    if metadata.is_file() {
                        dated.push((metadata.modified().map_err(fault)?, entry.path()));
                    }
                }
                dated.sort();
                files = dated.into_iter().map(|(_, path)| path).collect();
            }
            // Files that cannot be opened are reported before anything starts.
            for file in &files {
                File::open(file).map_err(fault)?;
            }
        }
        Ok(Self { files, follow, limits })
    }

    /// Reads until the end, or until `stop`.
    pub(super) fn run(&self, sender: &Sender, stop: &AtomicBool) {
        for path in &self.files {
            let outcome = if self.follow { self.follow(path, sender, stop) } else { self.read(path, sender, stop) };
            if let Err(error) = outcome {
                log::error(format!("k8s_audit: {}: {error}", path.display()));
            }
        }
    }

    fn read(&self, path: &Path, sender: &Sender, stop: &AtomicBool) -> io::Result<()> {
        let mut file = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            line.clear();
            match self.line(&mut file, &mut line)? {
                // The last line may have no line end.
                Line::None if line.is_empty() => break,
                Line::None | Line::Whole => self.send(&line, sender, stop),
                Line::TooLong => log::warning("k8s_audit: dropped a line that is too long"),
            }
        }
        Ok(())
    }

    /// Reads what is appended from now on. Another file of the same name, or a file that has become shorter, is read
    /// from its beginning.
    fn follow(&self, path: &Path, sender: &Sender, stop: &AtomicBool) -> io::Result<()> {
        let mut open: Option<(BufReader<File>, u64)> = None;
        if let Ok(mut file) = File::open(path) {
            let inode = file.metadata()?.ino();
            file.seek(SeekFrom::End(0))?;
            open = Some((BufReader::new(file), inode));
        }
        let mut line = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            if let Some((file, _)) = &mut open {
                loop {
                    match self.line(file, &mut line)? {
                        Line::Whole => self.send(&line, sender, stop),
                        Line::TooLong => log::warning("k8s_audit: dropped a line that is too long"),
                        Line::None => break,
                    }
                    line.clear();
                    if stop.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                }
            }
            let there = std::fs::metadata(path).ok();
            let changed = match (&mut open, &there) {
                (None, there) => there.is_some(),
                (Some(_), None) => false,
                (Some((file, inode)), Some(there)) => there.ino() != *inode || there.len() < file.stream_position()?,
            };
            if changed && let Ok(file) = File::open(path) {
                let inode = file.metadata()?.ino();
                line.clear();
                open = Some((BufReader::new(file), inode));
            } else {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Appends the rest of a line to `line`.
    fn line(&self, file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
        loop {
            let ready = file.fill_buf()?;
            if ready.is_empty() {
                return Ok(Line::None);
            }
            let end = memchr::memchr(b'\n', ready);
            let taken = end.unwrap_or(ready.len());
            // The rest of a line that is too long is read but not kept.
            if line.len() <= self.limits.body {
                line.extend_from_slice(&ready[..taken]);
            }
            let whole = end.is_some();
            file.consume(taken + usize::from(whole));
            if whole {
                return Ok(if line.len() > self.limits.body { Line::TooLong } else { Line::Whole });
            }
        }
    }

    /// Sends a line, waiting for space in the queue: a file does not run away.
    fn send(&self, line: &[u8], sender: &Sender, stop: &AtomicBool) {
        if line.trim_ascii().is_empty() {
            return;
        }
        while !stop.load(Ordering::SeqCst) {
            let room = sender.room().and_then(|mut room| {
                room.grow(line.len())?;
                Ok(room)
            });
            match room {
                Ok(room) => {
                    sender.send(Waiting { json: line.to_vec(), room });
                    return;
                }
                Err(Full) => std::thread::sleep(PAUSE / 10),
            }
        }
    }
}
