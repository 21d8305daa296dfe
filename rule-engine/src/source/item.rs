//! The items of rule files, as written: nothing is looked up, joined or compiled.

use crate::diag::{Context, Diagnostic, FileId, Place, Spot};
use crate::response::Response;

use super::correlation::{Change, Correlation};
use super::yaml::Style;
use crate::text::Mark;

/// A text with its place in a file.
#[derive(Debug, Clone)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Its place; quotes and block indicators are outside.
    pub spot: Spot,
    /// Its style.
    pub style: Style,
}

impl Written {
    /// Returns the file.
    pub fn file(&self) -> FileId {
        self.spot.file
    }
}

/// The steps, in the order of the file.
#[derive(Debug, Clone)]
pub enum Step {
    /// A diagnostic.
    Tell(Diagnostic),
    /// `required_engine_version`.
    EngineVersion(Version, Context),
    /// One entry of `required_plugin_versions`: one of these is needed.
    Plugins(Vec<PluginVersion>, Context),
    /// A list.
    List(List),
    /// A macro.
    Macro(Macro),
    /// A full rule.
    Rule(Box<Rule>),
    /// `append: true` or keys under `override: … append`.
    Append(Box<Update>),
    /// Keys under `override: … replace`.
    Replace(Box<Update>),
    /// A correlation.
    Correlation(Box<Correlation>),
    /// Keys under `override` of a correlation.
    ChangeCorrelation(Box<Change>),
    /// The old way to enable or disable a rule: `rule` and `enabled`, nothing else.
    Enable(String, bool, Context),
    /// An error in an item; the rest of the item was not read.
    Fault(Diagnostic),
}

/// Major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Parses `1.2.3`; text behind it is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut number = |dot: bool| -> Option<u32> {
            if dot {
                rest = rest.strip_prefix('.')?;
            }
            rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
            let (sign, digits) = match rest.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, rest.strip_prefix('+').unwrap_or(rest)),
            };
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let value = digits[..end]
                .bytes()
                .try_fold(0u64, |all, digit| Some(all.saturating_mul(10).saturating_add(u64::from(digit - b'0'))));
            rest = &digits[end..];
            if end == 0 {
                return None;
            }
            // The reference reads with C's rules: a minus wraps, the upper half is cut off.
            value.map(|v| if sign { (v as u32).wrapping_neg() } else { v as u32 })
        };
        Some(Self(number(false)?, number(true)?, number(true)?))
    }

    /// Returns whether this version satisfies a requirement of `required`.
    pub fn satisfies(self, required: Self) -> bool {
        self.0 == required.0 && self >= required
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A plugin and the least version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// Its name.
    pub name: String,
    /// The version, as written.
    pub version: String,
}

/// A list.
#[derive(Debug, Clone)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Its items.
    pub items: Vec<Written>,
    /// Whether they are added to those of an earlier list.
    pub append: bool,
    /// Its place.
    pub context: Context,
}

/// A macro.
#[derive(Debug, Clone)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Its condition.
    pub condition: Written,
    /// Whether that is added to an earlier macro.
    pub append: bool,
    /// Its place.
    pub context: Context,
    /// The place of its condition.
    pub condition_mark: Mark,
}

/// A full rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its condition.
    pub condition: Written,
    /// Its output.
    pub output: Written,
    /// Its description.
    pub desc: String,
    /// Its severity, from 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// The source of its events.
    pub source: Written,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it raises no alert itself: it is only used by correlations.
    pub building_block: bool,
    /// Whether a match starts a recording.
    pub capture: bool,
    /// The length of the recording in milliseconds; 0 uses the configured default.
    pub capture_duration: u32,
    /// Whether a condition without a restriction of event types gets a warning.
    pub warn_event_types: bool,
    /// Whether the rule is left out where a field or an event type is unknown.
    pub skip_if_unknown_filter: bool,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Its exceptions.
    pub exceptions: Vec<Exception>,
    /// The responses that it requests.
    pub responses: Vec<Asked>,
    /// Its place.
    pub context: Context,
    /// The place of its condition.
    pub condition_mark: Mark,
    /// The place of its output.
    pub output_mark: Mark,
}

impl Rule {
    /// Returns the place of its condition, as Falco reports it.
    pub fn condition_context(&self) -> Context {
        self.context.within(Place::RuleCondition, "", self.condition_mark)
    }

    /// Returns the place of its output, as Falco reports it.
    pub fn output_context(&self) -> Context {
        self.context.within(Place::RuleOutput, "", self.output_mark)
    }
}

/// A change to an earlier rule.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of a rule")]
pub struct Update {
    pub name: String,
    pub source: String,
    pub condition: Option<Written>,
    pub output: Option<Written>,
    pub desc: Option<String>,
    pub tags: Option<Vec<String>>,
    pub exceptions: Option<Vec<Exception>>,
    pub responses: Option<Vec<Asked>>,
    pub priority: Option<u8>,
    pub building_block: Option<bool>,
    pub capture: Option<bool>,
    pub capture_duration: Option<u32>,
    pub enabled: Option<bool>,
    pub warn_event_types: Option<bool>,
    pub skip_if_unknown_filter: Option<bool>,
    pub context: Context,
}

/// A response that a rule or a correlation requests.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The response.
    pub response: Response,
    /// Its place; for a program, that of its name.
    pub spot: Spot,
    /// The same, as Falco reports places.
    pub context: Context,
}

/// A scalar or a sequence in an exception.
#[derive(Debug, Clone)]
pub enum Entry {
    /// Nothing, or a map: neither of the two.
    Empty,
    /// A text.
    One(Written),
    /// Several elements.
    Many(Vec<Self>),
}

impl Entry {
    /// Returns its text, which is empty for all but a scalar.
    pub fn text(&self) -> &str {
        match self {
            Self::One(written) => &written.text,
            _ => "",
        }
    }

    /// Returns its elements; none except for a sequence.
    pub fn many(&self) -> &[Self] {
        match self {
            Self::Many(entries) => entries,
            _ => &[],
        }
    }

    /// Returns whether it has any text.
    pub fn is_some(&self) -> bool {
        match self {
            Self::Empty => false,
            Self::One(written) => !written.text.is_empty(),
            Self::Many(entries) => !entries.is_empty(),
        }
    }
}

/// An exception of a rule.
#[derive(Debug, Clone)]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Entry,
    /// Its comparisons.
    pub comps: Entry,
    /// Its values.
    pub values: Vec<Entry>,
    /// Its place.
    pub context: Context,
    /// The words of its name in the file.
    pub spot: Option<Spot>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(Version::parse("0.26.1"), Some(Version(0, 26, 1)));
        assert_eq!(Version::parse("0.26.1-rc1+x"), Some(Version(0, 26, 1)));
        assert_eq!(Version::parse("1.2.3.4"), Some(Version(1, 2, 3)));
        for text in ["seven", "0.26", "v0.26.0", "", "0..1", "-3"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        assert!(Version(0, 63, 0).satisfies(Version(0, 26, 0)));
        assert!(!Version(0, 63, 0).satisfies(Version(0, 64, 0)));
        assert!(!Version(1, 0, 0).satisfies(Version(0, 63, 0)));
    }
}
