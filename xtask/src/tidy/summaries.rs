//! The summary of documentation is a sentence: a noun, or a verb in the third person. It does not begin with a relative
//! clause, such as "What the caller may choose".

/// Words that begin such a clause.
const CLAUSES: &[&str] = &["How", "What", "Where", "Which", "Who", "Whom", "Why"];

/// Returns the summaries of a Rust file that begin with a clause, one sentence each. Questions are headings.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let mut before = "";
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim_start)) {
        let kind = ["///", "//!"].into_iter().find(|kind| text.starts_with(kind)).unwrap_or_default();
        let summary = text[kind.len()..].trim();
        let first = summary.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        if !kind.is_empty() && kind != before && CLAUSES.contains(&first) && !summary.ends_with('?') {
            found.push(format!(
                "{path}:{line}: a summary begins with a noun or a verb in the third person, not with \"{first}\""
            ));
        }
        before = kind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_no_clause() {
        let text = "//! What is shared.\n//! How it is used.\n\n/// Returns it.\n///\n/// What it costs.\nfn f() {}\n\n    /// Where.\n";
        let found = check("a.rs", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("a.rs:1: ") && found[1].starts_with("a.rs:9: "), "{found:?}");
    }

    #[test]
    fn other_comments_are_free() {
        let text = "// What follows is a key.\n/// Whatever it is.\nfn f() {}\n/// What does it cost?\nfn g() {}\n";
        assert_eq!(check("a.rs", text), Vec::<String>::new());
    }
}
