//! Interns equal file descriptors.
//!
//! Programs open the same few files over and over: libraries, locales, configuration. Equal file descriptors share one
//! entry, whichever process they belong to, until one of them changes: nothing is allocated for a file that was opened
//! recently, and what a rule engine found out about it (by the entry's stamp) stays valid.
//!
//! The most recent entries are kept in a table of fixed size, where a newer one replaces an older one.
//!
//! Entries with long paths are limited over all processes: a user can open as many files with long paths as he likes,
//! and each path takes as much memory as it is long.

use std::collections::VecDeque;
use std::hash::Hasher as _;
use std::sync::{Arc, Weak};

use rustc_hash::FxHasher;

use scap::event::KernelFile;

use super::{Fd, FdKind, Overlay, Place, State, Text};

/// The size of the table; a power of two.
const PLACES: usize = 8192;

/// The length from which a path counts as long, in bytes.
const LONG: usize = 512;
/// The number of entries with long paths.
const MOST_LONG: usize = 16_384;
/// Number of them that are searched for one that is no longer used.
const LOOKS: usize = 64;

/// The most recent entries, each at the place of its hash.
#[derive(Debug, Default)]
pub(super) struct FdPool {
    places: Vec<Option<Arc<Fd>>>,
    /// All entries with long paths, and some that are no longer used.
    long: VecDeque<Weak<Fd>>,
}

impl FdPool {
    /// Returns whether there is room for another entry with a long path.
    #[cold]
    fn has_room(&mut self) -> bool {
        for _ in 0..LOOKS {
            if self.long.len() < MOST_LONG {
                return true;
            }
            if let Some(entry) = self.long.pop_front()
                && entry.strong_count() > 0
            {
                self.long.push_back(entry);
            }
        }
        false
    }
}

/// The facts of a file descriptor without ends: a file, a directory, or a kernel object.
#[derive(Debug, Clone)]
pub(crate) struct FdFacts<'a> {
    pub(crate) kind: FdKind,
    pub(crate) name: &'a [u8],
    pub(crate) name_raw: &'a [u8],
    pub(crate) real_path: &'a [u8],
    pub(crate) kernel: KernelFile<'a>,
    pub(crate) open_flags: u32,
    pub(crate) dev: u32,
    pub(crate) ino: u64,
    pub(crate) overlay: Overlay,
    pub(crate) from_scan: bool,
}

impl<'a> FdFacts<'a> {
    /// Returns the facts of an object that has only a kind.
    pub(crate) fn new(kind: FdKind) -> Self {
        Self {
            kind,
            name: b"",
            name_raw: b"",
            real_path: b"",
            kernel: KernelFile::default(),
            open_flags: 0,
            dev: 0,
            ino: 0,
            overlay: Overlay::None,
            from_scan: false,
        }
    }

    /// Returns the facts of an entry; `None` if it has others than these.
    fn of(fd: &'a Fd) -> Option<Self> {
        let shared = matches!(
            fd.kind,
            FdKind::File
                | FdKind::Directory
                | FdKind::Event
                | FdKind::Unsupported
                | FdKind::SignalFd
                | FdKind::EventPoll
                | FdKind::Inotify
                | FdKind::TimerFd
                | FdKind::Netlink
                | FdKind::Bpf
                | FdKind::UserfaultFd
                | FdKind::IoUring
        );
        let facts = Self {
            kind: fd.kind.clone(),
            name: &fd.name,
            name_raw: &fd.name_raw,
            real_path: &fd.real_path,
            kernel: fd.place.kernel_file(),
            open_flags: fd.open_flags,
            dev: fd.dev,
            ino: fd.ino,
            overlay: fd.overlay,
            from_scan: fd.from_scan,
        };
        (shared && facts.describes(fd)).then_some(facts)
    }

    /// Returns whether it takes much memory.
    #[inline]
    fn is_long(&self) -> bool {
        self.name.len() + self.name_raw.len() + self.real_path.len() >= LONG
    }

    #[inline]
    fn place(&self) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(self.name);
        hasher.write_u64(self.ino);
        hasher.write_u64(u64::from(self.open_flags) << 32 | u64::from(self.dev));
        hasher.write_u8(self.kind.type_char());
        (hasher.finish() >> 32) as usize % PLACES
    }

    /// Returns whether these are all facts of an entry.
    #[inline]
    fn describes(&self, fd: &Fd) -> bool {
        self.ino == fd.ino
            && self.open_flags == fd.open_flags
            && self.dev == fd.dev
            && self.kind == fd.kind
            && self.name == fd.name.as_bytes()
            && self.name_raw == fd.name_raw.as_bytes()
            && self.real_path == fd.real_path.as_bytes()
            && fd.place.is_of(&self.kernel)
            && self.overlay == fd.overlay
            && self.from_scan == fd.from_scan
            && fd.is_plain()
    }

    fn entry(self) -> Fd {
        let mut fd = Fd::new(self.kind);
        fd.name = Text::new(self.name);
        fd.name_raw = if self.name == self.name_raw { fd.name.clone() } else { Text::new(self.name_raw) };
        fd.real_path = if self.name == self.real_path { fd.name.clone() } else { Text::new(self.real_path) };
        fd.place = Place::new(&self.kernel);
        fd.open_flags = self.open_flags;
        fd.dev = self.dev;
        fd.ino = self.ino;
        fd.overlay = self.overlay;
        fd.from_scan = self.from_scan;
        fd
    }
}

impl State {
    /// Returns an entry with these facts: an existing one, if it was used recently. `None`, which is counted, if too many
    /// entries have long paths.
    pub(crate) fn shared_fd(&mut self, facts: FdFacts<'_>) -> Option<Arc<Fd>> {
        if self.pool.places.is_empty() {
            self.pool.places.resize(PLACES, None);
        }
        let place = facts.place();
        for place in [place, place ^ 1] {
            if let Some(entry) = self.pool.places[place].as_ref().filter(|entry| facts.describes(entry)) {
                return Some(entry.clone());
            }
        }
        let is_long = facts.is_long();
        if is_long && !self.pool.has_room() {
            self.metrics.drops_full_fdtable += 1;
            return None;
        }
        let mut fd = facts.entry();
        fd.stamp = self.new_stamp();
        let entry = Arc::new(fd);
        // The replaced entry moves to a second place, so that two files with the same place do not evict each other in
        // turns.
        self.pool.places[place ^ 1] = self.pool.places[place].replace(entry.clone());
        if is_long {
            self.pool.long.push_back(Arc::downgrade(&entry));
        }
        Some(entry)
    }

    /// Shares an entry that was created elsewhere, like [`shared_fd`](Self::shared_fd).
    pub(super) fn share_fd(&mut self, mut fd: Fd) -> Option<Arc<Fd>> {
        if let Some(facts) = FdFacts::of(&fd) {
            return self.shared_fd(facts);
        }
        fd.stamp = self.new_stamp();
        Some(Arc::new(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_long_paths_are_limited() {
        let mut state = State::default();
        let long = |number: usize| format!("/{}{number}", "x".repeat(LONG));
        let mut open = |name: &str| {
            let facts = FdFacts { name: name.as_bytes(), name_raw: name.as_bytes(), ..FdFacts::new(FdKind::File) };
            let entry = state.shared_fd(facts);
            (entry, state.metrics.drops_full_fdtable)
        };
        let kept: Vec<_> = (0..MOST_LONG).map(|number| open(&long(number)).0.expect("room")).collect();
        assert!(matches!(open(&long(MOST_LONG)), (None, 1)));
        // Others are as before: short ones, and those that exist.
        assert!(matches!(open("/etc/hosts"), (Some(_), 1)));
        assert!(matches!(open(&long(MOST_LONG - 1)), (Some(_), 1)));
        drop(kept);
        for number in 0..MOST_LONG {
            assert!(open(&long(MOST_LONG + number)).0.is_some(), "{number}");
        }
    }
}
