//! The reader of conditions by the table of the grammar.
//!
//! The table is made from `condition.pest` by `cargo xtask codegen`; what it means is what pest says of the notation:
//! alternatives in their order, repetitions as long as they can, and never back into what was decided. It has
//! its own stack, so that no nesting of a text is too deep for it.

use super::generated::{CODE, Rule, SETS};

/// A set of characters.
#[derive(Debug)]
pub(super) struct Set {
    /// A bit for each character of ASCII.
    pub(super) ascii: [u64; 2],
    /// Ranges of all others, their ends included.
    pub(super) others: &'static [(u32, u32)],
}

impl Set {
    /// Returns the number of bytes of the character at `at`, if it is one of the set; else 0.
    fn takes(&self, text: &str, at: usize) -> usize {
        match text.as_bytes().get(at) {
            Some(byte) if byte.is_ascii() => (self.ascii[usize::from(byte >> 6)] >> (byte & 63) & 1) as usize,
            Some(_) => self.takes_wide(text, at),
            None => 0,
        }
    }

    #[cold]
    fn takes_wide(&self, text: &str, at: usize) -> usize {
        let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) else { return 0 };
        let inside = |(low, high): &(u32, u32)| (*low..=*high).contains(&u32::from(next));
        if self.others.iter().any(inside) { next.len_utf8() } else { 0 }
    }
}

/// An instruction. Sets are places in [`SETS`], targets are places in [`CODE`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// Takes one character of a set, or fails.
    One(u8),
    /// Takes all characters of a set that there are.
    Many(u8),
    /// Takes a text, or fails.
    Text(&'static str),
    /// Takes a text and goes on elsewhere, if it is there.
    If(&'static str, u16),
    /// Goes on elsewhere, unless a character of a set is next.
    Unless(u8, u16),
    /// Fails if a character of a set is next.
    Not(u8),
    /// Remembers where to go on if what follows fails.
    Choice(u16),
    /// Forgets it, and goes on elsewhere.
    Commit(u16),
    /// Forgets it, and fails.
    Refuse,
    /// Goes on elsewhere.
    Jump(u16),
    /// Goes on elsewhere up to `Return`.
    Call(u16),
    /// Goes back behind the `Call`.
    Return,
    /// A token begins.
    Open(Rule),
    /// The token that began last, and did not end, ends.
    Close,
    /// Fails, unless the text ends.
    End,
    /// All is read.
    Done,
}

/// Position at which a rule of the grammar begins in the text, or where the innermost one that has begun ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Start(Rule, usize),
    End(usize),
}

/// Place to continue.
#[derive(Clone, Copy)]
struct Frame {
    place: u16,
    /// The place in the text and the number of tokens that are gone back to; of a call, none.
    back: Option<(usize, usize)>,
}

/// The tokens of a text, read from the beginning by the rule whose code begins at `place`. The grammar accepts every
/// text: `None` would be an error in the table.
pub(super) fn read(mut place: u16, text: &str) -> Option<Vec<Token>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::with_capacity(bytes.len() / 4 + 16);
    let mut frames: Vec<Frame> = Vec::with_capacity(32);
    let mut at = 0;
    loop {
        let mut next = place + 1;
        let holds = match CODE[usize::from(place)] {
            Op::One(set) => {
                let taken = SETS[usize::from(set)].takes(text, at);
                at += taken;
                taken > 0
            }
            Op::Many(set) => {
                let set = &SETS[usize::from(set)];
                loop {
                    match set.takes(text, at) {
                        0 => break true,
                        taken => at += taken,
                    }
                }
            }
            Op::Text(words) => {
                let found = bytes[at..].starts_with(words.as_bytes());
                at += if found { words.len() } else { 0 };
                found
            }
            Op::If(words, to) => {
                if bytes[at..].starts_with(words.as_bytes()) {
                    at += words.len();
                    next = to;
                }
                true
            }
            Op::Unless(set, to) => {
                if SETS[usize::from(set)].takes(text, at) == 0 {
                    next = to;
                }
                true
            }
            Op::Not(set) => SETS[usize::from(set)].takes(text, at) == 0,
            Op::Choice(to) => {
                frames.push(Frame { place: to, back: Some((at, tokens.len())) });
                true
            }
            Op::Commit(to) => {
                frames.pop();
                next = to;
                true
            }
            Op::Refuse => {
                frames.pop();
                false
            }
            Op::Jump(to) => {
                next = to;
                true
            }
            Op::Call(to) => {
                frames.push(Frame { place: next, back: None });
                next = to;
                true
            }
            Op::Return => {
                next = frames.pop()?.place;
                true
            }
            Op::Open(rule) => {
                tokens.push(Token::Start(rule, at));
                true
            }
            Op::Close => {
                tokens.push(Token::End(at));
                true
            }
            Op::End => at == bytes.len(),
            Op::Done => return Some(tokens),
        };
        place = next;
        if !holds {
            let (frame, (text, count)) = loop {
                let frame = frames.pop()?;
                if let Some(back) = frame.back {
                    break (frame, back);
                }
            };
            (place, at) = (frame.place, text);
            tokens.truncate(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::generated::{FILTER, OPERAND};
    use super::*;
    use pest::Parser as _;
    use proptest::prelude::*;

    mod reference {
        #[derive(pest_derive::Parser)]
        #[grammar = "syntax/condition.pest"]
        pub(super) struct Grammar;
    }

    /// Result of pest for a text.
    fn expected(rule: reference::Rule, text: &str) -> Vec<Token> {
        let found = reference::Grammar::parse(rule, text).expect("the grammar is total");
        let name = |rule| format!("{rule:?}");
        let ours = |rule| Rule::NAMES.iter().find(|(_, known)| *known == name(rule)).expect("it has a token").0;
        found
            .tokens()
            .map(|token| match token {
                pest::Token::Start { rule, pos } => Token::Start(ours(rule), pos.pos()),
                pest::Token::End { pos, .. } => Token::End(pos.pos()),
            })
            .collect()
    }

    fn check(text: &str) {
        assert_eq!(read(FILTER, text), Some(expected(reference::Rule::filter, text)), "{text:?}");
        assert_eq!(read(OPERAND, text), Some(expected(reference::Rule::operand, text)), "{text:?}");
    }

    /// Words of the grammar, and some of none.
    fn pieces() -> Vec<String> {
        let grammar = include_str!("condition.pest");
        let mut pieces: Vec<String> = grammar
            .split('"')
            .skip(1)
            .step_by(2)
            .map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").replace("\\r", "\r"))
            .collect();
        let others = [
            " ",
            "  ",
            "\n",
            "\t",
            "\u{8}",
            "\u{b}",
            "\0",
            "\u{7f}",
            "é",
            "\u{10FF7F}",
            "\u{10FF80}",
            "a.b",
            "proc.name",
            "evt.arg[1]",
            "name",
            "1",
            "0x1F",
            "-1.5e+3",
            "\"a b\"",
            "'c'",
            "\"\\\"\"",
            " and ",
            " or ",
            "not ",
            "and not",
            "in (a, b)",
            "= oneof (x)",
            "glob anyof names",
            "val(fd.name)",
            "concat(a.b, 'x')",
            "join(',', (a.b, 2))",
        ];
        pieces.extend(others.map(str::to_owned));
        pieces
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_finds_what_pest_finds(parts in proptest::collection::vec(prop::sample::select(pieces()), 0..14)) {
            check(&parts.concat());
            check(&parts.join(" "));
        }
    }

    #[test]
    fn what_is_nested_deeply_needs_no_stack() {
        let depth = 1_000_000;
        let text = format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        let tokens = read(FILTER, &text).expect("the grammar is total");
        assert_eq!(tokens.last(), Some(&Token::End(text.len())));
    }
}
