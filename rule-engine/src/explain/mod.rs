//! Explains why a rule matches or not: every part of its condition with its result for one event and the value that it
//! used.
//!
//! ```
//! use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
//! use peregrine_rule_engine::explain::Explainer;
//! use peregrine_rule_engine::syntax::parse;
//!
//! let mut explainer = Explainer::new(JsonSchema::new("login"));
//! let tree = parse("json.value[/user] = root and not json.value[/from] startswith 10.")?;
//! let rule = explainer.add(&tree)?;
//! let document = JsonDocument::parse(br#"{"user": "root", "from": "10.1.2.3"}"#)?;
//! let why = explainer.explain(rule, &document)?;
//! assert!(!why.holds);
//! assert_eq!(why.reasons().next().unwrap().to_string(), "json.value[/from] startswith 10. is true (10.1.2.3)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Conditions are evaluated as they are written, by the same tree walker that the bytecode machine is tested against;
//! all parts are evaluated, also those that the bytecode machine would skip.

mod layout;

use bumpalo::Bump;
use serde_json::{Value as Json, json};

pub use layout::{condition_lines, tree_lines};

use crate::event::{Event, EventSchema, Schema, Value};
use crate::ir::expr::ExprId;
use crate::ir::node::{Node, NodeId, Pool};
use crate::lower::{self, CompileError, KeySet, Known};
use crate::syntax::ast::{Expr, Operand};
use crate::syntax::print::canonical_text;
use crate::text::shown;
use crate::vm::compare::Regexes;
use crate::vm::{eval, naive};

/// The limit of a shown value, in characters.
const LONGEST: usize = 160;

/// Conditions that can be explained, with the schema that they were compiled with.
#[derive(Debug)]
pub struct Explainer<S> {
    schema: S,
    parts: Parts,
}

/// The conditions in parts.
#[derive(Debug, Default)]
struct Parts {
    pool: Pool,
    regexes: Regexes,
    conditions: Vec<Explained>,
}

/// A condition in parts.
#[derive(Debug)]
struct Explained {
    keys: KeySet,
    root: Part,
}

#[derive(Debug)]
struct Part {
    text: String,
    kind: Kind,
    /// For a check: its atom, and the left side.
    node: NodeId,
    value: Option<ExprId>,
    parts: Vec<Self>,
}

/// The kind of a condition's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// All parts must be true.
    And,
    /// Any part must be true.
    Or,
    /// Its only part must be false.
    Not,
    /// A check of a field.
    Check,
}

/// A part of a condition, evaluated for one event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Why {
    /// The part, as Falco prints it.
    pub text: String,
    /// Its kind.
    pub kind: Kind,
    /// The result.
    pub holds: bool,
    /// The value on the left of a check; `None` if there is none.
    pub value: Option<String>,
    /// Its parts.
    pub parts: Vec<Self>,
}

impl<S: EventSchema> Explainer<S> {
    /// Creates one without conditions, for events of a schema.
    pub fn new(schema: S) -> Self {
        Self { schema, parts: Parts::default() }
    }

    /// Adds a condition, lists and macros replaced, and returns its number.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn add(&mut self, tree: &Expr) -> Result<usize, CompileError> {
        self.parts.add(tree, &mut self.schema)
    }

    /// Returns whether a condition is evaluated for events of this type at all.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn may_match<'a>(&'a self, condition: usize, input: S::Input<'a>) -> Result<bool, S::Error> {
        Ok(self.parts.conditions[condition].keys.contains(self.schema.event(input)?.key()))
    }

    /// Evaluates all parts of a condition for an event, whatever its type is.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn explain<'a>(&'a self, condition: usize, input: S::Input<'a>) -> Result<Why, S::Error> {
        let event = self.schema.event(input)?;
        Ok(self.parts.why(&self.parts.conditions[condition].root, &event, &Bump::new()))
    }
}

impl Parts {
    fn add(&mut self, tree: &Expr, schema: &mut dyn Schema) -> Result<usize, CompileError> {
        let known = self.pool.atoms().len();
        let condition = lower::compile(&mut self.pool, schema, tree, &mut Known::default())?;
        let root = self.part(tree, schema)?;
        let mut keys = condition.keys().clone();
        schema.common_keys().into_iter().for_each(|key| keys.insert(key));
        self.regexes.extend(&self.pool.atoms()[known..]);
        self.conditions.push(Explained { keys, root });
        Ok(self.conditions.len() - 1)
    }

    fn part(&mut self, tree: &Expr, schema: &mut dyn Schema) -> Result<Part, CompileError> {
        let text = shown(&canonical_text(tree)).into_owned();
        let (kind, parts): (Kind, &[Expr]) = match tree.plain() {
            Expr::And(parts, _) => (Kind::And, parts),
            Expr::Or(parts, _) => (Kind::Or, parts),
            Expr::Not(part, _) => (Kind::Not, std::slice::from_ref(part)),
            tree => {
                let node = lower::compile(&mut self.pool, schema, tree, &mut Known::default())?.root;
                let value = self.left(tree, schema);
                return Ok(Part { text, kind: Kind::Check, node, value, parts: Vec::new() });
            }
        };
        let parts: Vec<Part> = parts.iter().map(|part| self.part(part, schema)).collect::<Result<_, _>>()?;
        let node = self.pool.constant(false);
        Ok(Part { text, kind, node, value: None, parts })
    }

    /// Returns the left side of a check, as an expression with a value.
    fn left(&mut self, tree: &Expr, schema: &mut dyn Schema) -> Option<ExprId> {
        let (left, at) = match tree {
            Expr::Exists(left, at) => (left, at),
            Expr::Check(check, at) => (&check.left, at),
            _ => return None,
        };
        if matches!(left, Operand::Value(..) | Operand::List(..)) {
            return None;
        }
        let exists = lower::compile(&mut self.pool, schema, &Expr::Exists(left.clone(), *at), &mut Known::default());
        let exists = exists.ok()?;
        match &self.pool[exists.root] {
            Node::Atom(atom) => Some(self.pool[*atom].expr),
            _ => None,
        }
    }

    fn why<E: Event>(&self, part: &Part, event: &E, arena: &Bump) -> Why {
        let parts: Vec<Why> = part.parts.iter().map(|part| self.why(part, event, arena)).collect();
        let holds = match part.kind {
            Kind::And => parts.iter().all(|part| part.holds),
            Kind::Or => parts.iter().any(|part| part.holds),
            Kind::Not => !parts.iter().any(|part| part.holds),
            Kind::Check => naive::holds(&self.pool, &self.regexes, part.node, event, arena),
        };
        let value = part.value.and_then(|expr| eval::value(&self.pool.exprs, expr, event, arena)).map(|value| {
            let mut text = String::new();
            show(value, &mut text);
            cut(&text)
        });
        Why { text: part.text.clone(), kind: part.kind, holds, value, parts }
    }
}

/// Formats a value as a condition writes it.
fn show(value: Value<'_>, out: &mut String) {
    match value {
        Value::Bool(truth) => out.push_str(if truth { "true" } else { "false" }),
        Value::I64(number) => out.push_str(&number.to_string()),
        Value::U64(number) => out.push_str(&number.to_string()),
        Value::F64(number) => out.push_str(&number.to_string()),
        Value::Ip(ip) => out.push_str(&ip.to_string()),
        Value::Bytes([]) => out.push_str("\"\""),
        Value::Bytes(text) => {
            let text = String::from_utf8_lossy(eval::trimmed(text));
            out.extend(text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }));
        }
        Value::List(items) => {
            out.push('(');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                show(*item, out);
            }
            out.push(')');
        }
    }
}

/// Returns the beginning of a long text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Why {
    /// Returns the parts that decide: of a false `and` the false ones, of a true `or` the true ones.
    pub fn reasons(&self) -> impl Iterator<Item = &Self> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.into_iter()
    }

    fn collect<'w>(&'w self, found: &mut Vec<&'w Self>) {
        match (self.kind, self.holds) {
            (Kind::Not, _) => self.parts.iter().for_each(|part| part.collect(found)),
            (Kind::And, false) | (Kind::Or, true) => {
                self.parts.iter().filter(|part| part.holds == self.holds).for_each(|part| part.collect(found));
            }
            (Kind::And | Kind::Or | Kind::Check, _) => found.push(self),
        }
    }

    /// Returns all of it as JSON.
    pub fn json(&self) -> Json {
        let mut json = json!({ "condition": self.text, "holds": self.holds });
        if self.kind == Kind::Check {
            json["value"] = self.value.clone().into();
        } else {
            json["parts"] = self.parts.iter().map(Self::json).collect();
        }
        json
    }
}

/// One line: the part, the result, and the value.
impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = cut(&self.text);
        write!(f, "{text} is {}", self.holds)?;
        match (&self.value, self.kind) {
            (Some(value), _) => write!(f, " ({value})"),
            (None, Kind::Check) => f.write_str(" (no value)"),
            (None, _) => Ok(()),
        }
    }
}
