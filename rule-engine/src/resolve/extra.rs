//! Additions of the caller to the outputs of rules.

use crate::source::item::Rule;

/// Text that is added to the outputs of rules.
#[derive(Debug, Clone, Default)]
pub struct ExtraOutput {
    /// Only to rules of this source.
    pub source: Option<String>,
    /// Only to rules with all of these tags.
    pub tags: Vec<String>,
    /// Only to this rule.
    pub rule: Option<String>,
    /// The text.
    pub format: Option<String>,
    /// Further output fields: name, and a field or a text with fields.
    pub fields: Vec<ExtraField>,
}

/// One further output field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraField {
    /// Its name in the alert.
    pub name: String,
    /// The text of its value.
    pub format: String,
    /// Whether the value keeps its type.
    pub raw: bool,
}

impl ExtraOutput {
    pub(super) fn applies(&self, rule: &Rule) -> bool {
        let source = self.source.as_ref().is_none_or(|source| source.is_empty() || *source == rule.source.text);
        let name = self.rule.as_ref().is_none_or(|name| name.is_empty() || *name == rule.name);
        source && name && self.tags.iter().all(|tag| rule.tags.contains(tag))
    }
}
