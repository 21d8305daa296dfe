//! The prose of a file as words: comments, messages, and pages.
//!
//! Quotes are left out, since they may say anything: code between backticks, blocks of code, and the last column of the
//! glossary, which lists the words to avoid. A phrase may be wrapped, so the words of a paragraph are one row.

/// A word of prose, in lower case, without the punctuation around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// Whether punctuation follows it.
    pub(super) ends: bool,
}

/// Paragraphs of prose.
pub(super) type Prose = Vec<Vec<Word>>;

/// The header of the column of words to avoid.
const NOT: &str = "Not";
/// The fewest words of a string literal that is read as a message.
const MESSAGE: usize = 3;

/// A paragraph as it is collected.
#[derive(Default)]
struct Collector {
    found: Prose,
    words: Vec<Word>,
    /// Whether the text is within backticks, which may enclose a line end.
    quoted: bool,
}

impl Collector {
    fn end(&mut self) {
        if !self.words.is_empty() {
            self.found.push(std::mem::take(&mut self.words));
        }
        self.quoted = false;
    }

    fn line(&mut self, text: &str, line: usize) {
        for (place, piece) in text.split('`').enumerate() {
            if place > 0 {
                self.quoted = !self.quoted;
            }
            if self.quoted {
                // A quote is a word that no phrase contains.
                self.words.push(Word { text: "`".to_owned(), line, ends: false });
                continue;
            }
            for word in piece.split_whitespace() {
                let text = word.trim_matches(|c: char| !c.is_alphanumeric());
                if text.is_empty() {
                    if let Some(last) = self.words.last_mut() {
                        last.ends = true;
                    }
                    continue;
                }
                let ends = word.ends_with(['.', ',', ';', ':', ')', '?', '!', '"']);
                self.words.push(Word { text: text.to_lowercase(), line, ends });
            }
        }
    }
}

/// Returns the prose of a file, by its extension.
pub(super) fn read(path: &str, text: &str) -> Prose {
    match path.rsplit('.').next() {
        Some("rs") => rust(text, !path.contains("tests/")),
        Some("c" | "h" | "hpp" | "cpp") => c(text),
        Some("md") => page(text),
        _ => hashes(text, path.contains("daemon/rules/")),
    }
}

/// Reads comments after `#`. With `all`, every line is prose: names, descriptions and outputs of rules.
fn hashes(text: &str, all: bool) -> Prose {
    let mut prose = Collector::default();
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(comment) = text.trim_start().strip_prefix('#') {
            if comment.trim().is_empty() || comment.starts_with('!') {
                prose.end();
            } else {
                prose.line(comment, line);
            }
            continue;
        }
        prose.end();
        if all {
            prose.line(text, line);
        } else if let Some((_, comment)) = text.split_once(" # ") {
            prose.line(comment, line);
            prose.end();
        }
    }
    prose.end();
    prose.found
}

/// Reads a page of Markdown, without blocks of code.
fn page(text: &str) -> Prose {
    let (mut prose, mut code, mut glossary) = (Collector::default(), false, false);
    for (line, text) in (1..).zip(text.lines()) {
        let fence = text.trim_start().starts_with("```");
        code ^= fence;
        if fence || code || text.starts_with("    ") {
            prose.end();
            continue;
        }
        let row = text.starts_with('|');
        glossary = row && (glossary || text.trim_end_matches([' ', '|']).ends_with(NOT));
        if row || text.is_empty() || text.trim_start().starts_with(['-', '#', '*']) {
            prose.end();
        }
        if row {
            let cells: Vec<_> = text.trim_matches('|').split(" | ").collect();
            for cell in &cells[..cells.len() - usize::from(glossary)] {
                prose.line(cell, line);
                prose.end();
            }
        } else {
            prose.line(text, line);
        }
    }
    prose.end();
    prose.found
}

/// Reads the comments of C.
fn c(text: &str) -> Prose {
    let (mut prose, mut inside) = (Collector::default(), false);
    for (line, text) in (1..).zip(text.lines()) {
        let mut rest = text;
        while !rest.is_empty() {
            if inside {
                let (comment, behind) =
                    rest.split_once("*/").map_or((rest, None), |(comment, rest)| (comment, Some(rest)));
                let comment = comment.trim_start().trim_start_matches('*');
                if comment.trim().is_empty() {
                    prose.end();
                }
                prose.line(comment, line);
                inside = behind.is_none();
                if !inside {
                    prose.end();
                }
                rest = behind.unwrap_or_default();
            } else {
                let Some((_, comment)) = rest.split_once("/*") else { break };
                (inside, rest) = (true, comment);
            }
        }
    }
    prose.end();
    prose.found
}

/// Reads the comments of Rust, and with `messages` the string literals above the tests that are long enough.
fn rust(text: &str, messages: bool) -> Prose {
    let (mut prose, mut code) = (Collector::default(), false);
    let mut literals = Literals::default();
    for (line, text) in (1..).zip(text.lines()) {
        let Some(comment) = literals.comment(text, line) else {
            prose.end();
            continue;
        };
        let comment = comment.trim_start_matches(['/', '!']);
        let fence = comment.trim_start().starts_with("```");
        code ^= fence;
        if fence || code {
            prose.end();
            continue;
        }
        if comment.trim().is_empty() || comment.trim_start().starts_with(['-', '#', '*', '|']) {
            prose.end();
        }
        prose.line(comment, line);
    }
    prose.end();
    let first_test = text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX);
    if messages {
        for literal in literals.found {
            let mut words = literal.text.split_whitespace().filter(|word| word.contains(char::is_alphabetic));
            if literal.line <= first_test && words.nth(MESSAGE - 1).is_some() {
                prose.line(&without_values(&literal.text), literal.line);
                prose.end();
            }
        }
    }
    prose.found
}

/// Returns a message with its values, such as `{name}`, as quotes.
fn without_values(message: &str) -> String {
    let pieces = message.split('{').enumerate().map(|(place, piece)| match piece.split_once('}') {
        Some((_, text)) if place > 0 => format!("``{text}"),
        _ => piece.to_owned(),
    });
    pieces.collect()
}

/// A string literal.
#[derive(Default)]
struct Literal {
    text: String,
    line: usize,
}

/// Finds the string literals of Rust, line by line.
#[derive(Default)]
struct Literals {
    found: Vec<Literal>,
    /// The end of the literal that the line begins in, such as `"#`.
    open: Option<String>,
}

impl Literals {
    /// Reads a line; returns its comment.
    fn comment<'t>(&mut self, text: &'t str, line: usize) -> Option<&'t str> {
        let mut rest = text;
        loop {
            if let Some(end) = self.open.clone() {
                rest = self.literal(rest, &end)?;
                continue;
            }
            let at = rest.find(['"', '\'', '/', 'r'])?;
            let before = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let found = &rest[at..];
            rest = &found[1..];
            if found.starts_with("//") {
                return Some(found);
            } else if found.starts_with('"') {
                self.begin("\"".to_owned(), line);
            } else if found.starts_with('r') && !before {
                let hashes = found[1..].len() - found[1..].trim_start_matches('#').len();
                if let Some(inside) = found[1 + hashes..].strip_prefix('"') {
                    self.begin(format!("\"{}", "#".repeat(hashes)), line);
                    rest = inside;
                }
            } else if found.starts_with("'\\") {
                rest = found[3.min(found.len())..].split_once('\'').map_or("", |(_, rest)| rest);
            } else if let Some(c) = found[1..].chars().next().filter(|_| found.starts_with('\'')) {
                rest = found[1 + c.len_utf8()..].strip_prefix('\'').unwrap_or(rest);
            }
        }
    }

    fn begin(&mut self, end: String, line: usize) {
        self.open = Some(end);
        self.found.push(Literal { line, ..Literal::default() });
    }

    /// Reads the inside of a literal; returns what follows it, unless it goes on in the next line.
    fn literal<'t>(&mut self, text: &'t str, end: &str) -> Option<&'t str> {
        let literal = self.found.last_mut()?;
        let mut at = 0;
        while at < text.len() {
            if end == "\"" && text[at..].starts_with('\\') {
                // An escaped character; a line end is a space.
                at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
                literal.text.push(' ');
            } else if text[at..].starts_with(end) {
                self.open = None;
                return Some(&text[at + end.len()..]);
            } else {
                let c = text[at..].chars().next()?;
                literal.text.push(c);
                at += c.len_utf8();
            }
        }
        literal.text.push(' ');
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(path: &str, text: &str) -> Vec<String> {
        let join = |words: &Vec<Word>| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        read(path, text).iter().map(join).collect()
    }

    #[test]
    fn comments_and_messages_of_rust() {
        let text = "//! One\n//! row.\n//!\n//! ```\n//! code\n//! ```\nfn f<'a>() { // Behind `code`.\n    g('\"', \"a message of \\\n        words\", \"short\", r#\"raw \"text\" {fault} here\"#);\n}\n#[cfg(test)]\nmod tests { const X: &str = \"not a message here\"; }\n";
        assert_eq!(words("src/a.rs", text), ["one row", "behind `", "a message of words", "raw text ` here"]);
        assert_eq!(words("tests/a.rs", text).len(), 2);
    }

    #[test]
    fn comments_of_c_and_hashes() {
        assert_eq!(
            words("a.h", "int x; /* One */ int y; /* two\n * rows\n *\n * third */\n"),
            ["one", "two rows", "third"]
        );
        assert_eq!(words("a.sh", "#!/bin/sh\n# One\n# row\nset -e # behind\n"), ["one row", "behind"]);
        assert_eq!(words("daemon/rules/a.yaml", "- rule: A name\n# x\n"), ["rule a name x"]);
    }

    #[test]
    fn pages_without_code_and_without_the_words_to_avoid() {
        let page = "# Title\n\nA `quote`\nwraps.\n\n```\ncode\n```\n\n| Word | Not |\n|---|---|\n| report | tell |\n\n| A | B |\n|---|---|\n| c | d |\n";
        assert_eq!(words("a.md", page), ["title", "a ` wraps", "word", "report", "a", "b", "c", "d"]);
    }
}
