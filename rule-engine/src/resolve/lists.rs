//! Lists are text: a name in a condition is replaced by the items.
//!
//! This follows the reference exactly, quotes ignored and all (docs/quirks.md), since rules rely on it.

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::diag::Context;

use super::collection::Collection;
use super::exception::quoted;
use super::source_map::{MappedText, Rewrite};

/// The limit of a condition's length, in bytes.
const LONGEST: usize = 1 << 22;

/// Limit of bytes that are copied to put all lists into one condition, one after the other.
const COPIED: usize = 1 << 30;

/// Limit of items of all lists together, those of the lists that they name included.
const ITEMS: usize = 1 << 22;

/// A list whose items are known.
#[derive(Debug)]
pub struct ResolvedList {
    /// Its name.
    pub name: Rc<str>,
    /// Its items.
    pub items: Vec<String>,
    /// The lists that were named among its items.
    pub lists: Vec<String>,
    /// Whether it is used.
    pub used: bool,
    /// The time when it was defined.
    pub context: Context,
    /// The items as they are inserted into a condition.
    joined: String,
    /// The key by which the name is looked up among the words of a condition; `None` if it is not a word.
    word: Option<u64>,
}

/// Returns the lists with those items replaced that name a list they can use, and the first list that is too large.
pub(super) fn resolve(collection: &Collection) -> (Vec<ResolvedList>, Option<usize>) {
    let (mut left, mut too_large) = (ITEMS, None);
    let mut used = Vec::new();
    let mut out: Vec<ResolvedList> = Vec::new();
    for list in collection.lists.iter() {
        let mut items = Vec::new();
        let mut lists = Vec::new();
        for item in &list.items {
            match collection.lists.get(&item.text) {
                Some(other) if other.age.index < list.age.visibility => {
                    used.push(collection.lists.at(&item.text));
                    lists.push(item.text.clone());
                    items.extend(other.items.iter().map(|item| item.text.clone()));
                }
                _ => items.push(item.text.clone()),
            }
            // Lists of lists can multiply; nothing of that size could be inserted into a condition.
            if items.len() > LONGEST / 2 || items.len() > left {
                too_large = too_large.or(Some(out.len()));
                break;
            }
        }
        left = left.saturating_sub(items.len());
        let mut joined = String::new();
        for item in &items {
            if !joined.is_empty() {
                joined.push_str(", ");
            }
            joined.push_str(&quoted(item));
            if joined.len() > LONGEST {
                break;
            }
        }
        let context = list.context.clone();
        let word = word(&list.name);
        out.push(ResolvedList { name: list.name.as_str().into(), items, lists, used: false, context, joined, word });
    }
    for at in used.into_iter().flatten() {
        out[at].used = true;
    }
    (out, too_large)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'(' | b')' | b',' | b'=')
}

/// Returns the words of a text, as hashes.
fn words(text: &str) -> impl Iterator<Item = u64> {
    text.as_bytes().split(|byte| is_delimiter(*byte)).filter(|word| !word.is_empty()).map(hash)
}

fn hash(word: &[u8]) -> u64 {
    rustc_hash::FxBuildHasher.hash_one(word)
}

/// Returns the hash of a name, if it is a word.
fn word(name: &str) -> Option<u64> {
    (!name.bytes().any(is_delimiter)).then(|| hash(name.as_bytes()))
}

/// Inserts lists into conditions.
pub(super) struct Substitution {
    /// Lists by the hashes of their names, and those whose names are not words.
    by_word: FxHashMap<u64, SmallVec<[usize; 1]>>,
    others: Vec<usize>,
}

impl Substitution {
    pub(super) fn new(lists: &[ResolvedList]) -> Self {
        let (mut by_word, mut others) = (FxHashMap::<_, SmallVec<_>>::default(), Vec::new());
        for (at, list) in lists.iter().enumerate().filter(|(_, list)| !list.name.is_empty()) {
            match list.word {
                Some(word) => by_word.entry(word).or_default().push(at),
                None => others.push(at),
            }
        }
        Self { by_word, others }
    }

    /// Returns the lists that a text may name.
    fn named_in(&self, text: &str) -> impl Iterator<Item = usize> {
        words(text).filter_map(|word| self.by_word.get(&word)).flatten().copied()
    }

    /// Replaces the names of lists by their items, the lists in the order of their definition. Returns which were used.
    ///
    /// # Errors
    /// If the condition becomes too long.
    pub(super) fn run(
        &self,
        text: &mut MappedText,
        lists: &mut [ResolvedList],
        names: &mut Vec<usize>,
    ) -> Result<(), ()> {
        let mut copied = 0;
        let mut due: BTreeSet<usize> = self.others.iter().copied().chain(self.named_in(text.as_str())).collect();
        while let Some(at) = due.pop_first() {
            let list = &mut lists[at];
            copied += text.as_str().len();
            if copied > COPIED {
                return Err(());
            }
            if substitute(text, list)? {
                list.used = true;
                names.push(at);
                // An item may be the name of a list that comes later.
                due.extend(self.named_in(&list.joined).filter(|later| *later > at));
            }
        }
        Ok(())
    }
}

fn substitute(text: &mut MappedText, list: &ResolvedList) -> Result<bool, ()> {
    let old = std::mem::take(text);
    let bytes = old.as_str().as_bytes();
    let finder = memchr::memmem::Finder::new(list.name.as_bytes());
    let mut rewrite = Rewrite::new(&old);
    let mut from = 0;
    let mut used = false;
    while let Some(found) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
        let name = from + found;
        let mut end = name + list.name.len();
        let before = if name > rewrite.taken() { Some(bytes[name - 1]) } else { rewrite.as_str().bytes().next_back() };
        if !before.is_none_or(is_delimiter) || !bytes.get(end).is_none_or(|byte| is_delimiter(*byte)) {
            from = name + 1;
            continue;
        }
        rewrite.copy_to(name);
        let kept = rewrite.as_str().trim_end_matches([' ', '\t', '\n', '\r']);
        let mut start = kept.len();
        while bytes.get(end).is_some_and(|byte| is_blank(*byte)) {
            end += 1;
        }
        if list.joined.is_empty() {
            if kept.ends_with(',') {
                start -= 1;
            } else if bytes.get(end) == Some(&b',') {
                end += 1;
            }
        }
        let lead = if start > 0 { " " } else { "" };
        rewrite.replace(start, end, [lead, &list.joined, " "], name, &list.name);
        if rewrite.as_str().len() + bytes.len() - end > LONGEST {
            return Err(());
        }
        // Where nothing is put before the items, the search goes on one byte behind them.
        from = end + usize::from(lead.is_empty());
        used = true;
    }
    let new = used.then(|| rewrite.finish());
    *text = new.unwrap_or(old);
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{FileId, Spot};
    use crate::source::Style;
    use crate::source::item::Written;

    fn written(text: &str) -> Written {
        Written { text: text.to_owned(), spot: Spot { file: FileId(0), start: 0, end: 0 }, style: Style::Plain }
    }

    fn check(condition: &str, items: &[&str], expected: &str) {
        let joined = items.iter().map(|item| quoted(item).into_owned()).collect::<Vec<_>>().join(", ");
        let mut lists = [ResolvedList {
            name: "mine".into(),
            items: items.iter().map(|item| (*item).to_owned()).collect(),
            lists: Vec::new(),
            used: false,
            context: Context::file(FileId(0), "f".into()),
            joined,
            word: word("mine"),
        }];
        let mut text = MappedText::new(&written(condition));
        Substitution::new(&lists).run(&mut text, &mut lists, &mut Vec::new()).unwrap();
        assert_eq!(text.as_str(), expected);
    }

    #[test]
    fn names_are_replaced_between_delimiters() {
        check("a in (mine)", &["x", "y z"], "a in ( x, \"y z\" )");
        check("a in (b, mine, c)", &["x"], "a in (b, x , c)");
        check("a in (b, mine, c)", &[], "a in (b  , c)");
        check("a in (mine, c)", &[], "a in (   c)");
        check("a = mine", &["x"], "a = x ");
        check("mine", &["x"], "x ");
        check("a in (not_mine, mine_too, mine.b)", &["x"], "a in (not_mine, mine_too, mine.b)");
        check("a = 'is mine here'", &["x"], "a = 'is x here'");
    }
}
