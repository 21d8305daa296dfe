//! The descriptors of one process.
//!
//! Small numbers, which nearly all are, index a vector; the rest lie in a hash table. Entries are shared with the
//! tables of forks: a fork copies pointers, a change copies one entry.
//!
//! Listings (`fd.types`) show descriptors in the order in which Falco's hash table does, for outputs compare equal that
//! way: the newest first; turned around in a fork, which takes them over in that order; and turned around when the
//! table grows; numbers that fall into one slot of that table stay together. Each entry has a rank for that.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::Fd;

/// Numbers below this index the vector.
const DENSE: usize = 256;

/// The descriptors of one process.
#[derive(Debug, Clone)]
pub struct FdTable {
    dense: Vec<Option<Arc<Fd>>>,
    /// Most tables have none of these.
    sparse: Option<Box<Sparse>>,
    len: usize,
    /// The rank of each dense entry: the greatest is listed first.
    ranks: Vec<i32>,
    greatest: i32,
    least: i32,
    /// How many entries fit before the table grows.
    room: usize,
}

type Sparse = HashMap<i64, Arc<Fd>, FxBuildHasher>;

/// How many entries Falco's table takes before it grows.
const ROOMS: [usize; 6] = [13, 29, 59, 127, 257, usize::MAX];

impl Default for FdTable {
    fn default() -> Self {
        Self { dense: Vec::new(), sparse: None, len: 0, ranks: Vec::new(), greatest: 0, least: 0, room: ROOMS[0] }
    }
}

impl FdTable {
    /// The descriptor with the given number.
    #[inline]
    pub fn get(&self, num: i64) -> Option<&Fd> {
        match self.dense.get(num as usize) {
            Some(entry) => entry.as_deref(),
            None => self.sparse.as_ref()?.get(&num).map(Arc::as_ref),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them; in the order of numbers below 256, then in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        let dense = self.dense.iter().enumerate().filter_map(|(num, fd)| Some((num as i64, fd.as_deref()?)));
        let sparse = self.sparse.iter().flat_map(|sparse| sparse.iter());
        dense.chain(sparse.map(|(num, fd)| (*num, fd.as_ref())))
    }

    /// The numbers in the order of listings; `forked` that of a fork which took them over as they are. Those beyond the
    /// vector come last.
    pub(crate) fn listed(&self, forked: bool) -> SmallVec<[i64; 32]> {
        let dense = self.dense.iter().zip(&self.ranks).enumerate().filter(|(_, (fd, _))| fd.is_some());
        let mut entries: SmallVec<[(i32, i64); 32]> = dense.map(|(num, (_, rank))| (*rank, num as i64)).collect();
        entries.extend(self.sparse.iter().flat_map(|sparse| sparse.keys()).map(|num| (i32::MIN, *num)));
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
        if self.sparse.is_none() && self.dense.len() <= ROOMS[0] && self.room == ROOMS[0] {
            // In a small table every number has a slot of its own: the order is turned around.
            self.turn();
            return;
        }
        let order = self.listed(false);
        (self.greatest, self.least, self.room) = (0, 0, ROOMS[0]);
        let dense = order.into_iter().map(|num| num as usize).filter(|num| *num < self.dense.len());
        for (taken, num) in dense.collect::<SmallVec<[usize; 32]>>().into_iter().enumerate() {
            self.rank(num, taken);
        }
    }

    /// Puts a new entry first, in a table that has `len` others.
    fn rank(&mut self, num: usize, len: usize) {
        if len >= self.room {
            self.room = ROOMS.into_iter().find(|room| *room > len).unwrap_or(usize::MAX);
            self.turn();
        }
        self.greatest = self.greatest.saturating_add(1);
        self.ranks[num] = self.greatest;
    }

    /// Turns the order around.
    fn turn(&mut self) {
        self.ranks.iter_mut().for_each(|rank| *rank = -*rank);
        (self.greatest, self.least) = (-self.least, -self.greatest);
    }

    /// A descriptor that is about to change. Its entry is copied first if another table has it too.
    pub(crate) fn get_mut(&mut self, num: i64) -> Option<&mut Fd> {
        let entry = match self.dense.get_mut(num as usize) {
            Some(entry) => entry.as_mut()?,
            None => self.sparse.as_mut()?.get_mut(&num)?,
        };
        Some(Arc::make_mut(entry))
    }

    /// The entry itself, to be put into another table.
    pub(crate) fn share(&self, num: i64) -> Option<Arc<Fd>> {
        match self.dense.get(num as usize) {
            Some(entry) => entry.clone(),
            None => self.sparse.as_ref()?.get(&num).cloned(),
        }
    }

    /// Puts `fd` at `num`, which must not be negative, and gives what was there.
    pub(crate) fn insert(&mut self, num: i64, fd: Arc<Fd>) -> Option<Arc<Fd>> {
        let at = num as usize;
        let old = if at < DENSE {
            if at >= self.dense.len() {
                self.grow(at + 1);
            }
            if self.dense[at].is_none() {
                self.rank(at, self.len);
            }
            self.dense[at].replace(fd)
        } else {
            self.sparse.get_or_insert_default().insert(num, fd)
        };
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes out what is at `num`.
    pub(crate) fn remove(&mut self, num: i64) -> Option<Arc<Fd>> {
        let old = match self.dense.get_mut(num as usize) {
            Some(entry) => entry.take(),
            None => self.remove_sparse(num),
        };
        self.len -= usize::from(old.is_some());
        old
    }

    /// Keeps those for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(i64, &Fd) -> bool) {
        for (num, entry) in self.dense.iter_mut().enumerate() {
            if entry.as_deref().is_some_and(|fd| !keep(num as i64, fd)) {
                *entry = None;
                self.len -= 1;
            }
        }
        if let Some(sparse) = &mut self.sparse {
            let before = sparse.len();
            sparse.retain(|num, fd| keep(*num, fd));
            self.len -= before - sparse.len();
            self.drop_empty();
        }
    }

    fn remove_sparse(&mut self, num: i64) -> Option<Arc<Fd>> {
        let old = self.sparse.as_mut()?.remove(&num);
        self.drop_empty();
        old
    }

    fn drop_empty(&mut self) {
        if self.sparse.as_ref().is_some_and(|sparse| sparse.is_empty()) {
            self.sparse = None;
        }
    }

    /// Makes room for `len` entries, and for a few more: a machine has many tables, and most are small.
    #[cold]
    fn grow(&mut self, len: usize) {
        let room = len.next_multiple_of(if len <= 32 { 4 } else { 32 });
        self.dense.reserve_exact(room - self.dense.len());
        self.ranks.reserve_exact(room - self.ranks.len());
        self.dense.resize(len, None);
        self.ranks.resize(len, 0);
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
    let eldest = |num: i64| entries.iter().filter(|(_, other)| other % room == num % room).map(|(rank, _)| *rank).min();
    let mut keyed: SmallVec<[_; MANY]> =
        entries.iter().map(|(rank, num)| ((eldest(*num).unwrap_or(*rank), *rank), *num)).collect();
    keyed.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    for (entry, ((_, rank), num)) in entries.iter_mut().zip(keyed) {
        *entry = (rank, num);
    }
}
