//! Rules that the kernel decides: a condition in the form of tests that a program at a hook of the kernel can evaluate.
//!
//! [`compile`] returns a [`Plan`], a value that does not depend on the kernel's tables. All of a condition is in it or none:
//! what cannot be decided at a hook is an [`Undecidable`] that names the part. A rule is never weakened.
//!
//! `evt.type` selects the hooks; the kernel does not see by which of the calls of a hook something is requested. Because
//! a call is decided before it is made, conditions on its success are true.

mod alternatives;
mod fields;

pub use fields::{Call, Flag, Place, Test};

use crate::engine::CompiledRules;
use crate::ir::node::{Node, NodeId, Pool};
use alternatives::{Alternatives, TooMany};
use fields::Meaning;

/// The most tests of a hook.
pub const MAX_TESTS: usize = 64;
/// The most alternatives of a hook.
pub const MAX_ALTERNATIVES: usize = 64;

/// An alternative of a condition: the places of tests, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alternative {
    /// The tests that must be true.
    pub all: u64,
    /// The tests that must be false.
    pub none: u64,
    /// The place of the rule in [`Plan::rules`].
    pub rule: u32,
}

/// The denials at one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookPlan {
    /// The hook.
    pub call: Call,
    /// Sets of tests of which any must be true; the place is the bit in alternatives.
    pub tests: Vec<Vec<Test>>,
    /// The alternatives of which any denies.
    pub alternatives: Vec<Alternative>,
}

/// The denials of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The names of the rules.
    pub rules: Vec<String>,
    /// The denials at each hook that any of them has.
    pub hooks: Vec<HookPlan>,
}

/// The part of a rule that the kernel cannot decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule '{rule}' cannot be denied in the kernel: {why}")]
#[non_exhaustive]
pub struct Undecidable {
    /// The name of the rule.
    pub rule: String,
    /// The part and the reason.
    pub why: String,
}

/// Compiles rules of system calls, by name, for the kernel.
///
/// # Errors
/// Each part of each rule that cannot be decided there.
pub fn compile(rules: &CompiledRules, source: &str, names: &[&str]) -> Result<Plan, Vec<Undecidable>> {
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    for name in names {
        let number = plan.rules.len() as u32;
        plan.rules.push((*name).to_owned());
        let found = rules.all().find_map(|of| {
            let id = of.rules().rules().iter().position(|rule| rule.name() == *name)?;
            Some((of, id))
        });
        let whys = match found {
            None => vec!["there is no such rule".to_owned()],
            Some((of, _)) if of.rules().source() != source => {
                vec![format!("it is about {} events, and only system calls can be denied", of.rules().source())]
            }
            Some((of, id)) => {
                let (pool, root) = of.rules().condition(id);
                let compiler = Compiler { pool, field: &|field| of.field_name(field) };
                compiler.rule(root, number, &mut plan)
            }
        };
        errors.extend(whys.into_iter().map(|why| Undecidable { rule: (*name).to_owned(), why }));
    }
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

struct Compiler<'c> {
    pool: &'c Pool,
    field: &'c dyn Fn(u32) -> String,
}

impl Compiler<'_> {
    /// Adds a rule to a plan; returns what cannot be decided.
    fn rule(&self, root: NodeId, number: u32, plan: &mut Plan) -> Vec<String> {
        let mut whys = Vec::new();
        let mut any = false;
        for name in self.event_types(root) {
            let has_hook = Call::ALL.iter().any(|call| call.is_passed_by(&[&name]));
            if !has_hook && self.may_be(root, Some(&name)) {
                whys.push(format!("evt.type = {name} has no hook"));
            }
        }
        if self.may_be(root, None) {
            whys.push("the condition must name the calls that it is about by evt.type".to_owned());
        }
        if !whys.is_empty() {
            return whys;
        }
        for call in Call::ALL {
            if !self.may_be_at(root, *call) {
                continue;
            }
            let mut problems = Vec::new();
            let alternatives = self.alternatives(root, false, *call, &mut problems);
            any |= !problems.is_empty() || !matches!(&alternatives, Ok(found) if found.clauses().next().is_none());
            if !problems.is_empty() {
                for problem in problems {
                    if !whys.contains(&problem) {
                        whys.push(problem);
                    }
                }
                continue;
            }
            match alternatives {
                Err(TooMany) => {
                    whys.push(format!("at {} it has more than {MAX_ALTERNATIVES} alternatives", call.name()))
                }
                Ok(found) if found.clauses().next().is_none() => {}
                Ok(found) => {
                    if let Err(why) = add(plan, *call, &found, number) {
                        whys.push(why);
                    }
                }
            }
        }
        if !any && whys.is_empty() {
            whys.push("its condition is never true".to_owned());
        }
        whys
    }

    /// Returns the event types that a condition names.
    fn event_types(&self, root: NodeId) -> Vec<String> {
        let mut names = Vec::new();
        let mut rest = vec![root];
        while let Some(node) = rest.pop() {
            match &self.pool[node] {
                Node::Const(_) => {}
                Node::Not(inner) => rest.push(*inner),
                Node::And(children) | Node::Or(children) => rest.extend(children),
                Node::Atom(atom) => {
                    let atom = &self.pool[*atom];
                    if let Some(types) = fields::event_types(self.pool, atom, self.field) {
                        names.extend(types);
                    }
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns whether the condition can be true for an event type; `None`: for one that it does not name.
    fn may_be(&self, root: NodeId, name: Option<&str>) -> bool {
        self.value(root, &|types| name.is_some_and(|name| types.iter().any(|one| one == name))) != Some(false)
    }

    fn may_be_at(&self, root: NodeId, call: Call) -> bool {
        self.value(root, &|types| call.is_passed_by(types)) != Some(false)
    }

    /// Returns the value of a condition of which only the event type is known.
    fn value(&self, node: NodeId, is_type: &dyn Fn(&[String]) -> bool) -> Option<bool> {
        match &self.pool[node] {
            Node::Const(value) => Some(*value),
            Node::Not(inner) => self.value(*inner, is_type).map(|value| !value),
            Node::And(children) => junction(children.iter().map(|child| self.value(*child, is_type)), true),
            Node::Or(children) => junction(children.iter().map(|child| self.value(*child, is_type)), false),
            Node::Atom(atom) => {
                let atom = &self.pool[*atom];
                fields::event_types(self.pool, atom, self.field)
                    .map(|types| is_type(&types) != fields::is_negated(atom))
            }
        }
    }

    /// Returns the alternatives of a condition at a hook; adds what cannot be decided to `problems`.
    fn alternatives(
        &self,
        node: NodeId,
        negated: bool,
        call: Call,
        problems: &mut Vec<String>,
    ) -> Result<Alternatives, TooMany> {
        match &self.pool[node] {
            Node::Const(value) => Ok(Alternatives::constant(*value != negated)),
            Node::Not(inner) => self.alternatives(*inner, !negated, call, problems),
            Node::And(children) | Node::Or(children) => {
                let all = matches!(self.pool[node], Node::And(_)) != negated;
                // A part that decides alone makes the others unimportant, also what of them cannot be decided.
                let at = |types: &[String]| call.is_passed_by(types);
                let known = |child: &NodeId| self.value(*child, &at).map(|value| value != negated);
                if children.iter().any(|child| known(child) == Some(!all)) {
                    return Ok(Alternatives::constant(!all));
                }
                let mut result = Alternatives::constant(all);
                for child in children {
                    let more = self.alternatives(*child, negated, call, problems)?;
                    result = if all { result.and(&more)? } else { result.or(more)? };
                }
                Ok(result)
            }
            Node::Atom(atom) => {
                let atom = &self.pool[*atom];
                Ok(match fields::meaning(self.pool, atom, call, self.field) {
                    Ok(Meaning::Known(value)) => Alternatives::constant(value != negated),
                    Ok(Meaning::Any(tests)) => Alternatives::one(tests, !negated),
                    Ok(Meaning::None(tests)) => Alternatives::one(tests, negated),
                    // A value that is not there is neither equal nor unequal.
                    Ok(Meaning::NoneButIf(tests, exists)) if negated => {
                        Alternatives::one(tests, true).or(Alternatives::one(exists, false))?
                    }
                    Ok(Meaning::NoneButIf(tests, exists)) => {
                        Alternatives::one(tests, false).and(&Alternatives::one(exists, true))?
                    }
                    Err(why) => {
                        problems.push(format!("{}: {why}", self.pool.exprs.atom(atom, self.field)));
                        Alternatives::constant(true)
                    }
                })
            }
        }
    }
}

fn junction(parts: impl Iterator<Item = Option<bool>>, all: bool) -> Option<bool> {
    let mut known = Some(all);
    for part in parts {
        match part {
            Some(value) if value == all => {}
            Some(value) => return Some(value),
            None => known = None,
        }
    }
    known
}

/// Adds alternatives to the hook's part of a plan.
fn add(plan: &mut Plan, call: Call, found: &Alternatives, rule: u32) -> Result<(), String> {
    let place = plan.hooks.iter().position(|hook| hook.call == call).unwrap_or_else(|| {
        plan.hooks.push(HookPlan { call, tests: Vec::new(), alternatives: Vec::new() });
        plan.hooks.len() - 1
    });
    let hook = &mut plan.hooks[place];
    for clause in found.clauses() {
        let mut bits = [0u64; 2];
        for (tests, wanted) in clause {
            let bit = hook.tests.iter().position(|known| known == tests).unwrap_or_else(|| {
                hook.tests.push(tests.clone());
                hook.tests.len() - 1
            });
            if bit >= MAX_TESTS {
                return Err(format!(
                    "at {} there are more than {MAX_TESTS} tests, with those of rules before",
                    call.name()
                ));
            }
            bits[usize::from(!wanted)] |= 1 << bit;
        }
        hook.alternatives.push(Alternative { all: bits[0], none: bits[1], rule });
    }
    if hook.alternatives.len() > MAX_ALTERNATIVES {
        let name = call.name();
        return Err(format!(
            "at {name} there are more than {MAX_ALTERNATIVES} alternatives, with those of rules before"
        ));
    }
    Ok(())
}

#[cfg(all(test, feature = "sinsp"))]
mod tests;
