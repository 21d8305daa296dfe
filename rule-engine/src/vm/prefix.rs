//! All texts of a set that are prefixes of another text, in one search.
//!
//! The texts are sorted. Those that are a prefix of a subject form a chain, each a prefix of the next, and the greatest
//! text that is not greater than the subject ends in that chain or extends it: one binary search finds it, and links to
//! the longest proper prefix within the set lead through the rest.

use smallvec::SmallVec;

#[derive(Debug, Clone)]
struct Row {
    text: Box<[u8]>,
    marks: Vec<u32>,
    /// The place of the longest proper prefix of `text` in the set.
    parent: Option<u32>,
}

/// A set of texts, each with marks.
#[derive(Debug, Clone)]
pub(crate) struct PrefixSet {
    rows: Vec<Row>,
    /// The first eight bytes of each text as a number that sorts as they do: most comparisons need no more.
    heads: Vec<u64>,
    longest: usize,
}

/// Returns the first eight bytes, filled with zeros.
fn head(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = text.len().min(8);
    bytes[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(bytes)
}

impl PrefixSet {
    pub(crate) fn new(texts: impl IntoIterator<Item = (Box<[u8]>, u32)>) -> Self {
        let mut sorted: Vec<(Box<[u8]>, u32)> = texts.into_iter().collect();
        sorted.sort();
        let mut rows: Vec<Row> = Vec::new();
        let mut open: Vec<u32> = Vec::new();
        for (text, mark) in sorted {
            if let Some(last) = rows.last_mut().filter(|row| row.text == text) {
                if last.marks.last() != Some(&mark) {
                    last.marks.push(mark);
                }
                continue;
            }
            while open.last().is_some_and(|place| !text.starts_with(&rows[*place as usize].text)) {
                open.pop();
            }
            let parent = open.last().copied();
            open.push(rows.len() as u32);
            rows.push(Row { text, marks: vec![mark], parent });
        }
        let longest = rows.iter().map(|row| row.text.len()).max().unwrap_or(0);
        let heads = rows.iter().map(|row| head(&row.text)).collect();
        Self { rows, heads, longest }
    }

    /// Calls `found` with the marks of all texts that `subject` begins with.
    pub(crate) fn find(&self, subject: &[u8], found: &mut impl FnMut(u32)) {
        if self.rows.len() <= 4 {
            for row in self.rows.iter().filter(|row| subject.starts_with(&row.text)) {
                row.marks.iter().for_each(|mark| found(*mark));
            }
            return;
        }
        let wanted = head(subject);
        let low = self.heads.partition_point(|head| *head < wanted);
        // Most texts share their beginning with none of the set.
        let end = match self.heads.get(low) {
            Some(head) if *head == wanted => {
                let high = low + self.heads[low..].partition_point(|head| *head == wanted);
                low + self.rows[low..high].partition_point(|row| *row.text <= *subject)
            }
            _ => low,
        };
        let mut place = end.checked_sub(1).map(|last| last as u32);
        let mut within = false;
        while let Some(at) = place {
            let row = &self.rows[at as usize];
            within = within || subject.starts_with(&row.text);
            if within {
                row.marks.iter().for_each(|mark| found(*mark));
            }
            place = row.parent;
        }
    }

    /// Does the same as [`find`](Self::find) for a subject read from its end.
    pub(crate) fn find_reversed(&self, subject: &[u8], found: &mut impl FnMut(u32)) {
        // Constants have at most 255 bytes, so that this never leaves the stack.
        let tail: SmallVec<[u8; 256]> = subject.iter().rev().take(self.longest).copied().collect();
        self.find(&tail, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_prefix() {
        let words = ["/", "/a", "/ab", "/abc", "/b", "/etc", "/etc/", "/etc/x", "/zz", ""];
        let set = PrefixSet::new(words.iter().enumerate().map(|(mark, word)| (word.as_bytes().into(), mark as u32)));
        for subject in ["/abd", "/etc/shadow", "/", "", "zz", "/zzz", "/b", "/a\u{ff}"] {
            let mut got = Vec::new();
            set.find(subject.as_bytes(), &mut |mark| got.push(words[mark as usize]));
            got.sort_unstable();
            let mut expect: Vec<_> = words.iter().copied().filter(|word| subject.starts_with(word)).collect();
            expect.sort_unstable();
            assert_eq!(got, expect, "{subject}");
        }
    }

    #[test]
    fn finds_every_suffix() {
        let words = [".so", "so", "", "b.so", "x", "lib.so", "o"];
        let set = PrefixSet::new(words.iter().enumerate().map(|(mark, word)| {
            let mut text: Box<[u8]> = word.as_bytes().into();
            text.reverse();
            (text, mark as u32)
        }));
        for subject in ["/usr/lib.so", "so", "", "xx"] {
            let mut got = Vec::new();
            set.find_reversed(subject.as_bytes(), &mut |mark| got.push(words[mark as usize]));
            got.sort_unstable();
            let mut expect: Vec<_> = words.iter().copied().filter(|word| subject.ends_with(word)).collect();
            expect.sort_unstable();
            assert_eq!(got, expect, "{subject}");
        }
    }
}
