//! The `regex` operator accepts POSIX egrep syntax as RE2 does: this translates such a pattern to the syntax of the
//! `regex` crate, or rejects it with RE2's message.
//!
//! Differences from the crate's syntax: no Perl classes, no `\b`, no groups with `(?`; repetitions may be stacked
//! (`a**`, and `a*?` is not a lazy star); `{` is literal where it does not begin a repetition; `^` and `$` match at
//! every line; a backreference and an unknown escape are errors. The whole subject must match, so that longest or first
//! makes no difference.

/// The greatest count of a repetition, also when repetitions are nested.
const GREATEST: u32 = 1000;

/// Classes of no character and of all.
const NOTHING: &str = r"[^\x00-\x{10ffff}]";
const ANYTHING: &str = r"[\x00-\x{10ffff}]";

/// Translates a pattern; the result matches only the whole subject.
pub(crate) fn translate(pattern: &[u8]) -> Result<String, String> {
    let Ok(pattern) = std::str::from_utf8(pattern) else {
        return Err("invalid UTF-8".into());
    };
    let mut parser = Parser { text: pattern, at: 0, depth: 0 };
    let (body, _) = parser.alternation()?;
    if parser.at < pattern.len() {
        return Err(format!("unexpected ): {pattern}"));
    }
    Ok(format!(r"\A(?:{body})\z"))
}

/// Compiles a translated pattern.
pub(crate) fn compile(translated: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(translated).build().map_err(|_| "pattern too large - compile failed".into())
}

struct Parser<'p> {
    text: &'p str,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Branches with `|` between them, up to a `)` or the end. Each piece has the number of repetitions of its
    /// innermost part.
    fn alternation(&mut self) -> Result<(String, u32), String> {
        let (mut out, mut weight) = self.branch()?;
        while self.eat('|') {
            let (branch, more) = self.branch()?;
            out.push('|');
            out.push_str(&branch);
            weight = weight.max(more);
        }
        Ok((out, weight))
    }

    fn branch(&mut self) -> Result<(String, u32), String> {
        let mut out = String::new();
        let mut weight = 1;
        // The last piece, to which a repetition would apply.
        let mut piece: Option<(String, u32)> = None;
        while let Some(next) = self.peek() {
            let begin = self.at;
            let repetition = match next {
                '|' | ')' => break,
                '*' | '+' | '?' => {
                    self.at += 1;
                    Some((0, 1))
                }
                '{' => self.counted(),
                _ => None,
            };
            let Some((low, high)) = repetition else {
                if let Some((text, more)) = piece.take() {
                    out.push_str(&text);
                    weight = weight.max(more);
                }
                piece = Some(self.atom()?);
                continue;
            };
            let op = &self.text[begin..self.at];
            let Some((inner, inner_weight)) = piece.take() else {
                return Err(format!("no argument for repetition operator: {op}"));
            };
            let mut total = inner_weight;
            if next == '{' {
                total = inner_weight.saturating_mul(low.max(high).max(1));
                if low > GREATEST || high > GREATEST || high < low || total > GREATEST {
                    return Err(format!("invalid repetition size: {op}"));
                }
            }
            piece = Some((format!("(?:{inner}){}", self.operator(begin)), total));
        }
        if let Some((text, more)) = piece {
            out.push_str(&text);
            weight = weight.max(more);
        }
        Ok((out, weight))
    }

    /// Returns the repetition that begins at `begin`, as the crate writes it.
    fn operator(&self, begin: usize) -> String {
        let op = &self.text[begin..self.at];
        if let Some(counts) = op.strip_prefix('{') {
            let counts = counts.trim_end_matches('}');
            let trim = |count: &str| match count.trim_start_matches('0') {
                "" => "0".to_owned(),
                rest => rest.to_owned(),
            };
            return match counts.split_once(',') {
                None => format!("{{{}}}", trim(counts)),
                Some((low, "")) => format!("{{{},}}", trim(low)),
                Some((low, high)) => format!("{{{},{}}}", trim(low), trim(high)),
            };
        }
        op.to_owned()
    }

    /// Parses `{n}`, `{n,}` or `{n,m}`; anything else is literal.
    fn counted(&mut self) -> Option<(u32, u32)> {
        let rest = &self.text[self.at + 1..];
        let end = rest.find('}')?;
        let (low, high) = match rest[..end].split_once(',') {
            None => (&rest[..end], None),
            Some((low, high)) => (low, Some(high)),
        };
        let count = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // A zero in front of other digits is not a number, nor are more digits than a number holds.
            (digits && text.len() < 10 && !(text.len() > 1 && text.starts_with('0')))
                .then(|| text.parse().unwrap_or(u32::MAX))
        };
        let low = count(low)?;
        let high = match high {
            None => low,
            Some("") => low.max(1),
            Some(high) => count(high)?,
        };
        self.at += 1 + end + 1;
        Some((low, high))
    }

    fn atom(&mut self) -> Result<(String, u32), String> {
        let begin = self.at;
        let Some(next) = self.take() else {
            return Ok((String::new(), 1));
        };
        let text = match next {
            '(' => {
                self.depth += 1;
                if self.depth > 200 {
                    return Err(format!("expression nesting too deep: {}", self.text));
                }
                let (inner, weight) = self.alternation()?;
                self.depth -= 1;
                if !self.eat(')') {
                    return Err(format!("missing ): {}", self.text));
                }
                return Ok((format!("(?:{inner})"), weight));
            }
            '[' => self.class(begin)?,
            '.' => ".".to_owned(),
            '^' => "(?m:^)".to_owned(),
            '$' => "(?m:$)".to_owned(),
            '\\' => char::from_u32(self.escape(begin)?).map_or_else(|| NOTHING.to_owned(), quoted),
            other => quoted(other),
        };
        Ok((text, 1))
    }

    /// Returns the number of the character of an escape, which may be a surrogate; the backslash was read before.
    fn escape(&mut self, begin: usize) -> Result<u32, String> {
        let bad = |at: usize, text: &str| format!("invalid escape sequence: {}", &text[begin..at]);
        let Some(next) = self.take() else {
            return Err("trailing \\".into());
        };
        let code = match next {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' => {
                let mut code = next.to_digit(8).unwrap_or_default();
                if next != '0' && !matches!(self.peek(), Some('0'..='7')) {
                    return Err(bad(self.at, self.text));
                }
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else { break };
                    self.at += 1;
                    code = code * 8 + digit;
                }
                code
            }
            'x' => {
                let mut code = 0u32;
                if self.eat('{') {
                    let mut digits = 0;
                    loop {
                        match self.take() {
                            Some('}') if digits > 0 => break,
                            Some(digit) if digit.is_ascii_hexdigit() => {
                                digits += 1;
                                code = code * 16 + digit.to_digit(16).unwrap_or_default();
                                if code > 0x10ffff {
                                    return Err(bad(self.at, self.text));
                                }
                            }
                            _ => return Err(bad(self.at, self.text)),
                        }
                    }
                } else {
                    for _ in 0..2 {
                        let Some(digit) = self.take().and_then(|next| next.to_digit(16)) else {
                            return Err(bad(self.at, self.text));
                        };
                        code = code * 16 + digit;
                    }
                }
                code
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other.into(),
            _ => return Err(bad(self.at, self.text)),
        };
        Ok(code)
    }

    /// Parses the content of brackets; the first bracket was read before.
    fn class(&mut self, begin: usize) -> Result<String, String> {
        let mut out = String::new();
        let negated = self.eat('^');
        let missing = |text: &str| format!("missing ]: {}", &text[begin..]);
        let mut first = true;
        // The crate rejects an empty class, which cannot be written here.
        while first || self.peek() != Some(']') {
            let Some(next) = self.peek() else {
                return Err(missing(self.text));
            };
            let rest = &self.text[self.at..];
            if next == '-' && !first && !rest[1..].starts_with(']') {
                // A hyphen is literal only as the first or the last character.
                let shown: String = rest.chars().take(2).collect();
                return Err(if rest.len() == 1 {
                    missing(self.text)
                } else {
                    format!("invalid character class range: {shown}")
                });
            }
            first = false;
            if let Some(named) = rest.strip_prefix("[:")
                && let Some(end) = named.find(":]")
            {
                const NAMES: [&str; 14] = [
                    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
                    "upper", "word", "xdigit",
                ];
                let whole = &rest[..end + 4];
                if !NAMES.contains(&named[..end].trim_start_matches('^')) {
                    return Err(format!("invalid character class range: {whole}"));
                }
                out.push_str(whole);
                self.at += whole.len();
                continue;
            }
            let range_begin = self.at;
            let low = self.class_char(begin)?;
            let mut high = low;
            let rest = &self.text[self.at..];
            if rest.starts_with('-') && rest.len() > 1 && !rest[1..].starts_with(']') {
                self.at += 1;
                high = self.class_char(begin)?;
                if high < low {
                    return Err(format!("invalid character class range: {}", &self.text[range_begin..self.at]));
                }
            }
            // No text has surrogates, and the crate's syntax does not either: only what lies beside them is left.
            for (low, high) in [(low, high.min(0xd7ff)), (low.max(0xe000), high)] {
                if low > high {
                    continue;
                }
                let (Some(low), Some(high)) = (char::from_u32(low), char::from_u32(high)) else { continue };
                out.push_str(&quoted(low));
                if high != low {
                    out.push('-');
                    out.push_str(&quoted(high));
                }
            }
        }
        self.at += 1;
        Ok(match (out.is_empty(), negated) {
            (true, false) => NOTHING.to_owned(),
            (true, true) => ANYTHING.to_owned(),
            (false, false) => format!("[{out}]"),
            (false, true) => format!("[^{out}]"),
        })
    }

    fn class_char(&mut self, class_begin: usize) -> Result<u32, String> {
        let begin = self.at;
        match self.take() {
            None => Err(format!("missing ]: {}", &self.text[class_begin..])),
            Some('\\') => self.escape(begin),
            Some(other) => Ok(other.into()),
        }
    }
}

/// Appends a literal character, inside brackets and outside.
fn quoted(literal: char) -> String {
    if literal.is_ascii_alphanumeric() || !literal.is_ascii() {
        literal.to_string()
    } else {
        format!("\\x{:02x}", literal as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, subject: &str) -> bool {
        compile(&translate(pattern.as_bytes()).expect(pattern)).expect(pattern).is_match(subject)
    }

    #[test]
    fn the_whole_subject_must_match() {
        for (pattern, subject, expect) in [
            ("syscal.*", "syscall", true),
            ("yscal.*", "syscall", false),
            (".*yscal", "syscall", false),
            ("a|ab", "ab", true),
            ("^ab$", "ab", true),
            ("a**", "aaa", true),
            ("a*?", "", true),
            ("a{2,3}", "aa", true),
            ("a{,3}", "a{,3}", true),
            ("a{", "a{", true),
            ("[]a]+", "]a", true),
            ("[^a]", "\n", true),
            (".", "\n", false),
            ("[[:alpha:]]+", "abc", true),
            ("[a&&b]+", "a&b", true),
            ("\\x41\\101", "AA", true),
            ("", "", true),
            ("()|x", "", true),
            ("[a-]", "-", true),
            ("\\.", ".", true),
            ("/p.", "/p\u{fffd}", true),
            ("[~~]", "~", true),
            ("a+?b", "b", true),
            ("a+?b", "aab", true),
            ("bx+*", "b", true),
            ("bx{2}?", "b", true),
            ("\\_", "_", true),
            ("a{99999999999}", "a{99999999999}", true),
            ("\\x{d800}", "x", false),
            ("a|\\x{dfff}", "a", true),
            ("[\\x{d800}a]", "a", true),
            ("[\\x{d800}-\\x{dfff}]", "\u{e000}", false),
            ("[^\\x{d800}-\\x{dfff}]", "\u{e000}", true),
            ("[\\x{d000}-\\x{e000}]+", "\u{d000}\u{d7ff}\u{e000}", true),
            ("[\\x{d7ff}-\\x{d800}]", "\u{e000}", false),
            ("[\\x{dc00}-\\x{e001}]", "\u{e001}", true),
        ] {
            assert_eq!(matches(pattern, subject), expect, "{pattern} {subject}");
        }
    }

    #[test]
    fn invalid_patterns() {
        for (pattern, expect) in [
            ("(", "missing ): ("),
            ("a)", "unexpected ): a)"),
            ("\\w+", "invalid escape sequence: \\w"),
            ("\\S", "invalid escape sequence: \\S"),
            ("a(?=b)", "no argument for repetition operator: ?"),
            ("*", "no argument for repetition operator: *"),
            ("[b-a]", "invalid character class range: b-a"),
            ("[a", "missing ]: [a"),
            ("x[[:foo:]]", "invalid character class range: [:foo:]"),
            ("a{1001}", "invalid repetition size: {1001}"),
            ("a{3,2}", "invalid repetition size: {3,2}"),
            ("(a{100}){100}", "invalid repetition size: {100}"),
            ("a\\", "trailing \\"),
            ("\\1", "invalid escape sequence: \\1"),
        ] {
            assert_eq!(translate(pattern.as_bytes()), Err(expect.to_owned()), "{pattern}");
        }
    }
}
