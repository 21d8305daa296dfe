//! The descriptors of one process.
//!
//! Entries with small numbers, which nearly all are, lie in a vector in the order of their numbers: where none is missing,
//! the number is the index. The rest lie in a hash table. Entries are shared with the tables of forks: a fork copies
//! pointers, a change copies one entry.
//!
//! Listings (`fd.types`) show descriptors in the order in which Falco's hash table does, for outputs compare equal that
//! way: the newest first; turned around in a fork, which takes them over in that order; and turned around when the
//! table grows; numbers that fall into one slot of that table stay together. Each entry has a rank for that.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::Fd;

/// Entries with numbers below this lie in the vector.
const NEAR: i64 = 256;

/// The file descriptors of one process.
#[derive(Debug, Clone)]
pub struct FdTable {
    /// By number.
    near: Vec<Entry>,
    /// Most tables have none of these.
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
    /// The entry with the greatest rank is listed first.
    rank: i32,
    fd: Arc<Fd>,
}

type Far = HashMap<i64, Arc<Fd>, FxBuildHasher>;

/// How many entries Falco's table takes before it grows.
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

    /// Looks up an entry behind a gap.
    fn search(&self, num: i64) -> Option<&Arc<Fd>> {
        if num < NEAR {
            return self.place(num).ok().and_then(|at| self.near.get(at)).map(|entry| &entry.fd);
        }
        self.far.as_ref()?.get(&num)
    }

    /// Returns where the entry with a small number lies, or would.
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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all of them; in the order of numbers below 256, then in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        let near = self.near.iter().map(|entry| (i64::from(entry.num), &*entry.fd));
        let far = self.far.iter().flat_map(|far| far.iter());
        near.chain(far.map(|(num, fd)| (*num, fd.as_ref())))
    }

    /// The numbers in the order of listings; `forked` that of a fork which took them over as they are. Those beyond the
    /// vector come last.
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

    /// Ranks the entries as those of a fork, which takes them over from first to last.
    pub(crate) fn rerank(&mut self) {
        let small = self.near.last().is_none_or(|last| (last.num as usize) < ROOMS[0]);
        if self.far.is_none() && small && self.room == ROOMS[0] {
            // In a small table every number has a slot of its own: the order is turned around.
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

    /// Returns the rank of a new entry, which puts it first, in a table that has `len` others.
    fn next_rank(&mut self, len: usize) -> i32 {
        if len >= self.room {
            self.room = ROOMS.into_iter().find(|room| *room > len).unwrap_or(usize::MAX);
            self.turn();
        }
        self.greatest = self.greatest.saturating_add(1);
        self.greatest
    }

    /// Turns the order around.
    fn turn(&mut self) {
        self.near.iter_mut().for_each(|entry| entry.rank = -entry.rank);
        (self.greatest, self.least) = (-self.least, -self.greatest);
    }

    /// A file descriptor that is about to change. Its entry is copied first if another table has it too.
    pub(crate) fn get_mut(&mut self, num: i64) -> Option<&mut Fd> {
        let entry = if num < NEAR {
            let at = self.place(num).ok()?;
            &mut self.near[at].fd
        } else {
            self.far.as_mut()?.get_mut(&num)?
        };
        Some(Arc::make_mut(entry))
    }

    /// The entry itself, to be put into another table.
    pub(crate) fn share(&self, num: i64) -> Option<Arc<Fd>> {
        self.search(num).cloned()
    }

    /// Puts `fd` at `num`, which must not be negative, and gives what was there.
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

    /// Takes out what is at `num`.
    pub(crate) fn remove(&mut self, num: i64) -> Option<Arc<Fd>> {
        if num >= NEAR {
            return self.remove_far(num);
        }
        let at = self.place(num).ok()?;
        Some(self.near.remove(at).fd)
    }

    /// Keeps those for which `keep` says so.
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

    /// Makes room for a few more entries: a host has many tables, and most are small.
    #[cold]
    fn grow(&mut self) {
        let len = self.near.len();
        self.near.reserve_exact(if len < 32 { 4 } else { 32 });
    }
}

/// Orders entries, given by rank and number, as listings do: the greatest rank first, but numbers that fall into one
/// slot of a table of `room` slots stay together, where the eldest of them is.
fn chain(entries: &mut [(i32, i64)], room: usize) {
    /// In a longer table this is not worth its time.
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
