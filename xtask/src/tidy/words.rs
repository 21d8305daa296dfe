//! Words that comments, messages, pages and default rules do not use, and the words of the field to use instead.
//!
//! One word for one thing: people search for it, and paste messages into search engines. The glossary is in
//! CONTRIBUTING.md.

use super::prose::{self, Word};

/// A phrase to avoid.
struct Avoid {
    phrase: &'static str,
    instead: &'static str,
    /// Words before the phrase that make it a term of the field.
    after: &'static [&'static str],
    /// Words behind the phrase that make it a term of the field.
    before: &'static [&'static str],
    /// Whether it is only avoided where punctuation follows.
    at_end: bool,
}

const fn avoid(phrase: &'static str, instead: &'static str) -> Avoid {
    Avoid { phrase, instead, after: &[], before: &[], at_end: false }
}

/// The phrases to avoid.
const AVOID: &[Avoid] = &[
    avoid("anew", "again, or a verb with re-"),
    avoid("ask", "query, request, look up"),
    avoid("asked", "query, request, look up"),
    avoid("asking", "query, request, look up"),
    avoid("asks", "query, request, look up"),
    avoid("at work", "active"),
    Avoid { before: &["line", "lines"], ..avoid("blank", "space") },
    avoid("blanks", "spaces"),
    Avoid { after: &["file"], ..avoid("descriptor", "file descriptor") },
    Avoid { after: &["file"], ..avoid("descriptors", "file descriptors") },
    Avoid { after: FAULTS, ..avoid("fault", "error") },
    Avoid { after: FAULTS, ..avoid("faults", "errors") },
    avoid("grave", "severe"),
    avoid("graver", "more severe"),
    avoid("gravest", "most severe"),
    avoid("heed", "use, follow"),
    avoid("heeded", "used, followed"),
    avoid("heeds", "uses, follows"),
    Avoid { after: &["there"], before: REMAINS, ..avoid("are no", "are not") },
    Avoid { after: &["there"], before: REMAINS, ..avoid("is no", "is not a") },
    avoid("it takes the", "it requires the"),
    avoid("kin", "similar"),
    avoid("lend", "borrow, return"),
    avoid("lends", "borrows, returns"),
    avoid("lent", "borrowed"),
    Avoid { at_end: true, ..avoid("of its own", "separate, own") },
    Avoid { at_end: true, ..avoid("of their own", "separate, own") },
    avoid("so many", "a number, at most"),
    avoid("stand", "be, appear"),
    avoid("standing", "being, appearing"),
    avoid("stands", "is, appears, means"),
    avoid("stood", "was, appeared"),
    avoid("tell", "report, log, distinguish"),
    avoid("telling", "reporting, logging"),
    avoid("tells", "reports, logs, distinguishes"),
    Avoid { before: &["info"], ..avoid("the machine", "the host; the bytecode machine") },
    avoid("told", "reported, logged"),
    avoid("whoever", "any process that, a caller that"),
    avoid("whomever", "any process"),
];
/// Page faults of the kernel, by kind.
const FAULTS: &[&str] = &["major", "minor", "page"];
/// Words that make `is no` a verb with an adverb.
const REMAINS: &[&str] = &["longer", "more"];
/// Lines that quote such a phrase: messages of Falco, and the table above.
const QUOTES: &[&str] = &["expected blank or '(' after", "avoid(\""];

/// Returns the phrases to avoid in a file, one sentence each.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let quoted = |line: usize| {
        let line = text.lines().nth(line - 1).unwrap_or_default();
        QUOTES.iter().any(|message| line.contains(message))
    };
    let mut found = Vec::new();
    for words in prose::read(path, text) {
        for at in 0..words.len() {
            let line = words[at].line;
            let avoids = AVOID.iter().filter(|avoid| avoid.is_at(&words, at));
            found.extend(avoids.filter(|_| !quoted(line)).map(|avoid| {
                format!("{path}:{line}: \"{}\": write {} (see Words in CONTRIBUTING.md)", avoid.phrase, avoid.instead)
            }));
        }
    }
    found
}

impl Avoid {
    fn is_at(&self, words: &[Word], at: usize) -> bool {
        let len = self.phrase.split(' ').count();
        let Some(here) = words.get(at..at + len) else { return false };
        let same = self.phrase.split(' ').zip(here).all(|(part, word)| part == word.text);
        let whole = here[..len - 1].iter().all(|word| !word.ends);
        same && whole
            && !(at > 0 && self.after.contains(&words[at - 1].text.as_str()))
            && !words.get(at + len).is_some_and(|next| self.before.contains(&next.text.as_str()))
            && (!self.at_end || here[len - 1].ends || at + len == words.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_across_lines_with_its_place() {
        let found = check("src/a.rs", "/// Opens outputs.\n///\n/// The reload is at\n/// work.\nfn f() {}\n");
        assert_eq!(found, ["src/a.rs:3: \"at work\": write active (see Words in CONTRIBUTING.md)"]);
    }

    #[test]
    fn terms_of_the_field_are_allowed() {
        for text in [
            "page faults",
            "a file descriptor",
            "there is no event",
            "it is no longer there",
            "a blank line",
            "its own thread, of its own thread",
            "a stand-in",
            "the machine info",
            "`tell` in a quote",
            "what it is: no such name",
        ] {
            assert_eq!(check("a.md", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn every_phrase_is_found() {
        for avoid in AVOID {
            let found = check("a.md", &format!("First {}.", avoid.phrase));
            assert_eq!(found.len(), 1, "{}: {found:?}", avoid.phrase);
        }
        assert_eq!(check("a.h", "/* What is no address. */").len(), 1);
        assert_eq!(check("src/a.rs", "fn f() { log(\"nobody was told it\") }").len(), 1);
        assert_eq!(check("daemon/rules/a.yaml", "- rule: Cloud credentials asked for").len(), 1);
    }

    #[test]
    fn messages_of_falco_are_quotes() {
        assert!(check("src/a.rs", "fn f() { \"expected blank or '(' after 'or'\" }").is_empty());
    }
}
