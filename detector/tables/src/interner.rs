//! Distinct texts of a column: each is kept once, and rows have its number.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use hashbrown::{DefaultHashBuilder, HashTable};

/// The numbers of texts after which a dictionary starts again, so that values that never repeat do not fill the memory.
const TEXTS: usize = 1 << 15;
/// The bytes of texts after which a dictionary starts again.
const BYTES: usize = 1 << 20;

/// A growing dictionary.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    /// The end of each text in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    /// The dictionary as an array, until it grows.
    made: Option<ArrayRef>,
}

impl Interner {
    /// Returns the number of a text.
    #[inline]
    pub(crate) fn intern(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        let (ends, bytes) = (&self.ends, &self.bytes);
        if let Some(key) = self.table.find(hash, |key| at(ends, bytes, *key) == text) {
            return *key;
        }
        self.insert(hash, text)
    }

    #[cold]
    fn insert(&mut self, hash: u64, text: &[u8]) -> u32 {
        let key = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.made = None;
        let (hasher, ends, bytes) = (&self.hasher, &self.ends, &self.bytes);
        self.table.insert_unique(hash, key, |key| hasher.hash_one(at(ends, bytes, *key)));
        key
    }

    /// Returns the bytes of all texts.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the dictionary. Bytes that are not UTF-8 are U+FFFD.
    pub(crate) fn array(&mut self) -> ArrayRef {
        if let Some(made) = &self.made {
            return Arc::clone(made);
        }
        let texts = (0..self.ends.len() as u32).map(|key| String::from_utf8_lossy(at(&self.ends, &self.bytes, key)));
        let made: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        self.made = Some(Arc::clone(&made));
        made
    }

    /// Empties the dictionary if it is large, or in any case. Returns whether it did: numbers of texts are no longer
    /// valid.
    pub(crate) fn renew(&mut self, always: bool) -> bool {
        if !always && self.ends.len() < TEXTS && self.bytes.len() < BYTES {
            return false;
        }
        *self = Self::default();
        true
    }
}

fn at<'b>(ends: &[usize], bytes: &'b [u8], key: u32) -> &'b [u8] {
    let key = key as usize;
    let start = key.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(key).and_then(|end| bytes.get(start..*end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray as _;

    #[test]
    fn a_text_has_one_number() {
        let mut texts = Interner::default();
        let keys: Vec<u32> = [&b"a"[..], b"", b"b\xff", b"a", b""].map(|text| texts.intern(text)).into();
        assert_eq!(keys, [0, 1, 2, 0, 1]);
        let array = texts.array();
        assert_eq!(array.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "", "b\u{fffd}"]);
        assert_eq!(texts.intern(b"c"), 3);
        assert_eq!(texts.array().len(), 4);
    }

    #[test]
    fn it_starts_again_when_it_is_large() {
        let mut texts = Interner::default();
        texts.intern(&[b'x'; BYTES - 1]);
        assert!(!texts.renew(false));
        texts.intern(b"yz");
        assert!(texts.renew(false));
        assert_eq!((texts.len(), texts.intern(b"yz")), (0, 0));
    }
}
