//! The file descriptors of one process.
//!
//! Entries with small numbers, which are nearly all, lie in a vector ordered by number: as long as none is missing, the
//! number is the index. The rest lie in a hash table. Entries are shared with the tables of forks: a fork copies
//! pointers, a change copies one entry.
//!
//! Listings (`fd.types`) show file descriptors in the order of Falco's hash table, so that outputs are equal: the
//! newest first; reversed in a fork, which inserts them in that order; and reversed when the table grows; numbers in
//! the same slot of that table stay together. Each entry has a rank for that.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::Fd;

/// The limit of the numbers whose entries lie in the vector.
const NEAR: i64 = 256;

/// The file descriptors of one process.
#[derive(Debug, Clone)]
pub struct FdTable {
    /// Entries with small numbers, ordered by number.
    near: Vec<Entry>,
    /// The other entries; most tables do not have any.
    far: Option<Box<Far>>,
    /// The greatest and the least rank so far.
    greatest: i32,
    least: i32,
    /// The number of entries at which Falco's table grows.
    room: usize,
}

/// One entry with a small number.
#[derive(Debug, Clone)]
struct Entry {
    num: i32,
    /// The rank in listings: the greatest is listed first.
    rank: i32,
    fd: Arc<Fd>,
}

type Far = HashMap<i64, Arc<Fd>, FxBuildHasher>;

/// The numbers of entries at which Falco's table grows.
const ROOMS: [usize; 6] = [13, 29, 59, 127, 257, usize::MAX];

impl Default for FdTable {
    fn default() -> Self {
        Self { near: Vec::new(), far: None, greatest: 0, least: 0, room: ROOMS[0] }
    }
}

impl FdTable {
    /// Returns the file descriptor with the given number.
    #[inline]
    pub fn get(&self, num: i64) -> Option<&Fd> {
        match self.near.get(num as usize) {
            Some(entry) if i64::from(entry.num) == num => Some(&entry.fd),
            _ => self.search(num).map(Arc::as_ref),
        }
    }

    /// Looks up an entry after a gap.
    fn search(&self, num: i64) -> Option<&Arc<Fd>> {
        if num < NEAR {
            return self.place(num).ok().and_then(|at| self.near.get(at)).map(|entry| &entry.fd);
        }
        self.far.as_ref()?.get(&num)
    }

    /// Returns the position of the entry with a small number, or where it would be inserted.
    #[inline]
    fn place(&self, num: i64) -> Result<usize, usize> {
        match self.near.last() {
            Some(last) if i64::from(last.num) >= num => {}
            _ => return Err(self.near.len()),
        }
        if self.near.get(num as usize).is_some_and(|entry| i64::from(entry.num) == num) {
            return Ok(num as usize);
        }
        self.near.binary_search_by_key(&num, |entry| i64::from(entry.num))
    }

    /// Returns the number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.near.len() + self.far.as_ref().map_or(0, |far| far.len())
    }

    /// Returns whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all of them: in the order of numbers below 256, then in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        let near = self.near.iter().map(|entry| (i64::from(entry.num), &*entry.fd));
        let far = self.far.iter().flat_map(|far| far.iter());
        near.chain(far.map(|(num, fd)| (*num, fd.as_ref())))
    }

    /// Returns the numbers in the order of listings; with `forked` that of a fork which took them over unchanged. Those
    /// outside the vector come last.
    pub(crate) fn listed(&self, forked: bool) -> SmallVec<[i64; 32]> {
        let mut entries: SmallVec<[(i32, i64); 32]> =
            self.near.iter().map(|entry| (entry.rank, i64::from(entry.num))).collect();
        entries.extend(self.far.iter().flat_map(|far| far.keys()).map(|num| (i32::MIN, *num)));
        chain(&mut entries, self.room);
        if forked {
            entries.iter_mut().zip(0..).for_each(|(entry, place)| entry.0 = place);
            let room = ROOMS.into_iter().find(|room| *room >= entries.len()).unwrap_or(usize::MAX);
            chain(&mut entries, room);
        }
        entries.into_iter().map(|(_, num)| num).collect()
    }

    /// Ranks the entries like those of a fork, which takes them over from first to last.
    pub(crate) fn rerank(&mut self) {
        let small = self.near.last().is_none_or(|last| (last.num as usize) < ROOMS[0]);
        if self.far.is_none() && small && self.room == ROOMS[0] {
            // In a small table every number has its own slot: the order is reversed.
            self.turn();
            return;
        }
        let order = self.listed(false);
        (self.greatest, self.least, self.room) = (0, 0, ROOMS[0]);
        for (taken, num) in order.into_iter().filter(|num| *num < NEAR).enumerate() {
            let rank = self.next_rank(taken);
            if let Ok(at) = self.place(num) {
                self.near[at].rank = rank;
            }
        }
    }

    /// Returns the rank of a new entry, which places it first, in a table that has `len` others.
    fn next_rank(&mut self, len: usize) -> i32 {
        if len >= self.room {
            self.room = ROOMS.into_iter().find(|room| *room > len).unwrap_or(usize::MAX);
            self.turn();
        }
        self.greatest = self.greatest.saturating_add(1);
        self.greatest
    }

    /// Reverses the order.
    fn turn(&mut self) {
        self.near.iter_mut().for_each(|entry| entry.rank = -entry.rank);
        (self.greatest, self.least) = (-self.least, -self.greatest);
    }

    /// Returns a file descriptor, mutably. Its entry is copied first if another table has it too.
    pub(crate) fn get_mut(&mut self, num: i64) -> Option<&mut Fd> {
        let entry = if num < NEAR {
            let at = self.place(num).ok()?;
            &mut self.near[at].fd
        } else {
            self.far.as_mut()?.get_mut(&num)?
        };
        Some(Arc::make_mut(entry))
    }

    /// Returns the shared entry, for insertion into another table.
    pub(crate) fn share(&self, num: i64) -> Option<Arc<Fd>> {
        self.search(num).cloned()
    }

    /// Inserts `fd` at `num`, which must not be negative, and returns the previous entry.
    pub(crate) fn insert(&mut self, num: i64, fd: Arc<Fd>) -> Option<Arc<Fd>> {
        if num >= NEAR {
            return self.far.get_or_insert_default().insert(num, fd);
        }
        match self.place(num) {
            Ok(at) => Some(std::mem::replace(&mut self.near[at].fd, fd)),
            Err(at) => {
                let rank = self.next_rank(self.len());
                if self.near.len() == self.near.capacity() {
                    self.grow();
                }
                self.near.insert(at, Entry { num: num as i32, rank, fd });
                None
            }
        }
    }

    /// Removes and returns the entry at `num`.
    pub(crate) fn remove(&mut self, num: i64) -> Option<Arc<Fd>> {
        if num >= NEAR {
            return self.remove_far(num);
        }
        let at = self.place(num).ok()?;
        Some(self.near.remove(at).fd)
    }

    /// Retains the entries for which `keep` returns true.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(i64, &Fd) -> bool) {
        self.near.retain(|entry| keep(entry.num.into(), &entry.fd));
        if let Some(far) = &mut self.far {
            far.retain(|num, fd| keep(*num, fd));
            self.drop_empty();
        }
    }

    fn remove_far(&mut self, num: i64) -> Option<Arc<Fd>> {
        let old = self.far.as_mut()?.remove(&num);
        self.drop_empty();
        old
    }

    fn drop_empty(&mut self) {
        if self.far.as_ref().is_some_and(|far| far.is_empty()) {
            self.far = None;
        }
    }

    /// Reserves space for a few more entries: a host has many tables, and most are small.
    #[cold]
    fn grow(&mut self) {
        let len = self.near.len();
        self.near.reserve_exact(if len < 32 { 4 } else { 32 });
    }
}

/// Orders entries, given by rank and number, as listings do: the greatest rank first, but numbers in the same slot of a
/// table of `room` slots stay together, at the position of the oldest of them.
fn chain(entries: &mut [(i32, i64)], room: usize) {
    /// The number of entries from which on this is too slow.
    const MANY: usize = 64;
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    if entries.len() > MANY || entries.iter().all(|(_, num)| *num < room) {
        entries.sort_unstable_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        return;
    }
    let slots: SmallVec<[(i64, i32); MANY]> = entries.iter().map(|(rank, num)| (num % room, *rank)).collect();
    let eldest = |slot: i64| slots.iter().filter(|(other, _)| *other == slot).map(|(_, rank)| *rank).min();
    let mut keyed: SmallVec<[_; MANY]> = entries
        .iter()
        .zip(&slots)
        .map(|((rank, num), (slot, _))| ((eldest(*slot).unwrap_or(*rank), *rank), *num))
        .collect();
    keyed.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    for (entry, ((_, rank), num)) in entries.iter_mut().zip(keyed) {
        *entry = (rank, num);
    }
}
