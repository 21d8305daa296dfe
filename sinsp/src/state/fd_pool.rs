//! Interns equal file descriptors.
//!
//! Programs open the same few files over and over: libraries, locales, configuration. Equal file descriptors share one
//! entry, whichever process they belong to, until one of them changes: nothing is allocated for a file that was opened
//! recently, and what a rule engine found out about it (by the entry's stamp) stays valid.
//!
//! The most recent entries are kept in a table of fixed size, where a newer one replaces an older one.

use std::hash::Hasher as _;
use std::sync::Arc;

use rustc_hash::FxHasher;

use scap::event::KernelFile;

use super::{Fd, FdKind, Overlay, Place, State, Text};

/// The size of the table; a power of two.
const PLACES: usize = 8192;

/// The most recent entries, each at the place of its hash.
#[derive(Debug, Default)]
pub(super) struct FdPool {
    places: Vec<Option<Arc<Fd>>>,
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
    /// Returns an entry with these facts: an existing one, if it was used recently.
    pub(crate) fn shared_fd(&mut self, facts: FdFacts<'_>) -> Arc<Fd> {
        if self.pool.places.is_empty() {
            self.pool.places.resize(PLACES, None);
        }
        let place = facts.place();
        for place in [place, place ^ 1] {
            if let Some(entry) = self.pool.places[place].as_ref().filter(|entry| facts.describes(entry)) {
                return entry.clone();
            }
        }
        let mut fd = facts.entry();
        fd.stamp = self.new_stamp();
        let entry = Arc::new(fd);
        // The replaced entry moves to a second place, so that two files with the same place do not evict each other in
        // turns.
        self.pool.places[place ^ 1] = self.pool.places[place].replace(entry.clone());
        entry
    }

    /// Shares an entry that was created elsewhere, like [`shared_fd`](Self::shared_fd).
    pub(super) fn share_fd(&mut self, mut fd: Fd) -> Arc<Fd> {
        if let Some(facts) = FdFacts::of(&fd) {
            return self.shared_fd(facts);
        }
        fd.stamp = self.new_stamp();
        Arc::new(fd)
    }
}
