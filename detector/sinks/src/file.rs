//! Sink for a file.

use super::stdout::lines;
use super::{Failure, Message, Sink};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Appends a line to a file for each alert.
///
/// After an error in the middle of a line (a full disk), the next attempt writes the rest of that line, so that the
/// file never mixes parts of two alerts. An incomplete line of an earlier run is ended first.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    keep_open: bool,
    buffered: bool,
    open: Option<std::fs::File>,
    /// Unwritten bytes, from the start of a line or from where the last write stopped.
    pending: Vec<u8>,
    /// Whether the current alerts are already in `pending`, from an earlier attempt.
    taken: bool,
    /// Whether the file ends with an incomplete line whose rest is in `pending`.
    torn: bool,
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
        Self {
            path: path.to_path_buf(),
            keep_open,
            buffered,
            open: None,
            pending: Vec::new(),
            taken: false,
            torn: false,
        }
    }

    fn open(&mut self) -> Result<&mut std::fs::File, Failure> {
        let file = match self.open.take() {
            Some(file) => file,
            None => {
                // A pipe must not be opened for reading: it would be its own reader, and no other reader would get
                // anything.
                let readable = std::fs::metadata(&self.path).map_or(true, |metadata| metadata.is_file());
                let file = OpenOptions::new().read(readable).append(true).create(true).open(&self.path);
                let file = file.or_else(|_| OpenOptions::new().append(true).create(true).open(&self.path));
                let file =
                    file.map_err(|error| Failure::Retryable(format!("cannot open {}: {error}", self.path.display())))?;
                if ends_in_the_middle_of_a_line(&file) && !self.torn {
                    (&file).write_all(b"\n").map_err(Failure::retryable)?;
                }
                file
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
                Ok(0) => Err(Failure::Retryable("no more bytes can be written".into())),
                Ok(count) => {
                    done += count;
                    Ok(())
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(Failure::retryable(error)),
            });
        }
        if done > 0 {
            self.torn = pending[done - 1] != b'\n';
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

    fn batch(&self) -> usize {
        if self.buffered { 256 } else { 1 }
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.taken, true) {
            self.pending.extend(lines(alerts));
        }
        self.write()?;
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
    fn a_file_kept_open_stays_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a"), folder.path().join("b"));
        let mut file = File::new(&path, true, false);
        file.deliver(&[message("one")]).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.deliver(&[message("two")]).unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert!(!path.exists());
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
