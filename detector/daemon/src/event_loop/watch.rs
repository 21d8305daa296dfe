//! Watches configuration and rules files for changes.
//!
//! The directories of the files are watched, not the files: editors and configuration management replace a file by
//! renaming another one over it, and a Kubernetes ConfigMap swaps a link named `..data`. A watched file would be gone,
//! the directory stays.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The link that a Kubernetes ConfigMap swaps.
const CONFIG_MAP: &str = "..data";

/// Number of changes that are read at once, so that a program that never stops changing files does not keep the reader.
const MOST_AT_ONCE: usize = 65_536;

/// The relevant names in one directory.
#[derive(Debug, Default)]
struct Wanted {
    /// Whether any file is relevant.
    all: bool,
    names: HashSet<OsString>,
}

/// A watch on files and directories.
#[derive(Debug)]
pub(crate) struct FileWatch {
    inotify: OwnedFd,
    wanted: HashMap<i32, Wanted>,
}

impl FileWatch {
    /// Watches these files, and every change in these directories.
    ///
    /// # Errors
    ///
    /// If the kernel rejects a watch, since the directory is missing or the limit of watches is reached.
    pub(crate) fn new(files: &[PathBuf], folders: &[PathBuf]) -> std::io::Result<Self> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut wanted: HashMap<i32, Wanted> = HashMap::new();
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO;
        for folder in folders {
            wanted.entry(add_watch(&inotify, folder, flags)?).or_default().all = true;
        }
        for file in files {
            let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if let Some(name) = file.file_name() {
                let names = &mut wanted.entry(add_watch(&inotify, parent, flags)?).or_default().names;
                names.insert(name.to_owned());
                names.insert(CONFIG_MAP.into());
            }
        }
        Ok(Self { inotify, wanted })
    }

    /// Waits up to this time for a change.
    pub(crate) fn changed(&self, wait: Duration) -> bool {
        let time = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN)];
        if !poll(&mut fds, Some(&time)).is_ok_and(|ready| ready > 0) {
            return false;
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut changed = false;
        for _ in 0..MOST_AT_ONCE {
            match reader.next() {
                Ok(event) => {
                    // An event without a name means that events were lost, or that the directory is gone.
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    changed |= match (self.wanted.get(&event.wd()), name) {
                        (Some(wanted), Some(name)) => wanted.all || wanted.names.contains(name),
                        _ => true,
                    };
                }
                Err(Errno::INTR) => {}
                Err(_) => return changed,
            }
        }
        changed
    }

    /// Waits until nothing has changed for a time, but no longer than the limit.
    pub(crate) fn settle(&self, quiet: Duration, limit: Duration) {
        let start = Instant::now();
        while start.elapsed() < limit && self.changed(quiet) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MOMENT: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn writing_replacing_and_removing_are_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let watch = FileWatch::new(std::slice::from_ref(&file), &[]).unwrap();
        assert!(!watch.changed(MOMENT));
        fs::write(&file, "2").unwrap();
        assert!(watch.changed(LONG));
        fs::write(folder.path().join("other"), "3").unwrap();
        assert!(!watch.changed(MOMENT));
        for _ in 0..2 {
            fs::write(folder.path().join("new"), "4").unwrap();
            fs::rename(folder.path().join("new"), &file).unwrap();
            assert!(watch.changed(LONG));
        }
        fs::remove_file(&file).unwrap();
        assert!(watch.changed(LONG));
    }

    #[test]
    fn changes_that_never_end_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let watch = FileWatch::new(std::slice::from_ref(&file), &[]).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Until the other side is dropped.
                let stopped = stopped;
                while stopped.recv_timeout(Duration::from_millis(1)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    fs::write(&file, "2").unwrap();
                }
            });
            assert!(watch.changed(LONG));
            let start = Instant::now();
            // A pause in the changes is as long as the whole test.
            watch.settle(LONG, MOMENT * 10);
            assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
            drop(stop);
        });
        // What has come to rest is not waited for longer than that.
        while watch.changed(MOMENT) {}
        let start = Instant::now();
        watch.settle(MOMENT, LONG);
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_config_map_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("v1")).unwrap();
        fs::write(path("v1/a.yaml"), "1").unwrap();
        std::os::unix::fs::symlink("v1", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.yaml", path("a.yaml")).unwrap();
        let watch = FileWatch::new(&[path("a.yaml")], &[]).unwrap();
        std::os::unix::fs::symlink("v2", path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
        assert!(watch.changed(LONG));
    }

    #[test]
    fn anything_in_a_directory_counts() {
        let folder = tempfile::tempdir().unwrap();
        let watch = FileWatch::new(&[], &[folder.path().to_path_buf()]).unwrap();
        fs::write(folder.path().join("new.yaml"), "1").unwrap();
        assert!(watch.changed(LONG));
        assert!(FileWatch::new(&[], &["/no/such/directory".into()]).is_err());
    }
}
