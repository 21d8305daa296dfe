//! Properties of a node or a document: anchors, aliases, tags, directives.

use super::scan::{Scanner, is_space};
use super::token::{Kind, Result};

impl Scanner<'_> {
    pub(super) fn name(&mut self) -> Result<()> {
        self.candidate();
        self.after_text(false, false);
        let mark = self.mark();
        let alias = self.bytes[self.at] == b'*';
        let start = self.at + 1;
        let inside = |byte: &u8| !(is_space(*byte) || matches!(byte, b'[' | b']' | b'{' | b'}' | b','));
        let length = self.bytes[start..].iter().take_while(|byte| inside(byte)).count();
        self.at = start + length;
        if length == 0 {
            return self.refuse(if alias { "alias not found after *" } else { "anchor not found after &" }, self.at);
        }
        if matches!(self.byte(self.at), b'[' | b'{') {
            let words = if alias {
                "illegal character found while scanning alias"
            } else {
                "illegal character found while scanning anchor"
            };
            return self.refuse(words, self.at);
        }
        let name = &self.text[start..self.at];
        self.push(if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, mark);
        Ok(())
    }

    pub(super) fn tag(&mut self) -> Result<()> {
        self.candidate();
        self.after_text(false, false);
        let mark = self.mark();
        self.at += 1;
        if self.bytes.get(self.at) == Some(&b'<') {
            self.at += 1;
            self.at += self.tag_characters(self.at, b"#;/?:@&=+$,_.!~*'()[]");
            if self.bytes.get(self.at) != Some(&b'>') {
                return self.refuse("end of verbatim tag not found", self.at);
            }
            self.at += 1;
        } else {
            const SUFFIX: &[u8] = b"#;/?:@&=+$_.~*'()";
            let handle = self.tag_characters(self.at, b"");
            let more = self.tag_characters(self.at + handle, SUFFIX);
            if self.bytes.get(self.at + handle + more) == Some(&b'!') {
                if more > 0 {
                    return self.refuse("illegal character found while scanning tag handle", self.at + handle);
                }
                self.at += handle + 1;
                let suffix = self.tag_characters(self.at, SUFFIX);
                if suffix == 0 {
                    return self.refuse("tag handle with no suffix", self.at);
                }
                self.at += suffix;
            } else {
                self.at += handle + more;
            }
        }
        self.push(Kind::Tag, mark);
        Ok(())
    }

    /// Number of bytes of a tag: letters, digits, hyphens, and some more with `%` and two digits for a byte.
    fn tag_characters(&self, from: usize, more: &[u8]) -> usize {
        let mut at = from;
        loop {
            match self.bytes.get(at..).unwrap_or_default() {
                [byte, ..] if byte.is_ascii_alphanumeric() || *byte == b'-' || more.contains(byte) => at += 1,
                [b'%', high, low, ..] if !more.is_empty() && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    at += 3;
                }
                _ => return at - from,
            }
        }
    }

    pub(super) fn directive(&mut self) -> Result<()> {
        self.close_all();
        self.after_text(false, false);
        let mark = self.mark();
        let rest = &self.text[self.at + 1..];
        let line = &rest[..memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len())];
        self.at += 1 + line.len();
        let name = line.split([' ', '\t']).next().unwrap_or_default();
        let mut arguments: Vec<&str> = line[name.len()..].split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        if let Some(comment) = arguments.iter().position(|word| word.starts_with('#')) {
            arguments.truncate(comment);
        }
        self.push(Kind::Directive(name, arguments), mark);
        Ok(())
    }
}
