//! Shell patterns with the semantics of C's `fnmatch` without flags: over bytes, `*` and `?` match a `/` too, a leading
//! dot is nothing special, a backslash quotes, and a bracket that is never closed is literal.

/// Returns whether the whole of `text` matches. With `fold`, ASCII letters match whatever their case.
pub fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // The place to continue if the part behind the last star fails: behind the star, one byte later.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() && t == text.len() {
            return true;
        }
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        if let (Some(_), Some(&byte)) = (pattern.get(p), text.get(t))
            && let Some(next) = one(pattern, p, byte, fold)
        {
            p = next;
            t += 1;
            continue;
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                p = star;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

/// Matches the piece of the pattern at `p` with one byte; returns the place behind the piece if it does.
fn one(pattern: &[u8], p: usize, byte: u8, fold: bool) -> Option<usize> {
    let same = |wanted: u8| if fold { wanted.eq_ignore_ascii_case(&byte) } else { wanted == byte };
    match pattern[p] {
        b'?' => Some(p + 1),
        b'\\' => same(*pattern.get(p + 1)?).then_some(p + 2),
        b'[' => match bracket(pattern, p, byte, fold) {
            Some((end, found)) => found.then_some(end),
            None => same(b'[').then_some(p + 1),
        },
        wanted => same(wanted).then_some(p + 1),
    }
}

/// Parses a bracket expression at `p`: returns where it ends, and whether `byte` is in it. `None` if it never ends.
fn bracket(pattern: &[u8], p: usize, byte: u8, fold: bool) -> Option<(usize, bool)> {
    let mut at = p + 1;
    let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    at += usize::from(negated);
    let lower = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
    let (whole, byte) = (byte, lower(byte));
    let mut found = false;
    let mut first = true;
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && !first {
            return Some((at + 1, found != negated));
        }
        first = false;
        if low == b'['
            && pattern.get(at + 1) == Some(&b':')
            && let Some(end) = pattern[at + 2..].windows(2).position(|pair| pair == b":]")
        {
            // A class is of the byte as it is, whatever the case; one that does not exist makes the bracket plain text.
            found |= class(&pattern[at + 2..at + 2 + end], whole)?;
            at += end + 4;
            continue;
        }
        // A collating symbol or an equivalence class: in the C locale, a byte is one.
        if low == b'['
            && let [kind @ (b'.' | b'='), symbol, end, b']', ..] = pattern[at + 1..]
            && kind == end
        {
            found |= lower(symbol) == byte;
            at += 5;
            continue;
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        let mut high = low;
        if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|next| *next != b']') {
            at += 1;
            high = *pattern.get(at)?;
            if high == b'\\' {
                at += 1;
                high = *pattern.get(at)?;
            }
            at += 1;
        }
        found |= (lower(low)..=lower(high)).contains(&byte);
    }
}

/// Returns whether a byte is of a class; `None` if there is no such class.
fn class(name: &[u8], byte: u8) -> Option<bool> {
    Some(match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

/// Returns the bytes that every match begins with.
pub fn literal_prefix(pattern: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::new();
    let mut bytes = pattern.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => break,
            b'\\' => match bytes.next() {
                Some(&quoted) => prefix.push(quoted),
                None => break,
            },
            other => prefix.push(other),
        }
    }
    prefix
}

/// Returns the longest run of literal bytes, as far as it can be found easily: patterns with brackets and quoted bytes
/// have none.
pub fn literal_within(pattern: &[u8]) -> &[u8] {
    if pattern.iter().any(|byte| matches!(byte, b'[' | b'\\')) {
        return &[];
    }
    let runs = pattern.split(|byte| matches!(byte, b'*' | b'?'));
    runs.max_by_key(|run| run.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{literal_within, matches};

    #[test]
    fn a_literal_of_every_match_is_found() {
        for (pattern, within) in [
            ("*../*../*", "../"),
            ("/home/*/.ssh/*", "/.ssh/"),
            ("a?bcd*e", "bcd"),
            ("***", ""),
            ("", ""),
            ("abc[d]e", ""),
            ("abc\\*", ""),
        ] {
            assert_eq!(literal_within(pattern.as_bytes()), within.as_bytes(), "{pattern}");
        }
    }

    #[test]
    fn as_fnmatch_without_flags() {
        for (pattern, text, expect) in [
            ("v?", "vi", true),
            ("*", "", true),
            ("*", "/a/.b", true),
            ("/etc/*", "/etc/a/b", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZd", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a", false),
            ("[[:digit:]]*", "1x", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("[\\]]", "]", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expect, "{pattern} {text}");
        }
        assert!(matches(b"V[I-J]M*", b"vim.basic", true));
        assert!(matches(b"/p?", b"/p\xff", false));
    }

    #[test]
    fn classes_symbols_and_plain_text() {
        for (pattern, text, fold, expect) in [
            ("[[:upper:]]", "b", true, false),
            ("[[:upper:]]", "B", true, true),
            ("[[.b.]]", "b", false, true),
            ("[[=b=]]", "b", false, true),
            ("[[=b=]]", "c", false, false),
            ("[[.b.]]", "B", true, true),
            ("[[:ALPHA:]]", "a", false, false),
            ("[[:ALPHA:]]", "[:]", false, true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), fold), expect, "{pattern} {text}");
        }
    }
}
