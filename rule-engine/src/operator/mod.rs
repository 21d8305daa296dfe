//! The operators of conditions: one row each.
//!
//! A row has everything about an operator: how it is written, its operand, the values that have it, and its meaning.
//! Messages, hints and the checks of types are derived from the rows, and a test compares the grammar
//! (`syntax/condition.pest`) with them. Faster ways to evaluate an operator are in the matcher (`vm/matcher.rs`): an
//! operator without a special matcher is evaluated by its row.

use std::cmp::Ordering;

use peregrine_text::glob;

/// The operand of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operands {
    /// A number. Written as a symbol.
    Number,
    /// A constant, or a modifier and a list. Written as a symbol.
    Symbol,
    /// The same. Written as a word, with a space behind it.
    Word,
    /// A list or the name of one.
    List,
}

/// The meaning of an operator.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// By the order of the two values.
    Order(fn(Ordering) -> bool),
    /// By the bytes of the two values.
    Bytes(fn(&[u8], &[u8]) -> bool),
    /// By a pattern that was compiled before.
    Pattern,
    /// By a set of values.
    Set,
}

/// The values that operators are defined for, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Values(u8);

impl Values {
    pub(crate) const NUMBERS: Self = Self(1);
    pub(crate) const TRUTHS: Self = Self(2);
    pub(crate) const ADDRESSES: Self = Self(4);
    pub(crate) const TEXTS: Self = Self(8);
    pub(crate) const BUFFERS: Self = Self(16);
    pub(crate) const LISTS: Self = Self(32);

    const fn of(all: &[Self]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < all.len() {
            bits |= all[at].0;
            at += 1;
        }
        Self(bits)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident $text:literal $operands:ident [$($values:ident)*] $answer:expr;)*) => {
        /// The operators of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "named as they are written")]
        #[non_exhaustive]
        pub enum Operator { $($(#[$doc])* $variant,)* }

        impl Operator {
            /// All operators, in the order of messages.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns how it is written.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Returns what follows it.
            pub const fn operands(self) -> Operands {
                match self { $(Self::$variant => Operands::$operands,)* }
            }

            /// Returns its meaning.
            pub(crate) const fn answer(self) -> Answer {
                match self { $(Self::$variant => $answer,)* }
            }

            const fn values(self) -> Values {
                match self { $(Self::$variant => Values::of(&[$(Values::$values),*]),)* }
            }
        }
    };
}

operators! {
    Le "<=" Number [NUMBERS TEXTS] Answer::Order(Ordering::is_le);
    Lt "<" Number [NUMBERS TEXTS] Answer::Order(Ordering::is_lt);
    Ge ">=" Number [NUMBERS TEXTS] Answer::Order(Ordering::is_ge);
    Gt ">" Number [NUMBERS TEXTS] Answer::Order(Ordering::is_gt);
    /// `==`: the same as `=`, printed as written.
    EqEq "==" Symbol [NUMBERS TRUTHS ADDRESSES TEXTS BUFFERS] Answer::Order(Ordering::is_eq);
    Eq "=" Symbol [NUMBERS TRUTHS ADDRESSES TEXTS BUFFERS] Answer::Order(Ordering::is_eq);
    Ne "!=" Symbol [NUMBERS TRUTHS ADDRESSES TEXTS BUFFERS] Answer::Order(Ordering::is_ne);
    Glob "glob" Word [TEXTS] Answer::Bytes(|text, pattern| glob::matches(pattern, text, false));
    IGlob "iglob" Word [TEXTS] Answer::Bytes(|text, pattern| glob::matches(pattern, text, true));
    Contains "contains" Word [TEXTS BUFFERS] Answer::Bytes(contains);
    IContains "icontains" Word [TEXTS] Answer::Bytes(contains_folded);
    /// `contains` of bytes that are written as hexadecimal digits.
    BContains "bcontains" Word [BUFFERS] Answer::Bytes(contains);
    StartsWith "startswith" Word [TEXTS BUFFERS] Answer::Bytes(|text, start| text.starts_with(start));
    /// `startswith` of bytes that are written as hexadecimal digits.
    BStartsWith "bstartswith" Word [BUFFERS] Answer::Bytes(|text, start| text.starts_with(start));
    EndsWith "endswith" Word [TEXTS BUFFERS] Answer::Bytes(|text, end| text.ends_with(end));
    Regex "regex" Word [TEXTS] Answer::Pattern;
    Intersects "intersects" List [NUMBERS TRUTHS ADDRESSES TEXTS BUFFERS LISTS] Answer::Set;
    In "in" List [NUMBERS TRUTHS ADDRESSES TEXTS BUFFERS LISTS] Answer::Set;
    PMatch "pmatch" List [TEXTS] Answer::Set;
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

fn contains_folded(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

/// The operator without an operand.
pub const EXISTS: &str = "exists";

impl Operator {
    /// Returns the operator that is written as `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| op.text() == text)
    }

    /// Returns whether a constant behind it must be a number.
    pub const fn takes_number(self) -> bool {
        matches!(self.operands(), Operands::Number)
    }

    /// Returns whether its operand is a list.
    pub const fn takes_list(self) -> bool {
        matches!(self.operands(), Operands::List)
    }

    /// Returns whether a [modifier](Modifier) may follow it.
    pub const fn is_modifiable(self) -> bool {
        matches!(self.operands(), Operands::Symbol | Operands::Word)
    }

    /// Returns whether it is defined for some values.
    pub(crate) const fn is_for(self, values: Values) -> bool {
        self.values().has(values)
    }

    /// Returns the names of the operators, including `exists`, in the order of messages.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        std::iter::once(EXISTS).chain(Self::ALL.iter().map(|op| op.text()))
    }
}

/// Use of a list on the right of a check on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
#[non_exhaustive]
pub enum Modifier {
    OneOf,
    AnyOf,
    AllOf,
}

impl Modifier {
    /// All modifiers.
    pub const ALL: [Self; 3] = [Self::OneOf, Self::AnyOf, Self::AllOf];

    /// Returns how it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OneOf => "oneof",
            Self::AnyOf => "anyof",
            Self::AllOf => "allof",
        }
    }

    /// Returns the modifier that is written as `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|modifier| modifier.text() == text)
    }
}

/// The transformers, in the order of messages; `val` is only allowed on the right.
pub const TRANSFORMERS: [&str; 9] = ["val", "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"];

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: &str = include_str!("../syntax/condition.pest");

    /// Returns the words between quotes of a rule of the grammar.
    fn words(rule: &str) -> Vec<&'static str> {
        let start = GRAMMAR.find(&format!("\n{rule} ")).unwrap_or_else(|| panic!("no rule {rule}"));
        let body = &GRAMMAR[start..];
        let body = &body[..body.find('}').unwrap_or(body.len())];
        body.split('"').skip(1).step_by(2).collect()
    }

    fn same(rule: &str, of: impl Fn(Operator) -> bool) {
        let mut grammar = words(rule);
        // Of two words the longer is read first, where one begins with the other.
        for (at, word) in grammar.iter().enumerate() {
            assert!(!grammar[..at].iter().any(|earlier| word.starts_with(earlier)), "{rule}: {word} is never read");
        }
        let mut table: Vec<_> = Operator::ALL.iter().filter(|op| of(**op)).map(|op| op.text()).collect();
        grammar.sort_unstable();
        table.sort_unstable();
        assert_eq!(grammar, table, "{rule}");
    }

    #[test]
    fn the_grammar_has_the_operators_of_the_table() {
        same("number_op", |op| op.operands() == Operands::Number);
        same("symbol_op", |op| op.operands() == Operands::Symbol);
        same("word_op", |op| op.operands() == Operands::Word);
        same("list_op", |op| op.operands() == Operands::List);
        assert_eq!(words("exists"), [EXISTS]);
        assert_eq!(words("modifier"), Modifier::ALL.map(Modifier::text));
        let mut transformers: Vec<String> = words("transformer_name").iter().map(|w| w.replace('(', "")).collect();
        transformers.push("val".to_owned());
        transformers.sort_unstable();
        let mut table = TRANSFORMERS;
        table.sort_unstable();
        assert_eq!(transformers, table);
    }

    #[test]
    fn words_are_found_as_they_are_written() {
        for op in Operator::ALL {
            assert_eq!(Operator::from_text(op.text()), Some(*op));
        }
        assert_eq!(Operator::from_text(EXISTS), None);
        for modifier in Modifier::ALL {
            assert_eq!(Modifier::from_text(modifier.text()), Some(modifier));
        }
    }

    #[test]
    fn answers_are_those_of_the_names() {
        let answer = |op: &str, left: &[u8], right: &[u8]| match Operator::from_text(op).map(Operator::answer) {
            Some(Answer::Order(holds)) => holds(left.cmp(right)),
            Some(Answer::Bytes(holds)) => holds(left, right),
            _ => panic!("{op} has no answer"),
        };
        for (op, left, right, expect) in [
            ("=", "a", "a", true),
            ("==", "a", "b", false),
            ("!=", "a", "b", true),
            ("<", "a", "b", true),
            ("<=", "b", "a", false),
            (">", "b", "a", true),
            (">=", "a", "a", true),
            ("glob", "/etc/passwd", "/etc/*", true),
            ("glob", "/ETC/passwd", "/etc/*", false),
            ("iglob", "/ETC/passwd", "/etc/*", true),
            ("contains", "abc", "b", true),
            ("icontains", "aBc", "Bc", true),
            ("bcontains", "abc", "d", false),
            ("startswith", "abc", "ab", true),
            ("bstartswith", "abc", "bc", false),
            ("endswith", "abc", "bc", true),
        ] {
            assert_eq!(answer(op, left.as_bytes(), right.as_bytes()), expect, "{left} {op} {right}");
        }
    }

    /// An operator that only compares bytes is added by a row here and by a word in the grammar, and nowhere else.
    #[test]
    fn a_text_operator_is_a_row_and_a_word_of_the_grammar() {
        let word = Operator::EndsWith.text();
        let sources = [
            ("operator/mod.rs", include_str!("mod.rs")),
            ("syntax/condition.pest", GRAMMAR),
            ("syntax/ast.rs", include_str!("../syntax/ast.rs")),
            ("syntax/build.rs", include_str!("../syntax/build.rs")),
            ("syntax/error.rs", include_str!("../syntax/error.rs")),
            ("syntax/print.rs", include_str!("../syntax/print.rs")),
            ("lower/check.rs", include_str!("../lower/check.rs")),
            ("lower/keys.rs", include_str!("../lower/keys.rs")),
            ("resolve/exception.rs", include_str!("../resolve/exception.rs")),
            ("vm/compare.rs", include_str!("../vm/compare.rs")),
            ("vm/eval.rs", include_str!("../vm/eval.rs")),
        ];
        let places = sources.iter().filter(|(_, text)| {
            let above = text.split("#[cfg(test)]").next().unwrap_or_default();
            above.contains(&format!("\"{word}\"")) || above.contains("Operator::EndsWith")
        });
        let places: Vec<_> = places.map(|(name, _)| *name).collect();
        assert_eq!(places, ["operator/mod.rs", "syntax/condition.pest"]);
    }
}
