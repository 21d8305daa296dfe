//! The list of file descriptors that `poll` and similar calls carry: a count, then a number and poll flags each.

/// A parameter of type `FDLIST`, decoded as it is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FdList<'a> {
    entries: &'a [u8],
}

/// Bytes of one entry.
const ENTRY: usize = 10;

impl<'a> FdList<'a> {
    /// Parses `raw` as a list; `None` if it has no count. Entries that the count promises but the bytes do not contain
    /// are left out.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let (count, rest) = raw.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes(*count)).min(rest.len() / ENTRY) * ENTRY;
        Some(Self { entries: rest.get(..len)? })
    }

    /// Returns the number of file descriptors.
    pub fn len(&self) -> usize {
        self.entries.len() / ENTRY
    }

    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the file descriptors with their flags, in order. The flags are those of the table `poll_flags`.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i16)> + use<'a> {
        self.entries.chunks_exact(ENTRY).filter_map(|entry| {
            let (fd, flags) = entry.split_first_chunk()?;
            Some((i64::from_le_bytes(*fd), i16::from_le_bytes(*flags.first_chunk()?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(count: u16, entries: &[(i64, i16)]) -> Vec<u8> {
        let mut raw = count.to_le_bytes().to_vec();
        for (fd, flags) in entries {
            raw.extend(fd.to_le_bytes());
            raw.extend(flags.to_le_bytes());
        }
        raw
    }

    #[test]
    fn lists_decode() {
        let raw = raw(2, &[(3, 1), (-1, -32768)]);
        let list = FdList::parse(&raw).expect("a list");
        assert_eq!(list.iter().collect::<Vec<_>>(), [(3, 1), (-1, -32768)]);
        assert_eq!((list.len(), list.is_empty()), (2, false));
    }

    #[test]
    fn a_count_that_promises_too_much_is_cut() {
        let raw = raw(9, &[(3, 1)]);
        assert_eq!(FdList::parse(&raw).expect("a list").len(), 1);
        assert_eq!(FdList::parse(&[0, 0]).expect("a list").len(), 0);
        assert_eq!(FdList::parse(&[1]), None);
    }
}
