//! Sink for a file.

use super::lines::Lines;
use super::{Failure, Message, Sink};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Permissions of a file that is created: alerts hold command lines of all users. The process's umask may take away
/// more.
const MODE: u32 = 0o640;

/// Appends a line to a file for each alert.
///
/// A file that is kept open is opened again once its path leads to another file or to none: a process that removes or replaces
/// it does not silence the output.
///
/// While the disk is full, alerts wait; the file never mixes parts of two of them. An incomplete line of an earlier run
/// is ended first.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    keep_open: bool,
    buffered: bool,
    open: Option<std::fs::File>,
    lines: Lines,
}

/// Returns whether a path still leads to an open file.
fn leads_to(path: &Path, file: &std::fs::File) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => identity(named) == identity(open),
        _ => false,
    }
}

fn ends_in_the_middle_of_a_line(file: &std::fs::File) -> bool {
    let mut last = [0];
    let length = file.metadata().map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 });
    length > 0 && file.read_exact_at(&mut last, length - 1).is_ok() && last != *b"\n"
}

impl File {
    /// Creates the sink. It opens the file with the first alert. Without `keep_open` the file is closed after each
    /// alert, so that it can be moved at any time. With `buffered`, all queued lines are written together.
    pub fn new(path: &Path, keep_open: bool, buffered: bool) -> Self {
        Self { path: path.to_path_buf(), keep_open, buffered, open: None, lines: Lines::default() }
    }

    /// Writes what is pending, or the alerts if there are any.
    fn write(&mut self, alerts: Option<&[Message]>) -> Result<(), Failure> {
        let (path, open) = (&self.path, &mut self.open);
        let write = |bytes: &[u8], torn| loop {
            match opened(path, open, torn)?.write(bytes) {
                Ok(0) => return Err(Failure::Retryable("no more bytes can be written".into())),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::retryable(error)),
            }
        };
        let outcome = match alerts {
            Some(alerts) => self.lines.deliver(alerts, write),
            None => self.lines.finish(write),
        };
        if !self.keep_open {
            self.open = None;
        }
        outcome
    }
}

/// Returns the open file, after opening it if it is not. `torn`: the next bytes continue its last line.
fn opened<'f>(path: &Path, open: &'f mut Option<std::fs::File>, torn: bool) -> Result<&'f mut std::fs::File, Failure> {
    let file = match open.take().filter(|file| torn || leads_to(path, file)) {
        Some(file) => file,
        None => {
            // A pipe must not be opened for reading: it would be its own reader, and no other reader would get
            // anything.
            let readable = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(MODE);
            let file = options.read(readable).open(path);
            let file = file.or_else(|_| options.read(false).open(path));
            let file = file.map_err(|error| Failure::Retryable(format!("cannot open {}: {error}", path.display())))?;
            if ends_in_the_middle_of_a_line(&file) && !torn {
                (&file).write_all(b"\n").map_err(Failure::retryable)?;
            }
            file
        }
    };
    Ok(open.insert(file))
}

impl Sink for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn batch(&self) -> usize {
        if self.buffered { 256 } else { 1 }
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        self.write(Some(alerts))
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.write(None)?;
        self.open = None;
        if self.keep_open {
            opened(&self.path, &mut self.open, false)?;
        }
        Ok(())
    }

    fn retries(&self) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::new(4, text.to_owned())
    }

    #[test]
    fn lines_are_appended_and_a_moved_file_is_followed() {
        for keep_open in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (path, moved) = (folder.path().join("a"), folder.path().join("b"));
            std::fs::write(&path, "old\n").unwrap();
            let mut file = File::new(&path, keep_open, false);
            file.deliver(&[message("one")]).unwrap();
            std::fs::rename(&path, &moved).unwrap();
            file.reopen().unwrap();
            file.deliver(&[message("two")]).unwrap();
            assert_eq!(std::fs::read_to_string(&moved).unwrap(), "old\none\n");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        }
    }

    #[test]
    fn others_may_not_read_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        File::new(&path, true, false).deliver(&[message("one")]).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o137, 0);
    }

    #[test]
    fn a_file_that_is_removed_or_replaced_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a"), folder.path().join("b"));
        let mut file = File::new(&path, true, false);
        file.deliver(&[message("one")]).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.deliver(&[message("two")]).unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        std::fs::remove_file(&path).unwrap();
        file.deliver(&[message("three")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        std::fs::copy(&moved, folder.path().join("other")).unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        file.deliver(&[message("four")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nfour\n");
    }

    #[test]
    fn an_incomplete_line_of_an_earlier_run_is_ended() {
        for keep_open in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            std::fs::write(&path, "whole\nhal").unwrap();
            let mut file = File::new(&path, keep_open, true);
            assert_eq!(file.batch(), 256);
            file.deliver(&[message("one"), message("two")]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nhal\none\ntwo\n");
        }
    }

    #[test]
    fn a_retried_alert_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/a");
        let mut file = File::new(&path, true, false);
        assert!(matches!(file.deliver(&[message("one")]), Err(Failure::Retryable(_))));
        std::fs::create_dir(folder.path().join("missing")).unwrap();
        file.deliver(&[message("one")]).unwrap();
        file.deliver(&[message("two")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_full_disk_is_a_retryable_failure() {
        let mut file = File::new(Path::new("/dev/full"), true, false);
        assert!(matches!(file.deliver(&[message("one")]), Err(Failure::Retryable(_))));
    }
}
