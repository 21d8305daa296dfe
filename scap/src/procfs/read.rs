//! Reads files under a root, within limits, and counts failures.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Report;
use crate::{Error, Result};

/// The maximum number of bytes read of a list such as `/proc/net/tcp`.
const MAX_LIST: u64 = 256 << 20;
/// The maximum number of bytes read of a small file.
const MAX_SMALL: u64 = 64 << 10;

/// The maximum number of bytes read of a file that belongs to a container.
const MAX_FOREIGN: u64 = 1 << 20;

/// The flag to open a file without waiting, for example for the writer of a named pipe; the same on every architecture
/// of Rust's standard library except MIPS and SPARC.
const O_NONBLOCK: i32 = 0o4000;

/// The size of the buffer that files are read through.
const SCRATCH: usize = 32 << 10;

/// The error number of "no such process", returned when reading a file of a process that has ended.
const ESRCH: i32 = 3;

/// The files of a host.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    scratch: Vec<u8>,
    pub(super) report: Report,
}

impl Tree {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), scratch: Vec::new(), report: Report::default() }
    }

    /// Returns whether it is the local host's.
    pub(super) fn is_own(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns a path under the root.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Fails if nothing is mounted.
    pub(super) fn is_mounted(&self) -> Result<()> {
        let path = self.path("proc/stat");
        std::fs::metadata(&path).map_err(|error| Error::io(format!("can't read {}", path.display()), error))?;
        Ok(())
    }

    /// Returns the processes, in ascending order.
    pub(super) fn pids(&mut self) -> Result<Vec<i64>> {
        let path = self.path("proc");
        let entries =
            std::fs::read_dir(&path).map_err(|error| Error::io(format!("can't list {}", path.display()), error))?;
        let mut pids: Vec<i64> = entries.flatten().filter_map(|entry| number(&entry.file_name())).collect();
        pids.sort_unstable();
        Ok(pids)
    }

    /// Returns the threads of a process other than the first, in ascending order.
    pub(super) fn tids(&mut self, pid: i64) -> Vec<i64> {
        let mut tids = self.numbers(&format!("proc/{pid}/task"));
        tids.retain(|tid| *tid != pid);
        tids
    }

    /// Returns the entries of a directory that are numbers, in ascending order.
    pub(super) fn numbers(&mut self, relative: &str) -> Vec<i64> {
        match std::fs::read_dir(self.path(relative)) {
            Ok(entries) => {
                let mut numbers: Vec<i64> = entries.flatten().filter_map(|entry| number(&entry.file_name())).collect();
                numbers.sort_unstable();
                numbers
            }
            Err(error) => {
                self.count(relative, &error);
                Vec::new()
            }
        }
    }

    /// Returns a small file, or its first bytes if it is larger.
    pub(super) fn small(&mut self, relative: &str) -> Option<Vec<u8>> {
        self.bytes(relative, MAX_SMALL)
    }

    /// Returns a list, one entry per line.
    pub(super) fn list(&mut self, relative: &str) -> Option<Vec<u8>> {
        self.bytes(relative, MAX_LIST)
    }

    /// Returns at most `max` bytes of a file. The sizes of files under `/proc` are not known before they are read, so
    /// all are read through one buffer that nearly every one of them fits in.
    pub(super) fn bytes(&mut self, relative: &str, max: u64) -> Option<Vec<u8>> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(SCRATCH, 0);
        let result = fill(&self.path(relative), max, &mut scratch);
        self.scratch = scratch;
        self.or_count(relative, result)
    }

    /// Returns a list that not every host has.
    pub(super) fn optional_list(&mut self, relative: &str) -> Option<Vec<u8>> {
        if self.path(relative).exists() { self.list(relative) } else { None }
    }

    /// Opens the root directory of a container; `None` if it is gone, or is that of the host.
    pub(super) fn foreign_root(&mut self, relative: &str) -> Option<ForeignRoot> {
        let open = || {
            let root = File::open(self.path(relative))?;
            let (own, host) = (root.metadata()?, std::fs::metadata(&self.root)?);
            Ok((root, (own.dev(), own.ino()) != (host.dev(), host.ino())))
        };
        let (root, is_own) = self.or_count(relative, open())?;
        is_own.then_some(ForeignRoot(root))
    }

    /// Returns the target of a link.
    pub(super) fn link(&mut self, relative: &str) -> Option<Vec<u8>> {
        let result = std::fs::read_link(self.path(relative));
        self.or_count(relative, result).map(|path| path.as_os_str().as_bytes().to_vec())
    }

    /// Returns the metadata of a file, following links.
    pub(super) fn metadata(&mut self, relative: &str) -> Option<Metadata> {
        let result = std::fs::metadata(self.path(relative));
        self.or_count(relative, result)
    }

    fn or_count<T>(&mut self, relative: &str, result: std::io::Result<T>) -> Option<T> {
        result.map_err(|error| self.count(relative, &error)).ok()
    }

    fn count(&mut self, relative: &str, error: &std::io::Error) {
        match error.kind() {
            ErrorKind::NotFound => self.report.vanished += 1,
            ErrorKind::PermissionDenied => self.report.denied += 1,
            _ if error.raw_os_error() == Some(ESRCH) => self.report.vanished += 1,
            _ => self.fail(relative, error),
        }
    }

    /// Counts a file that exists but cannot be read or parsed.
    pub(super) fn fail(&mut self, relative: &str, why: impl std::fmt::Display) {
        self.report.failed += 1;
        self.report.first_failure.get_or_insert_with(|| format!("{relative}: {why}"));
    }
}

/// The root directory of a container, whose files may be traps.
#[derive(Debug)]
pub(super) struct ForeignRoot(File);

impl ForeignRoot {
    /// Returns a file: links, pipes, devices and large files are refused.
    pub(super) fn file(&self, dir: &str, name: &str) -> Option<Vec<u8>> {
        // The standard library opens nothing relative to a directory; this link of the kernel leads to it.
        let dir = PathBuf::from(format!("/proc/self/fd/{}/{dir}", self.0.as_raw_fd()));
        foreign(&dir, &dir.join(name)).ok()
    }
}

fn foreign(dir: &Path, path: &Path) -> std::io::Result<Vec<u8>> {
    let refuse = || Err(std::io::Error::other("not a regular file, or too large"));
    if !dir.symlink_metadata()?.is_dir() || !path.symlink_metadata()?.is_file() {
        return refuse();
    }
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > MAX_FOREIGN {
        return refuse();
    }
    let mut bytes = Vec::new();
    file.take(MAX_FOREIGN).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads at most `max` bytes of a file through the buffer.
fn fill(path: &Path, max: u64, scratch: &mut [u8]) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?.take(max);
    let mut bytes = Vec::new();
    loop {
        match file.read(scratch) {
            Ok(0) => return Ok(bytes),
            Ok(len) => bytes.extend_from_slice(scratch.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn number(name: &OsStr) -> Option<i64> {
    let name = name.to_str()?;
    if name.bytes().all(|byte| byte.is_ascii_digit()) { name.parse().ok() } else { None }
}

/// Returns the lines of a file.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n')
}

/// Returns the words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// Parses a decimal number.
pub(super) fn decimal<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Parses a number of the given base.
pub(super) fn radix(word: &[u8], base: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word).ok()?, base).ok()
}

/// Returns the text after `key` and spaces on its line.
pub(super) fn value<'a>(bytes: &'a [u8], key: &str) -> Option<&'a [u8]> {
    lines(bytes).find_map(|line| line.strip_prefix(key.as_bytes())).map(<[u8]>::trim_ascii)
}
