//! Falco-compatible conditions and rules: text in, alerts out.
//!
//! A *condition* is a boolean expression over an event's fields, a *rule* is a condition with an output and a priority,
//! an *alert* is the result of a rule that matches. Events may be system calls with their state (module
//! [`event::sinsp`], behind the default feature `sinsp`), JSON ([`event::json`]), Kubernetes audit records, or a type
//! of your own with the two small traits of [`event`]. The simplest use is a filter:
//!
//! ```
//! use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
//! use peregrine_rule_engine::filter::Filter;
//!
//! let condition = "json.value[/user] = root and not json.value[/from] startswith 10.";
//! let mut filter = Filter::compile(condition, JsonSchema::new("login"))?;
//!
//! let outside = JsonDocument::parse(br#"{"user": "root", "from": "192.0.2.1"}"#)?;
//! assert!(filter.matches(&outside));
//! let inside = JsonDocument::parse(br#"{"user": "root", "from": "10.0.0.7"}"#)?;
//! assert!(!filter.matches(&inside));
//!
//! // An error says where it is, in Falco's words.
//! let error = Filter::compile("json.value[/user] == ", JsonSchema::new("login")).unwrap_err();
//! assert!(error.to_string().contains("expected"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Rule files, alerts and changes of rules between events are in [`engine`]; rules that a kernel can decide itself become
//! tables by [`deny`]; rules may request a [`response`]; [`plan`] finds the calls whose events no rule can want.
//!
//! # Stages
//!
//! Each is a folder, and its result can be printed ([`explain`]):
//!
//! ```text
//! YAML -> source -> syntax -> resolve -> lower -> ir -> vm -> ruleset -> output
//!         items     trees     meant      typed       program   index      alerts
//! ```
//!
//! | stage | what it does |
//! |---|---|
//! | `source` | YAML to rules, macros and lists, each with its place in the file |
//! | [`syntax`] | the text of a condition to a tree, and back |
//! | `resolve` | applies overrides and exceptions, and expands macros and lists; every error becomes a [`diag`] |
//! | `lower` | trees to typed atoms (`ir`), shared by all rules |
//! | `vm` | verified bytecode, and the tree walker that defines its meaning |
//! | [`ruleset`] | the index: which rules may match an event at all |
//! | [`output`] | the text or JSON of an alert |
//!
//! All of them use `text` (files, conditions and places in them) and [`diag`]. [`load`] runs them over files;
//! [`testing`] runs tests of rules that are written as YAML.
#![forbid(unsafe_code)]

// The code that pest generates for a test names it.
#[cfg(test)]
extern crate alloc;

/// Methods that set a field of a value and return it.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        }
    )*};
}

pub mod correlation;
pub mod deny;
pub mod diag;
pub mod engine;
pub mod event;
pub mod explain;
pub mod filter;
mod ir;
pub mod load;
#[doc(hidden)]
pub mod lower;
pub mod operator;
pub mod output;
#[cfg(feature = "sinsp")]
pub mod plan;
#[doc(hidden)]
pub mod resolve;
pub mod response;
pub mod ruleset;
#[doc(hidden)]
pub mod source;
pub mod syntax;
pub mod testing;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod vm;
