//! Matchers: all atoms of one kind on one expression, evaluated together.
//!
//! A rule set has thousands of tests on a field that differ only in the constant. A matcher turns them into one search:
//! a hash look-up for equality and membership, a sorted search for prefixes and suffixes, one pass for substrings, a
//! tree for paths, candidates by literal prefix for patterns. A search yields *marks*: the numbers of the true atoms,
//! all others being false.

use std::net::IpAddr;

use aho_corasick::{AhoCorasick, MatchKind};
use bumpalo::Bump;
use hashbrown::HashMap;
use memchr::memmem::Finder;
use peregrine_text::glob;
use rustc_hash::FxBuildHasher;

use super::compare::{self, Regexes};
use super::eval;
use super::paths::PathTree;
use super::prefix::PrefixSet;
use crate::event::{Kind, Special, Value};
use crate::ir::expr::{Expr, Nul};
use crate::ir::node::{Literal, Test};
use crate::syntax::ast::Operator;

/// The key by which atoms of an expression are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sort {
    Exists,
    Exact,
    Number,
    Order,
    Ip,
    Prefix,
    Suffix,
    Contains,
    IContains,
    Paths,
    Globs,
    Regexes,
    /// Evaluated alone.
    Alone,
}

impl Sort {
    /// Returns the sort of matcher that evaluates `test` on `expr`.
    pub(crate) fn of(expr: &Expr, test: &Test) -> Self {
        let plain = match expr.special {
            Special::None | Special::EventType | Special::SyscallType | Special::EventNumber => !expr.list,
            Special::AnyAncestor => true,
            _ => false,
        };
        if *test == Test::Exists && expr.special != Special::AnyAncestor {
            return Self::Exists;
        }
        if !plain {
            return Self::Alone;
        }
        let bytes =
            expr.kind.is_text() && expr.nul != Nul::Anywhere || expr.kind == Kind::ByteBuf && expr.nul == Nul::Never;
        let numbers = expr.kind.number().is_some() || expr.kind == Kind::Bool;
        match test {
            Test::Compare(Operator::Eq, _) | Test::In(_) if bytes => Self::Exact,
            Test::Compare(Operator::Eq, _) | Test::In(_) if numbers => Self::Number,
            Test::Compare(Operator::Ne | Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge, _) if numbers => {
                Self::Order
            }
            Test::Compare(Operator::Eq, _) | Test::In(_) if expr.kind == Kind::IpAddr => Self::Ip,
            Test::Compare(Operator::StartsWith, _) if bytes => Self::Prefix,
            Test::Compare(Operator::EndsWith, _) if bytes => Self::Suffix,
            Test::Compare(Operator::Contains, _) if bytes => Self::Contains,
            Test::Compare(Operator::IContains, _) if bytes => Self::IContains,
            Test::PMatch(_) if bytes => Self::Paths,
            Test::Compare(Operator::Glob | Operator::IGlob, _) if bytes => Self::Globs,
            Test::Compare(Operator::Regex, _) if bytes => Self::Regexes,
            _ => Self::Alone,
        }
    }

    /// Returns roughly how many instructions an evaluation costs: the order of an `and`.
    pub(crate) const fn cost(self) -> u32 {
        match self {
            Self::Exists => 20,
            Self::Number | Self::Order | Self::Ip => 25,
            Self::Exact => 40,
            Self::Prefix | Self::Suffix => 60,
            Self::Alone => 80,
            Self::Paths => 150,
            Self::Globs => 200,
            Self::Contains => 250,
            Self::IContains => 400,
            Self::Regexes => 600,
        }
    }

    /// Returns whether few of many atoms are true of a value, and finding them does not cost more for more atoms.
    pub(crate) const fn is_selective(self) -> bool {
        !matches!(self, Self::Exists | Self::Order | Self::Alone)
    }
}

/// From keys to lists of marks: a few are compared one after the other, many are hashed.
#[derive(Debug)]
pub(crate) struct Table<K> {
    few: Vec<(K, (u32, u32))>,
    many: HashMap<K, (u32, u32), FxBuildHasher>,
    marks: Vec<u32>,
}

/// The greatest number of keys that are few.
const FEW: usize = 4;

impl<K: std::hash::Hash + Eq> Table<K> {
    fn new(pairs: impl IntoIterator<Item = (K, u32)>) -> Self {
        let mut lists: HashMap<K, Vec<u32>, FxBuildHasher> = HashMap::default();
        for (key, mark) in pairs {
            lists.entry(key).or_default().push(mark);
        }
        let mut table = Self { few: Vec::new(), many: HashMap::default(), marks: Vec::new() };
        let few = lists.len() <= FEW;
        for (key, mut marks) in lists {
            marks.sort_unstable();
            marks.dedup();
            let start = table.marks.len() as u32;
            table.marks.extend(marks);
            let row = (start, table.marks.len() as u32);
            if few {
                table.few.push((key, row));
            } else {
                table.many.insert(key, row);
            }
        }
        table
    }

    #[inline]
    fn find<Q: std::hash::Hash + hashbrown::Equivalent<K> + ?Sized>(&self, key: &Q, found: &mut impl FnMut(u32)) {
        let row = if self.many.is_empty() {
            self.few.iter().find(|(known, _)| key.equivalent(known)).map(|(_, row)| row)
        } else {
            self.many.get(key)
        };
        if let Some(&(start, end)) = row {
            self.marks[start as usize..end as usize].iter().for_each(|mark| found(*mark));
        }
    }
}

/// Substrings, each with a mark.
#[derive(Debug)]
pub(crate) enum Substrings {
    Few(Vec<(Finder<'static>, u32)>),
    Many(AhoCorasick, Vec<u32>),
}

/// A case-insensitive substring: it is found by its rarest byte.
#[derive(Debug)]
pub(crate) struct Folded {
    text: Box<[u8]>,
    /// The place of that byte.
    at: usize,
}

impl Folded {
    fn new(text: &[u8]) -> Self {
        /// Bytes of names and paths, the most frequent last. All others are rare.
        const OFTEN: &[u8] = b"zqjx0123456789kvwyfb_ghmpudclsnirt-=oae./ ";
        let often = |byte: &u8| OFTEN.iter().position(|often| *often == byte.to_ascii_lowercase());
        let at = (0..text.len()).min_by_key(|at| often(&text[*at]));
        Self { text: text.into(), at: at.unwrap_or(0) }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let Some(rare) = self.text.get(self.at) else { return true };
        let places = memchr::memchr2_iter(rare.to_ascii_lowercase(), rare.to_ascii_uppercase(), text);
        let starts = places.filter_map(|place| place.checked_sub(self.at));
        let mut windows = starts.filter_map(|start| text.get(start..start + self.text.len()));
        windows.any(|window| window.eq_ignore_ascii_case(&self.text))
    }
}

/// Patterns, evaluated only where their literal beginning is found.
#[derive(Debug)]
pub(crate) struct Candidates<P> {
    prefixes: PrefixSet,
    patterns: Vec<(P, u32)>,
}

impl<P> Candidates<P> {
    fn new(items: impl IntoIterator<Item = (Vec<u8>, P, u32)>) -> Self {
        let mut prefixes = Vec::new();
        let mut patterns = Vec::new();
        for (place, (prefix, pattern, mark)) in items.into_iter().enumerate() {
            prefixes.push((prefix.into_boxed_slice(), place as u32));
            patterns.push((pattern, mark));
        }
        Self { prefixes: PrefixSet::new(prefixes), patterns }
    }

    fn find(&self, text: &[u8], matches: impl Fn(&P) -> bool, found: &mut impl FnMut(u32)) {
        self.prefixes.find(text, &mut |place| {
            let (pattern, mark) = &self.patterns[place as usize];
            if matches(pattern) {
                found(*mark);
            }
        });
    }
}

/// A shell pattern, and the longest text that every match contains: without it the pattern is not evaluated.
#[derive(Debug)]
pub(crate) struct Glob {
    pattern: Box<[u8]>,
    fold: bool,
    within: Option<Finder<'static>>,
}

impl Glob {
    fn new(pattern: &[u8], fold: bool) -> Self {
        let within = if fold { &[] } else { glob::literal_within(pattern) };
        let within = (!within.is_empty()).then(|| Finder::new(within).into_owned());
        Self { pattern: pattern.into(), fold, within }
    }

    fn matches(&self, text: &[u8]) -> bool {
        self.within.as_ref().is_none_or(|within| within.find(text).is_some())
            && glob::matches(&self.pattern, text, self.fold)
    }
}

/// A prepared search.
#[derive(Debug)]
pub(crate) enum Matcher {
    Exists,
    /// The lengths that occur (63 and more as one), and the texts.
    Exact(u64, Table<Box<[u8]>>),
    Number(Table<u64>),
    /// Evaluated one after the other.
    Order(Vec<(Operator, Literal)>),
    Ip(Table<IpAddr>),
    Prefix(PrefixSet),
    Suffix(PrefixSet),
    Contains(Substrings),
    IContains(AhoCorasick, Vec<u32>),
    /// The same of few.
    Folded(Vec<(Folded, u32)>),
    Paths(PathTree),
    Globs(Candidates<Glob>),
    Regexes(Candidates<regex::Regex>),
    /// Evaluated by the plain comparison.
    Alone,
}

fn length_bit(len: usize) -> u64 {
    1 << len.min(63)
}

/// Returns the number by which a value of numbers or booleans is looked up.
fn number_key(value: Value<'_>) -> Option<u64> {
    match value {
        Value::I64(number) => Some(number as u64),
        Value::U64(number) => Some(number),
        Value::Bool(truth) => Some(truth.into()),
        _ => None,
    }
}

fn literal_key(literal: &Literal) -> u64 {
    match literal {
        Literal::I64(number) => *number as u64,
        Literal::U64(number) => *number,
        Literal::Bool(truth) => (*truth).into(),
        _ => 0,
    }
}

impl Matcher {
    /// Prepares the search for atoms of one sort; their marks are their places in `tests`.
    pub(crate) fn new(sort: Sort, tests: &[&Test], regexes: &Regexes) -> Self {
        let literals = || {
            tests.iter().enumerate().flat_map(|(mark, test)| {
                let literals: &[Literal] = match test {
                    Test::Compare(_, literal) => std::slice::from_ref(literal),
                    Test::In(set) => set,
                    _ => &[],
                };
                literals.iter().map(move |literal| (literal, mark as u32))
            })
        };
        let texts = || literals().map(|(literal, mark)| (Box::from(literal.bytes()), mark));
        match sort {
            Sort::Exists => Self::Exists,
            Sort::Exact => {
                let lengths = literals().fold(0, |bits, (literal, _)| bits | length_bit(literal.bytes().len()));
                Self::Exact(lengths, Table::new(texts()))
            }
            Sort::Number => Self::Number(Table::new(literals().map(|(literal, mark)| (literal_key(literal), mark)))),
            Sort::Order => Self::Order(
                tests
                    .iter()
                    .filter_map(|test| match test {
                        Test::Compare(op, literal) => Some((*op, literal.clone())),
                        _ => None,
                    })
                    .collect(),
            ),
            Sort::Ip => Self::Ip(Table::new(literals().filter_map(|(literal, mark)| match literal {
                Literal::Ip(ip) => Some((*ip, mark)),
                _ => None,
            }))),
            Sort::Prefix => Self::Prefix(PrefixSet::new(texts())),
            Sort::Suffix => Self::Suffix(PrefixSet::new(texts().map(|(mut text, mark)| {
                text.reverse();
                (text, mark)
            }))),
            Sort::Contains => Self::Contains(substrings(texts().collect())),
            Sort::IContains => {
                let texts: Vec<(Box<[u8]>, u32)> = texts().collect();
                if texts.len() <= FEW {
                    return Self::Folded(texts.into_iter().map(|(text, mark)| (Folded::new(&text), mark)).collect());
                }
                match automaton(&texts, true) {
                    Some(automaton) => Self::IContains(automaton, texts.into_iter().map(|(_, mark)| mark).collect()),
                    None => Self::Alone,
                }
            }
            Sort::Paths => {
                let mut tree = PathTree::new();
                for (mark, test) in tests.iter().enumerate() {
                    if let Test::PMatch(patterns) = test {
                        patterns.iter().for_each(|pattern| tree.insert(pattern, mark as u32));
                    }
                }
                Self::Paths(tree)
            }
            Sort::Globs => Self::Globs(Candidates::new(tests.iter().enumerate().filter_map(|(mark, test)| {
                let Test::Compare(op, literal) = test else { return None };
                let fold = *op == Operator::IGlob;
                let prefix = if fold { Vec::new() } else { glob::literal_prefix(literal.bytes()) };
                Some((prefix, Glob::new(literal.bytes(), fold), mark as u32))
            }))),
            Sort::Regexes => Self::Regexes(Candidates::new(literals().filter_map(|(literal, mark)| {
                let compiled = regexes.of(literal.bytes())?.clone();
                Some((regex_prefix(literal.bytes()), compiled, mark))
            }))),
            Sort::Alone => Self::Alone,
        }
    }

    /// Calls `found` with the marks of the atoms that are true of `value`; a mark may come more than once.
    pub(crate) fn find(&self, expr: &Expr, value: Value<'_>, arena: &Bump, found: &mut impl FnMut(u32)) {
        match self {
            Self::Exists => found(0),
            Self::Number(table) => {
                if let Some(number) = number_key(value) {
                    table.find(&number, found);
                } else {
                    self.each(expr, value, arena, found);
                }
            }
            Self::Order(tests) => {
                if let Value::List(_) = value {
                    return self.each(expr, value, arena, found);
                }
                for (mark, (op, literal)) in (0..).zip(tests) {
                    if compare::compare(expr.kind, *op, value, literal) {
                        found(mark);
                    }
                }
            }
            Self::Ip(table) => match value {
                Value::Ip(ip) => table.find(&ip, found),
                _ => self.each(expr, value, arena, found),
            },
            _ => match value {
                Value::Bytes(text) => {
                    let text = if expr.nul == Nul::Never { text } else { eval::c_text(text) };
                    self.find_text(text, arena, found);
                }
                _ => self.each(expr, value, arena, found),
            },
        }
    }

    /// Searches in each element of a list where a single value was expected: the ancestors of a process.
    fn each(&self, expr: &Expr, value: Value<'_>, arena: &Bump, found: &mut impl FnMut(u32)) {
        let Value::List(items) = value else { return };
        for item in items.iter().filter(|item| !matches!(item, Value::List(_))) {
            self.find(expr, *item, arena, found);
        }
    }

    fn find_text(&self, text: &[u8], arena: &Bump, found: &mut impl FnMut(u32)) {
        match self {
            Self::Exact(lengths, table) => {
                if lengths & length_bit(text.len()) != 0 {
                    table.find(text, found);
                }
            }
            Self::Prefix(set) => set.find(text, found),
            Self::Suffix(set) => set.find_reversed(text, found),
            Self::Contains(Substrings::Few(finders)) => {
                for (finder, mark) in finders {
                    if finder.find(text).is_some() {
                        found(*mark);
                    }
                }
            }
            Self::Contains(Substrings::Many(automaton, marks)) | Self::IContains(automaton, marks) => {
                let mut state = aho_corasick::automaton::OverlappingState::start();
                let input = aho_corasick::Input::new(text);
                loop {
                    automaton.find_overlapping(input.clone(), &mut state);
                    match state.get_match() {
                        Some(hit) => found(marks[hit.pattern().as_usize()]),
                        None => break,
                    }
                }
            }
            Self::Folded(texts) => {
                texts.iter().filter(|(folded, _)| folded.is_in(text)).for_each(|(_, mark)| found(*mark));
            }
            Self::Paths(tree) => tree.matches(text, found),
            Self::Globs(candidates) => {
                candidates.find(text, |glob| glob.matches(text), found);
            }
            Self::Regexes(candidates) => {
                let valid = compare::valid_text(text, arena);
                candidates.find(valid.as_bytes(), |pattern| pattern.is_match(valid), found);
            }
            Self::Exists | Self::Number(_) | Self::Order(_) | Self::Ip(_) | Self::Alone => {}
        }
    }
}

fn substrings(texts: Vec<(Box<[u8]>, u32)>) -> Substrings {
    if texts.len() > 6
        && let Some(automaton) = automaton(&texts, false)
    {
        return Substrings::Many(automaton, texts.into_iter().map(|(_, mark)| mark).collect());
    }
    Substrings::Few(texts.into_iter().map(|(text, mark)| (Finder::new(&text).into_owned(), mark)).collect())
}

fn automaton(texts: &[(Box<[u8]>, u32)], fold: bool) -> Option<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(fold)
        .build(texts.iter().map(|(text, _)| text))
        .ok()
}

/// Returns the bytes that every match of a pattern begins with, as far as they can be found easily.
fn regex_prefix(pattern: &[u8]) -> Vec<u8> {
    if pattern.contains(&b'|') {
        return Vec::new();
    }
    let body = pattern.strip_prefix(b"^").unwrap_or(pattern);
    let end = body.iter().position(|byte| b".+*?^$()[]{}\\".contains(byte) || !byte.is_ascii()).unwrap_or(body.len());
    let mut prefix = body[..end].to_vec();
    // An optional part is not included, nor one that a second repetition makes optional: `a+?` is `(a+)?`.
    let stacked = |at: usize| body.get(at).is_some_and(|byte| b"*?{+".contains(byte));
    if body.get(end).is_some_and(|byte| b"*?{".contains(byte) || *byte == b'+' && stacked(end + 1)) {
        prefix.pop();
    }
    prefix
}
