//! The values of scalars: lines joined, indentation taken away, escapes undone.
//!
//! A value that is in the file as it is, is borrowed from it.

use std::borrow::Cow;

use super::scan::{Scanner, is_blank, is_break};
use super::token::Result;
use super::{Scalar, Style};
use crate::text::from_bytes;

const TAB: &str = "illegal tab when looking for indentation";

/// A value under construction: a part of the text until it must be something else.
struct Value<'t> {
    text: &'t str,
    /// Start and end of the part of the text.
    start: usize,
    end: usize,
    own: Option<String>,
}

impl<'t> Value<'t> {
    fn new(text: &'t str, start: usize) -> Self {
        Self { text, start, end: start, own: None }
    }

    fn own(&mut self) -> &mut String {
        let (text, start, end) = (self.text, self.start, self.end);
        self.own.get_or_insert_with(|| {
            let mut own = String::with_capacity(2 * (end - start) + 32);
            own.push_str(&text[start..end]);
            own
        })
    }

    /// Adds a part of the text.
    fn push(&mut self, from: usize, to: usize) {
        if from == to {
        } else if self.own.is_none() && (self.end == from || self.start == self.end) {
            if self.start == self.end {
                self.start = from;
            }
            self.end = to;
        } else {
            let part = &self.text[from..to];
            self.own().push_str(part);
        }
    }

    /// Adds what `breaks` line ends between two lines with words come to.
    fn fold(&mut self, breaks: usize) {
        match breaks {
            0 => {}
            1 => self.own().push(' '),
            _ => self.newlines(breaks - 1),
        }
    }

    fn newlines(&mut self, count: usize) {
        if count > 0 {
            self.own().extend(std::iter::repeat_n('\n', count));
        }
    }

    fn finish(self) -> Cow<'t, str> {
        match self.own {
            Some(own) => Cow::Owned(own),
            None => Cow::Borrowed(&self.text[self.start..self.end]),
        }
    }
}

/// Bytes that end a plain scalar: 1 in lines, 2 between brackets.
static PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 4 {
        table[b"\n\r:#"[at] as usize] = 3;
        at += 1;
    }
    at = 0;
    while at < 6 {
        table[b",?[]{}"[at] as usize] = 2;
        at += 1;
    }
    table
};

/// A text without quotes, in columns from `indent` on. Whether it ended with the beginning of a line.
pub(super) fn plain<'t>(scanner: &mut Scanner<'t>, indent: usize) -> Result<(Scalar<'t>, bool)> {
    let flow = scanner.in_flow();
    let start = scanner.at;
    let mut value = Value::new(scanner.text, start);
    let mut end = start;
    let mut breaks = 0;
    let mut at_line_start = false;
    loop {
        if scanner.is_document_mark() {
            break;
        }
        let from = scanner.at;
        let to = plain_end(scanner, from, flow);
        scanner.at = to;
        let line = scanner.bytes[from..to].iter().rposition(|byte| !is_blank(*byte));
        if let Some(last) = line {
            value.fold(breaks);
            breaks = 0;
            end = from + last + 1;
            value.push(from, end);
        }
        // A comment may follow a line end too.
        if scanner.is_end() || !is_break(scanner.bytes[to]) || starts_comment(scanner, to) {
            break;
        }
        scanner.take_break();
        breaks += 1;
        indentation(scanner, indent)?;
        let empty = !scanner.is_end() && is_break(scanner.bytes[scanner.at]);
        if !empty && scanner.column() < indent {
            at_line_start = true;
            break;
        }
    }
    Ok((Scalar { text: value.finish(), style: Style::Plain, span: (start, end) }, at_line_start))
}

/// Returns whether the space, tab or line end here is followed by a `#`.
fn starts_comment(scanner: &Scanner<'_>, at: usize) -> bool {
    let behind = if scanner.bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
    scanner.bytes.get(at + behind) == Some(&b'#')
}

/// End of a plain scalar, or of its line.
fn plain_end(scanner: &Scanner<'_>, from: usize, flow: bool) -> usize {
    let mask = if flow { 2 } else { 1 };
    let bytes = scanner.bytes;
    let mut at = from;
    loop {
        match bytes[at..].iter().position(|byte| PLAIN[usize::from(*byte)] & mask != 0) {
            Some(length) => at += length,
            None => return bytes.len(),
        }
        let ends = match bytes[at] {
            b':' => {
                let next = scanner.byte(at + 1);
                is_blank(next) || is_break(next) || flow && matches!(next, b',' | b']' | b'}')
            }
            b'#' if at > from && is_blank(bytes[at - 1]) => return at - 1,
            b'#' => false,
            _ => true,
        };
        if ends {
            return at;
        }
        at += 1;
    }
}

/// The spaces at the beginning of a line of a plain scalar, up to a comment.
fn indentation(scanner: &mut Scanner<'_>, indent: usize) -> Result<()> {
    while let Some(byte) = scanner.bytes.get(scanner.at).copied().filter(|byte| is_blank(*byte)) {
        let within = scanner.column() < indent;
        if byte == b'\t' && within {
            return scanner.refuse(TAB, scanner.at);
        }
        if starts_comment(scanner, scanner.at) {
            return Ok(());
        }
        scanner.at += 1;
    }
    Ok(())
}

/// A text between quotes.
pub(super) fn quoted<'t>(scanner: &mut Scanner<'t>) -> Result<Scalar<'t>> {
    let start = scanner.at;
    let quote = scanner.bytes[start];
    let style = if quote == b'"' { Style::Double } else { Style::Single };
    scanner.at += 1;
    let mut value = Value::new(scanner.text, scanner.at);
    // How much of the value no line end can take away: it ends with an escape.
    let mut kept = None;
    // A text that ends with a line, or right behind the quote, needs no other quote.
    let mut at_start = true;
    loop {
        if at_start && scanner.is_end() {
            break;
        }
        at_start = false;
        if scanner.is_document_mark() {
            return scanner.refuse("illegal document indicator in scalar", scanner.at);
        }
        let from = scanner.at;
        let ends = |byte: &u8| *byte == quote || is_break(*byte) || *byte == b'\\' && quote == b'"';
        let Some(length) = scanner.bytes[from..].iter().position(ends) else {
            scanner.at = scanner.bytes.len();
            return scanner.refuse("illegal EOF in scalar", scanner.at);
        };
        let at = from + length;
        scanner.at = at;
        let byte = scanner.bytes[at];
        if byte == quote {
            value.push(from, at);
            if quote == b'\'' && scanner.bytes.get(at + 1) == Some(&b'\'') {
                value.own().push('\'');
                kept = Some(value.own().len());
                scanner.at += 2;
                continue;
            }
            scanner.at += 1;
            break;
        }
        if byte == b'\\' && !scanner.bytes.get(at + 1).copied().is_some_and(is_break) {
            value.push(from, at);
            escape(scanner, value.own())?;
            kept = Some(value.own().len());
            continue;
        }
        // A line end, perhaps with a backslash before it, which joins the words and keeps the spaces before it.
        let joined = byte == b'\\';
        if joined {
            value.push(from, at);
            scanner.at += 1;
            kept = Some(value.own().len());
        } else {
            let line = scanner.bytes[from..at].iter().rposition(|byte| !is_blank(*byte));
            value.push(from, line.map_or(from, |last| from + last + 1));
        }
        scanner.take_break();
        let mut empty = 0;
        loop {
            scanner.at += scanner.bytes[scanner.at..].iter().take_while(|byte| is_blank(**byte)).count();
            if scanner.is_end() || !is_break(scanner.bytes[scanner.at]) {
                break;
            }
            scanner.take_break();
            empty += 1;
        }
        at_start = true;
        match empty {
            0 if joined => {}
            0 => value.own().push(' '),
            _ => value.newlines(empty),
        }
    }
    let mut text = value.finish();
    // All but one of the line ends at the end are taken away.
    let words = text.trim_end_matches('\n').len();
    let most = match kept.filter(|kept| *kept >= words) {
        Some(kept) => kept + 2,
        None if words == 0 => 0,
        None => words + 1,
    };
    if text.len() > most {
        text.to_mut().truncate(most);
    }
    Ok(Scalar { text, style, span: (start, scanner.at) })
}

/// Returns the character that an escape means.
fn escape(scanner: &mut Scanner<'_>, out: &mut String) -> Result<()> {
    let begin = scanner.at;
    let Some(letter) = scanner.text[begin + 1..].chars().next() else {
        return scanner.refuse("unknown escape character: ", begin + 2);
    };
    scanner.at = begin + 1 + letter.len_utf8();
    let digits = match letter {
        '0' => return push(out, '\0'),
        'a' => return push(out, '\u{7}'),
        'b' => return push(out, '\u{8}'),
        't' | '\t' => return push(out, '\t'),
        'n' => return push(out, '\n'),
        'v' => return push(out, '\u{b}'),
        'f' => return push(out, '\u{c}'),
        'r' => return push(out, '\r'),
        'e' => return push(out, '\u{1b}'),
        ' ' | '"' | '\'' | '\\' | '/' => return push(out, letter),
        // These two are one byte each, which is not UTF-8.
        'N' => return push_bytes(out, b"\x85"),
        '_' => return push_bytes(out, b"\xA0"),
        'L' => return push(out, '\u{2028}'),
        'P' => return push(out, '\u{2029}'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => return scanner.refuse(format!("unknown escape character: {other}"), begin + 2),
    };
    let from = scanner.at;
    let written = scanner.bytes.get(from..from + digits).unwrap_or(&scanner.bytes[from..]);
    if written.len() < digits || !written.iter().all(u8::is_ascii_hexdigit) {
        return scanner.refuse("bad character found while scanning hex number", begin);
    }
    scanner.at = from + digits;
    let code = written
        .iter()
        .fold(0u64, |code, digit| code << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or_default()));
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some(letter) => push(out, letter),
        None => scanner.refuse(format!("invalid unicode: {code}"), scanner.at),
    }
}

fn push(out: &mut String, letter: char) -> Result<()> {
    // A character that replaces a byte elsewhere has its own four bytes here.
    push_bytes(out, letter.encode_utf8(&mut [0; 4]).as_bytes())
}

fn push_bytes(out: &mut String, bytes: &[u8]) -> Result<()> {
    out.push_str(&from_bytes(bytes));
    Ok(())
}

/// Treatment of the line ends at the end of a block.
#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    /// One.
    Clip,
    /// None.
    Strip,
    /// Keeps all trailing line breaks.
    Keep,
}

/// A text behind `|` or `>`.
pub(super) fn block<'t>(scanner: &mut Scanner<'t>) -> Result<Scalar<'t>> {
    let folded = scanner.bytes[scanner.at] == b'>';
    scanner.at += 1;
    let (mut chomp, mut explicit) = (Chomp::Clip, None);
    let (mut chomps, mut digits) = (0, 0);
    while let Some(byte) = scanner.bytes.get(scanner.at) {
        match byte {
            b'+' | b'-' if chomps == 0 => {
                chomp = if *byte == b'+' { Chomp::Keep } else { Chomp::Strip };
                chomps += 1;
            }
            b'0' if digits == 0 => return scanner.refuse("cannot set zero indentation for a block scalar", scanner.at),
            b'1'..=b'9' if digits == 0 => {
                explicit = Some(usize::from(byte - b'0'));
                digits += 1;
            }
            _ => break,
        }
        scanner.at += 1;
    }
    scanner.at += scanner.bytes[scanner.at..].iter().take_while(|byte| is_blank(**byte)).count();
    if scanner.bytes.get(scanner.at) == Some(&b'#') {
        let rest = &scanner.bytes[scanner.at..];
        scanner.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }
    if !scanner.is_end() && !is_break(scanner.bytes[scanner.at]) {
        return scanner.refuse("unexpected character in block scalar", scanner.at);
    }
    let mut lines = Lines {
        indent: explicit.unwrap_or(1) + scanner.inner_column().saturating_sub(1),
        detect: explicit.is_none(),
        folded,
        ..Lines::default()
    };
    let mut value = Value::new(scanner.text, scanner.at);
    let mut start = None;
    let mut end = scanner.at;
    while !scanner.is_end() {
        let from = scanner.at;
        let rest = &scanner.bytes[from..];
        let to = from + memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if to > from {
            lines.seen = true;
            lines.opened = true;
            start.get_or_insert(from);
            end = to;
            value.push(from, to);
            scanner.at = to;
        }
        if scanner.is_end() {
            break;
        }
        scanner.take_break();
        if lines.next(scanner, &mut value)? {
            break;
        }
    }
    let mut text = value.finish();
    let words = text.trim_end_matches('\n').len();
    let most = match chomp {
        Chomp::Keep => text.len(),
        Chomp::Strip => words,
        Chomp::Clip if words == 0 => 0,
        Chomp::Clip => words + 1,
    };
    match &mut text {
        Cow::Borrowed(text) => *text = &text[..most.min(text.len())],
        Cow::Owned(text) => text.truncate(most),
    }
    let start = start.unwrap_or(end);
    Ok(Scalar { text, style: Style::Block, span: (start, end) })
}

/// State of the lines of a block.
#[derive(Default)]
struct Lines {
    indent: usize,
    /// Whether the first line with words says the indentation.
    detect: bool,
    folded: bool,
    /// Whether there were words.
    seen: bool,
    /// Whether the line end of the header is behind.
    opened: bool,
    empty: bool,
    more_indented: bool,
    /// Line ends that are held back.
    held: usize,
    held_more_indented: bool,
}

impl Lines {
    /// The indentation of a line, and what the line end before it comes to. Whether the block has ended before it.
    fn next(&mut self, scanner: &mut Scanner<'_>, value: &mut Value<'_>) -> Result<bool> {
        let finding = self.detect && !self.seen;
        while scanner.bytes.get(scanner.at) == Some(&b' ') && (finding || scanner.column() < self.indent) {
            scanner.at += 1;
        }
        if finding {
            self.indent = self.indent.max(scanner.column());
        }
        let next = scanner.bytes.get(scanner.at).copied();
        if next == Some(b'\t') && scanner.column() < self.indent {
            return scanner.refuse(TAB, scanner.at);
        }
        let (empty, more_indented) = (next.is_some_and(is_break), next.is_some_and(is_blank));
        if self.folded && self.held == 0 && empty {
            self.held_more_indented = self.more_indented;
        }
        if self.opened {
            if !self.folded {
                value.newlines(1);
            } else {
                let plain = !self.empty && !empty && !self.more_indented && !more_indented;
                if plain && scanner.column() >= self.indent {
                    value.own().push(' ');
                } else if empty {
                    self.held += 1;
                } else {
                    value.newlines(1);
                }
                if !empty && self.held > 0 {
                    let more = self.held_more_indented || more_indented || !self.seen;
                    value.newlines(self.held - 1 + usize::from(more));
                    self.held = 0;
                }
            }
        }
        (self.empty, self.more_indented, self.opened) = (empty, more_indented, true);
        Ok(!empty && scanner.column() < self.indent)
    }
}
