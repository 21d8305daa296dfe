//! "Did you mean …?"

/// Limit of names that all hints of a load are chosen from.
const NAMES: usize = 1 << 22;

/// Hints for errors that there may be many of. Each looks at all names, so a file of errors would need time by its
/// square; after a number of names there are no more hints.
#[derive(Debug)]
pub(crate) struct Hints {
    left: usize,
}

impl Default for Hints {
    fn default() -> Self {
        Self { left: NAMES }
    }
}

impl Hints {
    /// Returns what [`did_you_mean`] returns, while there may be hints.
    pub(crate) fn did_you_mean<'c>(
        &mut self,
        word: &str,
        candidates: impl ExactSizeIterator<Item = &'c str>,
    ) -> Option<String> {
        let left = self.left.checked_sub(candidates.len());
        self.left = left.unwrap_or(0);
        left.and_then(|_| did_you_mean(word, candidates))
    }
}

/// Returns the candidate nearest to a word, if one is near: at most a third of its letters differ.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_ascii_lowercase();
    let (letters, word): (u64, Vec<char>) = (letters(&word), word.chars().collect());
    let length: usize = word.iter().map(|letter| letter.len_utf8()).sum();
    let mut rows = Rows::default();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let limit = (length.max(candidate.len()) / 3).clamp(1, 4);
        // The cheapest test first: most names differ in length. An edit puts at most one letter in and takes one out.
        if candidate.len().abs_diff(length) > limit
            || (letters ^ self::letters(candidate)).count_ones() as usize > 2 * limit
        {
            continue;
        }
        let limit = match best {
            Some((0, _)) => break,
            Some((least, _)) => limit.min(least - 1),
            None => limit,
        };
        if let Some(far) = rows.distance(&word, candidate, limit) {
            best = Some((far, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns a hint that names the nearest candidate.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Returns the letters of a word, regardless of case, as a set in which several letters may share a bit.
fn letters(word: &str) -> u64 {
    if word.is_ascii() {
        return word.bytes().fold(0, |set, letter| set | 1 << (letter.to_ascii_lowercase() % 64));
    }
    word.chars().fold(0, |set, letter| set | 1 << (u32::from(letter.to_ascii_lowercase()) % 64))
}

/// The rows of the table of distances, kept for the next pair of words.
#[derive(Default)]
struct Rows {
    other: Vec<char>,
    before: Vec<usize>,
    last: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    /// Returns how many letters must be inserted, removed, changed or swapped with their neighbour, if not more than
    /// `limit`.
    fn distance(&mut self, word: &[char], other: &str, limit: usize) -> Option<usize> {
        self.other.clear();
        self.other.extend(other.chars().map(|letter| letter.to_ascii_lowercase()));
        let Self { other, before, last, row } = self;
        last.clear();
        last.extend(0..=other.len());
        for (i, x) in word.iter().enumerate() {
            row.clear();
            row.push(i + 1);
            let mut near = i < limit;
            for (j, y) in other.iter().enumerate() {
                let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
                if i > 0 && j > 0 && *x == other[j - 1] && word[i - 1] == *y {
                    least = least.min(before[j - 1] + 1);
                }
                near |= least <= limit;
                row.push(least);
            }
            // A swap counts from the row before, which is not below the limit then either, less one.
            if !near && last.iter().all(|far| *far >= limit) {
                return None;
            }
            std::mem::swap(before, last);
            std::mem::swap(last, row);
        }
        last.last().copied().filter(|far| *far <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let fields = ["proc.name", "proc.pname", "fd.name", "evt.type"];
        assert_eq!(nearest("proc.nmae", fields), Some("proc.name"));
        assert_eq!(nearest("evt.typ", fields), Some("evt.type"));
        assert_eq!(nearest("container.id", fields), None);
        assert_eq!(nearest("EVT.TPYE", fields), Some("evt.type"));
        assert_eq!(nearest("abcd", ["badc", "abdc", "abcx"]), Some("abdc"));
        assert_eq!(nearest("abcd", ["xbcd", "abcd"]), Some("abcd"));
    }

    #[test]
    fn a_distance_is_found_up_to_the_limit() {
        let mut rows = Rows::default();
        let words = ["", "a", "ab", "ba", "abc", "acb", "cab", "abcd", "badc", "xyz", "xaybzc", "aaaa", "abab"];
        for word in words {
            for other in words {
                let letters: Vec<char> = word.chars().collect();
                let far = rows.distance(&letters, other, 99).unwrap();
                for limit in 0..8 {
                    let found = rows.distance(&letters, other, limit);
                    assert_eq!(found, Some(far).filter(|far| *far <= limit), "{word} {other} {limit}");
                }
            }
        }
    }

    #[test]
    fn hints_end_before_they_need_the_square_of_a_file() {
        let names: Vec<String> = (0..20_000).map(|number| format!("name{number}")).collect();
        let mut hints = Hints::default();
        let given = |hints: &mut Hints| hints.did_you_mean("nmae7", names.iter().map(String::as_str)).is_some();
        let count = (0..1000).filter(|_| given(&mut hints)).count();
        assert_eq!(count, NAMES / names.len());
    }
}
