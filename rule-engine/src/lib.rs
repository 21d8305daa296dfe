//! Falco-compatible conditions and rules: text in, alerts out.
//!
//! A *condition* asks an event's fields, a *rule* is a condition with an output and a priority, an *alert* is what a rule
//! says of an event. Events may be system calls with their state (module [`event::sinsp`], behind the default feature
//! `sinsp`), JSON ([`event::json`]), Kubernetes audit records, or a type of your own with the two small traits of
//! [`event`]. The least that one can do is to filter:
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
//! Rule files, alerts and the change of rules while events flow are in [`engine`].
//!
//! # Stages
//!
//! Each is a folder, and what it makes can be printed ([`explain`]):
//!
//! ```text
//! YAML -> source -> syntax -> resolve -> lower -> ir -> vm -> ruleset -> output
//!         items     trees     meant      typed       program   index      alerts
//! ```
//!
//! | stage | what it does |
//! |---|---|
//! | [`source`] | YAML to rules, macros and lists, each with its place in the file |
//! | [`syntax`] | the text of a condition to a tree, and back |
//! | [`resolve`] | overrides, exceptions, macros and lists put in their places; every fault becomes a [`diag`] |
//! | [`lower`] | trees to typed atoms (`ir`), shared by all rules |
//! | [`vm`] | verified bytecode, and the tree walker that says what it must mean |
//! | [`ruleset`] | which rules may match an event at all: the index |
//! | [`output`] | the text or JSON of an alert |
//!
//! Under all of them stand [`text`] (files, conditions and places in them) and [`diag`]. [`load`] runs them over files; [`testing`] runs tests of rules that are written as YAML.
#![forbid(unsafe_code)]

// What pest generates names it.
extern crate alloc;

pub mod correlation;
pub mod diag;
pub mod engine;
pub mod event;
pub mod explain;
pub mod filter;
mod ir;
pub mod load;
pub mod lower;
pub mod operator;
pub mod output;
pub mod resolve;
pub mod ruleset;
pub mod source;
pub mod syntax;
pub mod testing;
pub mod text;
pub mod vm;
