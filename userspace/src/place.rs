//! The path of an open file, a working directory or an executable, by its link in `/proc`.

use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;

/// States of a path in the events, see `docs/kernels.md`.
pub(crate) const NONE: u8 = 0;
pub(crate) const WHOLE: u8 = 1;
pub(crate) const DELETED: u8 = 2;
pub(crate) const CUT: u8 = 4;

/// The mark at the end of a link.
const MARK: &[u8] = b" (deleted)";
const MEMFD: &[u8] = b"/memfd:";

/// A path as the kernel has it, and its state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) state: u8,
    /// The name, such as `memfd:NAME`, of a file without a path; empty if the path is longer than the kernel reports.
    pub(crate) path: Vec<u8>,
    pub(crate) dev: u32,
    pub(crate) ino: u64,
}

impl Place {
    /// Returns the target of a link of a thread, such as `fd/3`, `cwd` or `exe`; `None` if there is none.
    pub(crate) fn of(tid: i32, link: &str) -> Option<Self> {
        let link = format!("/proc/{tid}/{link}");
        let meta = std::fs::metadata(&link).ok()?;
        let (state, path) = match std::fs::read_link(&link) {
            Ok(path) => state_of(path.into_os_string().into_vec(), |path| is_at(tid, path, &meta)),
            Err(error) if error.raw_os_error() == Some(libc::ENAMETOOLONG) => (CUT, Vec::new()),
            Err(_) => (NONE, Vec::new()),
        };
        Some(Self { state, path, dev: meta.dev() as u32, ino: meta.ino() })
    }

    /// Returns the path; empty if there is none, or it was cut.
    pub(crate) fn path(&self) -> &[u8] {
        if matches!(self.state, NONE | CUT) { b"" } else { &self.path }
    }
}

/// Returns whether a thread has the file at a path.
fn is_at(tid: i32, path: &[u8], file: &Metadata) -> bool {
    let path = [format!("/proc/{tid}/root").as_bytes(), path].concat();
    let found = std::fs::symlink_metadata(std::ffi::OsStr::from_bytes(&path));
    found.is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
}

/// Returns the state of the target of a link, and its path. `is_there` distinguishes a name that ends like a deleted one.
fn state_of(mut path: Vec<u8>, is_there: impl FnOnce(&[u8]) -> bool) -> (u8, Vec<u8>) {
    if path.starts_with(MEMFD) {
        path.truncate(path.strip_suffix(MARK).map_or(path.len(), <[u8]>::len));
        path.remove(0);
        return (NONE, path);
    }
    if !path.starts_with(b"/") {
        return (NONE, path);
    }
    if path.ends_with(MARK) && !is_there(&path) {
        path.truncate(path.len() - MARK.len());
        return (DELETED, path);
    }
    (WHOLE, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_became_of_the_file() {
        for (link, is_there, state, path) in [
            ("/bin/x", false, WHOLE, "/bin/x"),
            ("/bin/x (deleted)", false, DELETED, "/bin/x"),
            ("/bin/x (deleted)", true, WHOLE, "/bin/x (deleted)"),
            ("/memfd:x (deleted)", false, NONE, "memfd:x"),
            ("/memfd: (deleted) (deleted)", false, NONE, "memfd: (deleted)"),
            ("pipe:[7]", false, NONE, "pipe:[7]"),
        ] {
            let found = state_of(link.into(), |_| is_there);
            assert_eq!((found.0, found.1.as_slice()), (state, path.as_bytes()), "{link}");
        }
    }

    #[test]
    fn a_file_whose_name_ends_like_a_deleted_one_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x (deleted)");
        let file = std::fs::File::create(&path).unwrap();
        let own = std::process::id() as i32;
        let link = format!("fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let found = Place::of(own, &link).unwrap();
        assert_eq!((found.state, found.path.as_slice()), (WHOLE, path.as_os_str().as_bytes()));
        std::fs::remove_file(&path).unwrap();
        let found = Place::of(own, &link).unwrap();
        assert_eq!((found.state, found.path.as_slice()), (DELETED, path.as_os_str().as_bytes()));
    }
}
