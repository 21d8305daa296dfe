//! The enabled rules: by name, by pattern, by tag; one selection after the other.

use super::rule::Rule;
use crate::output::Priority;

/// The criterion of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// The name is this; an empty one is every name.
    Name(String),
    /// The name holds this; an empty one is every name.
    Substring(String),
    /// The name matches this, where `*` is any run of characters.
    Pattern(String),
    /// The rule has one of these tags.
    Tags(Vec<String>),
    /// The rule is less severe than this.
    Below(Priority),
}

/// One switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The selected rules.
    pub rules: Selector,
    /// Whether they are enabled.
    pub enable: bool,
}

impl Selector {
    /// Returns whether a rule is selected.
    pub fn selects(&self, rule: &Rule) -> bool {
        match self {
            Self::Name(name) => name.is_empty() || rule.name() == name,
            Self::Substring(part) => rule.name().contains(part.as_str()),
            Self::Pattern(pattern) => pattern.is_empty() || wildcard(pattern, rule.name()),
            Self::Below(priority) => rule.output.priority > *priority,
            Self::Tags(tags) => tags.iter().any(|tag| rule.output.tags.contains(tag)),
        }
    }
}

/// Returns whether `text` matches a pattern in which `*` is any run of characters and nothing else is special.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn stars() {
        for (pattern, text, expect) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*", "anything", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*b*", "abc", true),
            ("a*a", "a", false),
            ("a?c", "abc", false),
            ("a**c", "abc", true),
        ] {
            assert_eq!(wildcard(pattern, text), expect, "{pattern} {text}");
        }
    }
}
