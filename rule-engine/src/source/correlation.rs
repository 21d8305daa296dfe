//! Correlations as written.

use crate::diag::Context;

use super::item::{Asked, Exception, Written};

/// The types of correlations, as rule files name them.
pub const TYPES: [&str; 4] = ["event_count", "value_count", "temporal", "temporal_ordered"];

/// The form of a member.
#[derive(Debug, Clone)]
pub enum Looks {
    /// For a rule or a correlation of this name.
    For(Written),
    /// For events that a condition matches.
    Condition(Written),
}

/// One of `rules`, or `until`.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its rule or condition.
    pub looks: Looks,
    /// Its name in outputs.
    pub name: Option<Written>,
    /// The source of its events, if it differs from that of the correlation.
    pub source: Option<Written>,
    /// Its key, if it differs from that of the correlation.
    pub group_by: Option<Vec<Written>>,
    /// Whether it must not happen.
    pub missing: bool,
    /// Its place.
    pub context: Context,
}

/// An alias of a field with different names in the members.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name.
    pub name: Written,
    /// For each member, by its rule or its name, the field.
    pub fields: Vec<(Written, Written)>,
}

impl Alias {
    /// Adds the fields of more members, or replaces them.
    fn extend(&mut self, fields: Vec<(Written, Written)>) {
        self.fields.retain(|(member, _)| fields.iter().all(|(new, _)| new.text != member.text));
        self.fields.extend(fields);
    }
}

/// The keys of a correlation, as far as they are given.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "named as the keys")]
pub struct Parts {
    pub kind: Option<Written>,
    pub rules: Option<Vec<Member>>,
    pub until: Option<Member>,
    pub group_by: Option<Vec<Written>>,
    pub timespan: Option<Written>,
    pub condition: Option<Vec<(Written, Written)>>,
    pub field: Option<Written>,
    pub aliases: Option<Vec<Alias>>,
    pub output: Option<Written>,
    pub desc: Option<String>,
    pub priority: Option<u8>,
    pub source: Option<Written>,
    pub tags: Option<Vec<String>>,
    pub enabled: Option<bool>,
    pub building_block: Option<bool>,
    pub exceptions: Option<Vec<Exception>>,
    pub responses: Option<Vec<Asked>>,
}

impl Parts {
    /// Replaces the parts that `new` has.
    pub fn replace(&mut self, new: Self) {
        macro_rules! each {
            ($($part:ident)*) => { $(if new.$part.is_some() { self.$part = new.$part; })* };
        }
        each!(kind rules until group_by timespan condition field aliases output desc priority source tags enabled
            building_block exceptions responses);
    }

    /// Adds the parts that `new` has.
    pub fn append(&mut self, new: Self) {
        fn list<T>(old: &mut Option<Vec<T>>, new: Option<Vec<T>>) {
            if let Some(new) = new {
                old.get_or_insert_default().extend(new);
            }
        }
        list(&mut self.rules, new.rules);
        list(&mut self.group_by, new.group_by);
        list(&mut self.tags, new.tags);
        list(&mut self.responses, new.responses);
        for alias in new.aliases.unwrap_or_default() {
            let known = self.aliases.get_or_insert_default();
            match known.iter_mut().find(|known| known.name.text == alias.name.text) {
                Some(known) => known.extend(alias.fields),
                None => known.push(alias),
            }
        }
        if let Some(tags) = &mut self.tags {
            tags.sort_unstable();
            tags.dedup();
        }
        for exception in new.exceptions.unwrap_or_default() {
            let known = self.exceptions.get_or_insert_default();
            match known.iter_mut().find(|known| known.name == exception.name) {
                Some(known) => known.values.extend(exception.values),
                None => known.push(exception),
            }
        }
        for (old, new) in [(&mut self.output, new.output)] {
            match (old, new) {
                (Some(old), Some(new)) => {
                    old.text.push(' ');
                    old.text.push_str(&new.text);
                }
                (old, new) => *old = new.or(old.take()),
            }
        }
        if let Some(desc) = new.desc {
            let old = self.desc.get_or_insert_default();
            old.push(' ');
            old.push_str(&desc);
        }
    }
}

/// A correlation, or changes to an earlier one.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// Its name.
    pub name: Written,
    /// Its keys.
    pub parts: Parts,
    /// Its place.
    pub context: Context,
}

/// Changes to an earlier correlation.
#[derive(Debug, Clone)]
pub struct Change {
    /// The addition.
    pub append: Option<Parts>,
    /// The replacements.
    pub replace: Option<Parts>,
    /// The name of the correlation.
    pub name: Written,
    /// The place of the change.
    pub context: Context,
}
