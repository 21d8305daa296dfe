//! Alerts to a file.

use super::{Failure, Message, Sink};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Collected lines are written when there are so many bytes of them.
const FULL: usize = 8192;

/// A file that grows by a line for each alert.
///
/// A line is written whole or not at all as far as this program can see to it: after a failure in the middle of a
/// line (a full disk), the next try writes the rest of that line, so the file never holds two halves of two alerts.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    keep_open: bool,
    buffered: bool,
    open: Option<std::fs::File>,
    /// What is still to be written, from the start of a line or from where the last write stopped.
    pending: Vec<u8>,
    /// Whether the alert at hand is already in `pending`, put there by an earlier try.
    taken: bool,
}

impl File {
    /// Nothing is opened before the first alert. Without `keep_open` the file is closed after each alert, so that it
    /// may be moved away at any time.
    pub fn new(path: &Path, keep_open: bool, buffered: bool) -> Self {
        Self { path: path.to_path_buf(), keep_open, buffered, open: None, pending: Vec::new(), taken: false }
    }

    fn open(&mut self) -> Result<&mut std::fs::File, Failure> {
        let file = match self.open.take() {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().append(true).create(true).open(&self.path);
                file.map_err(|error| Failure::Passing(format!("cannot open {}: {error}", self.path.display())))?
            }
        };
        Ok(self.open.insert(file))
    }

    fn write(&mut self) -> Result<(), Failure> {
        let mut pending = std::mem::take(&mut self.pending);
        let mut outcome = Ok(());
        let mut done = 0;
        while done < pending.len() && outcome.is_ok() {
            outcome = self.open().and_then(|file| match file.write(&pending[done..]) {
                Ok(count) => {
                    done += count;
                    Ok(())
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(Failure::passing(error)),
            });
        }
        pending.drain(..done);
        self.pending = pending;
        if !self.keep_open {
            self.open = None;
        }
        outcome
    }
}

impl Sink for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.taken, true) {
            self.pending.extend_from_slice(message.text.as_bytes());
            self.pending.push(b'\n');
        }
        if !self.buffered || self.pending.len() >= FULL {
            self.write()?;
        }
        self.taken = false;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.write()?;
        self.open = None;
        if self.keep_open {
            self.open()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.write()
    }

    fn retries(&self) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message { severity: 4, text: text.into() }
    }

    #[test]
    fn lines_are_appended_and_a_moved_file_is_followed() {
        for keep_open in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (path, moved) = (folder.path().join("a"), folder.path().join("b"));
            std::fs::write(&path, "old\n").unwrap();
            let mut file = File::new(&path, keep_open, false);
            file.deliver(&message("one")).unwrap();
            std::fs::rename(&path, &moved).unwrap();
            file.reopen().unwrap();
            file.deliver(&message("two")).unwrap();
            assert_eq!(std::fs::read_to_string(&moved).unwrap(), "old\none\n");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        }
    }

    #[test]
    fn a_file_kept_open_stays_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a"), folder.path().join("b"));
        let mut file = File::new(&path, true, false);
        file.deliver(&message("one")).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.deliver(&message("two")).unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert!(!path.exists());
    }

    #[test]
    fn buffered_lines_wait_for_the_flush() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = File::new(&path, true, true);
        file.deliver(&message("one")).unwrap();
        assert!(!path.exists());
        file.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
    }

    #[test]
    fn an_alert_that_failed_is_written_once_when_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/a");
        let mut file = File::new(&path, true, false);
        assert!(matches!(file.deliver(&message("one")), Err(Failure::Passing(_))));
        std::fs::create_dir(folder.path().join("missing")).unwrap();
        file.deliver(&message("one")).unwrap();
        file.deliver(&message("two")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_full_disk_is_a_failure_that_may_pass() {
        if !Path::new("/dev/full").exists() {
            eprintln!("skipped: there is no /dev/full");
            return;
        }
        let mut file = File::new(Path::new("/dev/full"), true, false);
        assert!(matches!(file.deliver(&message("one")), Err(Failure::Passing(_))));
    }
}
