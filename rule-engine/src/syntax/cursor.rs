//! The tokens of the language: what stands at a place of a text, byte by byte.
//!
//! Nothing is allocated here and nothing is decided: each function takes a token, if it is there, and moves behind it.
//! All characters that mean something are ASCII, so bytes are looked at; only U+10FF80 to U+10FFFF, which stand for bytes
//! that are no UTF-8 (text.rs), may not be part of a bare word.

/// Where the reader is in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

/// Between tokens.
const BLANK: u8 = 1;
/// Ends a bare word; more than a blank, and less: a backspace is a blank but may stand in a word.
const SPACE: u8 = 2;
/// In a constant without quotes.
const BARE: u8 = 4;
/// In an argument without quotes.
const ARG: u8 = 8;
/// In a name.
const NAME: u8 = 16;

/// What each byte may be.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        if matches!(b, b' ' | b'\n' | b'\t' | 0x08 | b'\r') {
            class |= BLANK;
        }
        if matches!(b, b' ' | 0x09..=0x0D) {
            class |= SPACE;
        }
        if !matches!(b, 0x09..=0x0D | b' ' | b'"' | b'\'' | b'(' | b')' | b',' | b'=') {
            class |= BARE;
        }
        if !matches!(b, 0x09..=0x0D | b' ' | b'"' | b'\'' | b'[' | b']') {
            class |= ARG;
        }
        if b.is_ascii_alphanumeric() || b == b'_' {
            class |= NAME;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

const fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// Whether a byte ends a word before `(`, `and` and the like.
fn ends_word(byte: Option<u8>) -> bool {
    byte.is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

impl<'t> Cursor<'t> {
    pub(super) fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Words are compared as prefixes: what needs a blank behind it asks for one.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let word = word.as_bytes();
        // Nearly always the first byte tells.
        let found = self.peek() == word.first().copied() && self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn skip(&mut self, class: u8) -> bool {
        let rest = self.rest();
        let count = rest.iter().take_while(|byte| is(**byte, class)).count();
        self.at += count;
        count > 0
    }

    /// Blanks, at least one if it is true.
    pub(super) fn blanks(&mut self) -> bool {
        self.skip(BLANK)
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        self.text.as_bytes().get(self.at + ahead).is_some_and(|byte| is(*byte, BLANK))
    }

    /// `not` and the spaces behind it.
    pub(super) fn not_word(&mut self) -> bool {
        let found = self.peek() == Some(b'n')
            && self.rest().starts_with(b"not")
            && self.rest().get(3).is_some_and(|byte| is(*byte, SPACE));
        if found {
            self.at += 3;
            self.skip(SPACE);
        }
        found
    }

    /// Whether `and`, `or` or `not` stands here as a word.
    pub(super) fn is_bool_word(&self) -> bool {
        let rest = self.rest();
        ["and", "or", "not"]
            .iter()
            .any(|word| rest.starts_with(word.as_bytes()) && ends_word(rest.get(word.len()).copied()))
    }

    pub(super) fn is_name(&self) -> bool {
        self.peek().is_some_and(|byte| byte.is_ascii_alphabetic())
    }

    /// A letter, then letters, digits and underlines.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        let start = self.at;
        if !self.is_name() {
            return None;
        }
        self.skip(NAME);
        Some(self.since(start))
    }

    /// What [`name`](Self::name) began, if dots and further names follow: a field.
    pub(super) fn field_name(&mut self, start: usize) -> Option<&'t str> {
        let dotted = |me: &Self| me.peek() == Some(b'.') && me.rest().get(1).is_some_and(u8::is_ascii_alphabetic);
        if !dotted(self) {
            return None;
        }
        while dotted(self) {
            self.at += 1;
            self.skip(NAME);
        }
        Some(self.since(start))
    }

    /// A constant between quotes, with them. It ends at the first like quote whose previous byte is no backslash.
    pub(super) fn quoted(&mut self) -> Option<&'t str> {
        let quote = self.peek().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut from = start + 1;
        loop {
            let end = from + memchr::memchr2(quote, 0, &bytes[from..])?;
            if bytes[end] == 0 {
                return None;
            }
            from = end + 1;
            if end == start + 1 || bytes[end - 1] != b'\\' {
                self.at = from;
                return Some(self.since(start));
            }
        }
    }

    fn word(&mut self, class: u8) -> Option<&'t str> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let raw = || *byte == 0xF4 && matches!(bytes[self.at..], [_, 0x8F, 0xBE | 0xBF, ..]);
            if !is(*byte, class) || raw() {
                break;
            }
            self.at += 1;
        }
        (self.at > start).then(|| self.since(start))
    }

    /// A constant without quotes.
    pub(super) fn bare(&mut self) -> Option<&'t str> {
        self.word(BARE)
    }

    /// An argument without quotes.
    pub(super) fn bare_argument(&mut self) -> Option<&'t str> {
        self.word(ARG)
    }

    /// A number: hexadecimal, or decimal with a sign, a fraction and an exponent that has a sign.
    pub(super) fn number(&mut self) -> Option<&'t str> {
        let (start, bytes) = (self.at, self.rest());
        let digits =
            |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let [b'0', b'x' | b'X', hex @ ..] = bytes {
            let count = hex.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if count > 0 {
                self.at += 2 + count;
                return Some(self.since(start));
            }
        }
        let mut end = usize::from(matches!(bytes, [b'+' | b'-', ..]));
        let whole = digits(end);
        if whole == 0 {
            return None;
        }
        end += whole;
        if bytes.get(end) == Some(&b'.') {
            end += 1;
            end += digits(end);
        }
        if let Some([b'e' | b'E', b'+' | b'-', ..]) = bytes.get(end..) {
            let exponent = digits(end + 2);
            if exponent > 0 {
                end += 2 + exponent;
            }
        }
        self.at += end;
        Some(self.since(start))
    }
}
