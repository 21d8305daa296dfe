//! Expected alerts, raised alerts, and their differences.

use serde_json::{Map, Value as Json};

use crate::diag::Spot;
use crate::engine::Alert;
use crate::output::{Priority, json};
use crate::source::item::Written;

/// An alert that a test expects: the rule, and other properties.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) rule: Written,
    pub(super) priority: Option<Priority>,
    /// The number of the event, from 1.
    pub(super) event: Option<u64>,
    /// A part of the message.
    pub(super) message: Option<String>,
    pub(super) fields: Vec<(Written, Wanted)>,
    pub(super) tags: Vec<String>,
}

/// The expected value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    Text(String),
    List(Vec<String>),
}

/// An alert that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Raised {
    /// The name of the rule.
    pub rule: String,
    /// Its priority.
    pub priority: Priority,
    /// The number of the event, from 1.
    pub event: u64,
    /// The output without time and priority.
    pub message: String,
    /// The output fields.
    pub fields: Map<String, Json>,
    /// The tags.
    pub tags: Vec<String>,
}

/// A difference from the expected alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// An alert is missing.
    Missing {
        /// The rule.
        rule: String,
        /// Its place in the test.
        spot: Spot,
    },
    /// An unexpected alert was raised.
    Unexpected(Raised),
    /// An alert differs from the expected one.
    Otherwise {
        /// The alert.
        raised: Raised,
        /// The differences, each a short sentence.
        how: Vec<String>,
        /// Its place in the test.
        spot: Spot,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { rule, .. } => write!(f, "no alert of `{rule}`"),
            Self::Unexpected(raised) => {
                write!(f, "unexpected at event {}: `{}`: {}", raised.event, raised.rule, raised.message)
            }
            Self::Otherwise { raised, how, .. } => {
                write!(f, "`{}` at event {}: {}", raised.rule, raised.event, how.join("; "))
            }
        }
    }
}

impl Raised {
    pub(super) fn of(event: u64, alert: &Alert<'_>) -> Self {
        let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let fields = alert.fields().map(|(name, value)| {
            let mut text = Vec::new();
            json::value(value, &mut text);
            (name.to_owned(), serde_json::from_slice(&text).unwrap_or_default())
        });
        Self {
            rule: alert.rule().to_owned(),
            priority: alert.priority(),
            event,
            message: lossy(alert.message()),
            fields: fields.collect(),
            tags: alert.tags().to_vec(),
        }
    }
}

/// Returns whether a text is the written form of a value: a string without its quotes, anything else as JSON.
fn same(text: &str, value: &Json) -> bool {
    match value {
        Json::String(value) => value == text,
        Json::Null => false,
        other => *text == *other.to_string(),
    }
}

impl Wanted {
    fn is(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Nothing, value) => value.is_null(),
            (Self::Text(text), have) => same(text, have),
            (Self::List(items), Json::Array(have)) => {
                items.len() == have.len() && items.iter().zip(have).all(|(item, have)| same(item, have))
            }
            (Self::List(_), _) => false,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Nothing => "without a value".to_owned(),
            Self::Text(text) => format!("`{text}`"),
            Self::List(items) => format!("`[{}]`", items.join(", ")),
        }
    }
}

impl Expected {
    /// Returns the differences of an alert of this rule.
    fn how(&self, raised: &Raised) -> Vec<String> {
        let mut how = Vec::new();
        if let Some(event) = self.event.filter(|event| *event != raised.event) {
            how.push(format!("the event is {}, not {event}", raised.event));
        }
        if let Some(priority) = self.priority.filter(|priority| *priority != raised.priority) {
            how.push(format!("the priority is {}, not {priority}", raised.priority));
        }
        if let Some(part) = self.message.as_deref().filter(|part| !raised.message.contains(*part)) {
            how.push(format!("the output is `{}`, without `{part}`", raised.message));
        }
        for (name, wanted) in &self.fields {
            let have = raised.fields.get(&name.text).unwrap_or(&Json::Null);
            if !wanted.is(have) {
                let have = match have {
                    Json::Null => "has no value".to_owned(),
                    Json::String(text) => format!("is `{text}`"),
                    other => format!("is `{other}`"),
                };
                how.push(format!("{} {have}, not {}", name.text, wanted.shown()));
            }
        }
        for tag in self.tags.iter().filter(|tag| !raised.tags.contains(tag)) {
            how.push(format!("the tag `{tag}` is missing among {}", raised.tags.join(", ")));
        }
        how
    }

    fn is(&self, raised: &Raised) -> bool {
        self.rule.text == raised.rule && self.how(raised).is_empty()
    }
}

/// The most pairs of alerts for which the best assignment is computed; more are compared in order.
const MOST_PAIRS: usize = 4_000_000;

/// Returns the differences, in the order of the events as far as there is one.
pub(super) fn compare(expected: &[Expected], raised: &[Raised]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut missing, mut unexpected) = unmatched(expected, raised);
    // A differing alert of the same rule is more informative than one missing and one unexpected.
    missing.retain(|&want| {
        let want = &expected[want];
        let Some(at) = unexpected.iter().position(|&have| raised[have].rule == want.rule.text) else {
            differences.push(Difference::Missing { rule: want.rule.text.clone(), spot: want.rule.spot });
            return false;
        };
        let raised = raised[unexpected.remove(at)].clone();
        let mut how = want.how(&raised);
        if how.is_empty() {
            how.push("it is as expected, but out of order".to_owned());
        }
        differences.push(Difference::Otherwise { how, raised, spot: want.rule.spot });
        true
    });
    differences.extend(unexpected.into_iter().map(|have| Difference::Unexpected(raised[have].clone())));
    differences
}

/// Returns the places of those in both lists that have no partner, if as many as possible have one and none crosses
/// another.
fn unmatched(expected: &[Expected], raised: &[Raised]) -> (Vec<usize>, Vec<usize>) {
    let head = expected.iter().zip(raised).take_while(|(want, have)| want.is(have)).count();
    let (wants, haves) = (&expected[head..], &raised[head..]);
    if wants.is_empty() || haves.is_empty() || wants.len().saturating_mul(haves.len()) > MOST_PAIRS {
        return ((head..expected.len()).collect(), (head..raised.len()).collect());
    }
    // The longest common subsequence, from the end.
    let width = haves.len() + 1;
    let mut best = vec![0u32; (wants.len() + 1) * width];
    for (i, want) in wants.iter().enumerate().rev() {
        for (j, have) in haves.iter().enumerate().rev() {
            best[i * width + j] = if want.is(have) {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < wants.len() || j < haves.len() {
        if i < wants.len() && j < haves.len() && wants[i].is(&haves[j]) {
            (i, j) = (i + 1, j + 1);
        } else if j == haves.len() || i < wants.len() && best[(i + 1) * width + j] >= best[i * width + j + 1] {
            missing.push(head + i);
            i += 1;
        } else {
            unexpected.push(head + j);
            j += 1;
        }
    }
    (missing, unexpected)
}
