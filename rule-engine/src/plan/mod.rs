//! The calls whose events no rule can want: a plan for a live source, made from compiled rules.
//!
//! [`Planner::plan`] returns a [`Plan`], which a source carries out, and a [`Report`] of what it leaves out and why not
//! more. Alerts are the same with and without it. An event is left out only if
//!
//! * no enabled rule, and no member of a correlation, can match it, as far as the result of the call, how a file is opened
//!   and its path, or the kind of the file descriptor that it works on show;
//! * it does not change the state, or changes it in a way that no rule and no output can see later: the file descriptor of
//!   a file whose name nothing prints, or the status of a connection;
//! * no condition depends on the number of events, and no output on the time of the one before. (The number that an output
//!   prints, `evt.num`, is the number among the events that are captured.)
//!
//! A part of a condition that cannot be tested counts as true, so a rule without any other keeps all events of its types.
//! A plan is only valid for a source without enter events, in which an exit event is all that there is of a call, and for an
//! inspector that does not track the status of failed connections.

mod bound;
mod field;
mod report;

pub use report::{Blocker, Extent, Report, TypeReport};

use std::collections::{BTreeMap, BTreeSet};

use sinsp::scap::EventCode;
use sinsp::scap::plan::{Classes, Descriptor, Descriptors, Errnos, Outcomes, Plan, Shape};
use sinsp::scap::schema::{Category, EVENTS, EventInfo, SyscallSet};

use crate::engine::SourceRules;
use crate::event::sinsp::SinspSchema;
use crate::event::{FieldId, Key, Schema as _};
use crate::ir::expr::Op;
use crate::ir::node::{Node, NodeId, Pool};
use bound::{Bound, Bounder, Case, range};
use field::{Given, Meaning};

/// Makes plans.
#[derive(Debug, Clone, Default)]
pub struct Planner {
    everything: Vec<String>,
    calls: SyscallSet,
}

impl Planner {
    /// Creates a planner for rules that are all that wants events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reason why all events are wanted, such as a recording.
    #[must_use]
    pub fn everything_for(mut self, reason: impl Into<String>) -> Self {
        self.everything.push(reason.into());
        self
    }

    /// Adds calls whose events are all wanted, such as those that plugins parse.
    #[must_use]
    pub fn calls(mut self, calls: SyscallSet) -> Self {
        self.calls = self.calls.union(calls);
        self
    }

    /// Returns the plan for rules, and a report.
    pub fn plan(&self, rules: &SourceRules<SinspSchema>) -> (Plan, Report) {
        let (pool, regexes, plain) = rules.rules().parts();
        let planned = rules.rules().rules().iter().zip(plain).enumerate().filter(|(_, (_, plain))| plain.enabled);
        let planned = planned.map(|(place, (rule, plain))| {
            let mut fields = fields_of(pool, plain.root);
            // Printed, it is the number among the events that are captured.
            fields.extend(rules.output_fields(place).filter(|field| rules.schema().field_name(*field) != EVENT_NUMBER));
            if !rule.hits.is_empty() {
                let more = rules.correlated_fields().into_iter();
                fields.extend(more.filter(|field| rules.schema().field_name(*field) != EVENT_NUMBER));
            }
            let named = fields.into_iter().map(|field| Used {
                name: rules.schema().field_name(field),
                is_built_in: rules.schema().is_built_in(field),
            });
            // Correlations have fields of other sources, too.
            let named = named.filter(|field| !field.name.is_empty());
            let tested = fields_of(pool, plain.root).into_iter().map(|field| rules.schema().field_name(field));
            let by_result =
                tested.into_iter().any(|name| matches!(Meaning::of(&name), Meaning::Result | Meaning::ResultName));
            let fields = named.collect();
            Planned { name: name_of(rule.name()), root: plain.root, keys: &plain.keys, fields, by_result }
        });
        let mut work = Work {
            bounder: Bounder::new(pool, regexes, rules.schema()),
            rules: planned.collect(),
            report: Report::default(),
            field: &|field| rules.schema().field_name(FieldId(field)),
        };
        let plan = work.run(self);
        work.report.blockers.sort_unstable();
        (plan, work.report)
    }
}

/// The field of the number of an event.
const EVENT_NUMBER: &str = "evt.num";

/// Returns the name of a rule as it is written; a step of a correlation has a separator in it.
fn name_of(name: &str) -> String {
    name.replace(crate::ruleset::rule::STEP, ": ")
}

/// A field that a rule uses.
struct Used {
    name: String,
    is_built_in: bool,
}

struct Planned<'r> {
    name: String,
    root: NodeId,
    keys: &'r crate::lower::KeySet,
    fields: Vec<Used>,
    /// Whether the condition depends on the result of the call.
    by_result: bool,
}

impl Planned<'_> {
    fn is_about(&self, code: EventCode) -> bool {
        self.keys.contains(Key(code.0))
    }
}

/// Returns the fields of a condition, each once.
fn fields_of(pool: &Pool, root: NodeId) -> BTreeSet<FieldId> {
    let mut fields = Vec::new();
    pool.fields(root, &mut fields);
    fields.into_iter().collect()
}

struct Work<'r> {
    bounder: Bounder<'r>,
    rules: Vec<Planned<'r>>,
    report: Report,
    field: &'r dyn Fn(u32) -> String,
}

const OUTCOMES: [Outcomes; 2] = [Outcomes::FAILED, Outcomes::SUCCEEDED];

impl Work<'_> {
    fn run(&mut self, planner: &Planner) -> Plan {
        let mut plan = Plan::everything();
        for reason in &planner.everything {
            self.block(Extent::Everything, "", &[], reason, "");
        }
        self.find_stream_fields();
        if !self.report.blockers.is_empty() {
            return plan;
        }
        let keeps_files = self.find_uses_of_files();
        let sees_status = self.sees_status();
        plan.opens_mut().clear(Classes::ALL);
        for info in EVENTS.iter().filter(|info| Plan::is_testable(info.code)) {
            let code = info.code;
            let mut of_state = sinsp::state_changes(code);
            if sinsp::changes_only_status(code) && !sees_status {
                of_state = Outcomes::NONE;
            }
            if code.syscalls().any(|call| planner.calls.contains(call)) {
                of_state = Outcomes::BOTH;
            }
            let by_path = Plan::has_path(code);
            let classes = if by_path { self.opens(code, &mut plan) } else { Classes::NONE };
            let wanted = if by_path {
                if keeps_files || of_state == Outcomes::BOTH {
                    let all = if of_state == Outcomes::BOTH { Classes::ALL } else { Classes::SUCCEEDED };
                    Shape::ALL.into_iter().for_each(|shape| plan.opens_mut().add_shape(shape, all));
                }
                // A directory is always kept, so that those that succeeded have to be looked at.
                classes.outcomes().union(of_state)
            } else {
                let of_rules = self.outcomes(info);
                if code == EventCode::FCNTL_X && of_state != Outcomes::BOTH {
                    plan.set_few_commands(!of_rules.contains(Outcomes::SUCCEEDED));
                }
                of_rules.union(of_state)
            };
            plan.set(code, wanted);
            if wanted.contains(Outcomes::FAILED) && !of_state.contains(Outcomes::FAILED) {
                plan.set_errnos(code, self.errnos(code));
            }
            if Plan::has_descriptor(code) && of_state != Outcomes::BOTH {
                plan.set_descriptors(code, self.descriptors(info, wanted, of_state));
            }
            let (errnos, descriptors) = (plan.errnos(code), plan.descriptors(code));
            let rules = self.rules.iter().filter(|rule| rule.is_about(code)).count();
            if rules > 0 || wanted != Outcomes::BOTH {
                let row = TypeReport { code, rules, kept: wanted, of_state, by_path, errnos, descriptors };
                self.report.types.push(row);
            }
        }
        plan
    }

    fn block(&mut self, extent: Extent, rule: &str, types: &[&str], part: &str, help: &str) {
        let blockers = &mut self.report.blockers;
        let same = |known: &&mut Blocker| known.extent == extent && known.rule == rule && known.part == part;
        let types = types.iter().map(|name| (*name).to_owned());
        match blockers.iter_mut().find(same) {
            Some(known) => {
                known.types.extend(types);
                known.types.sort_unstable();
                known.types.dedup();
            }
            None => blockers.push(Blocker {
                extent,
                rule: rule.to_owned(),
                types: types.collect(),
                part: part.to_owned(),
                help: help.to_owned(),
            }),
        }
    }

    fn find_stream_fields(&mut self) {
        let mut found = Vec::new();
        for rule in &self.rules {
            for field in rule.fields.iter().filter(|field| field::depends_on_stream(&field.name)) {
                if field.name != EVENT_NUMBER || !self.is_plain_number(rule.root) {
                    found.push((rule.name.clone(), field.name.clone()));
                }
            }
        }
        for (rule, field) in found {
            self.block(Extent::Everything, &rule, &[], &field, "do without this field");
        }
    }

    /// Returns whether a condition has `evt.num` only in tests that are the same for all events, such as `evt.num=0`.
    fn is_plain_number(&self, root: NodeId) -> bool {
        let pool = self.bounder.pool;
        let mut nodes = vec![root];
        let mut seen = BTreeSet::new();
        while let Some(node) = nodes.pop() {
            if !seen.insert(node) {
                continue;
            }
            match &pool[node] {
                Node::Const(_) => {}
                Node::Not(inner) => nodes.push(*inner),
                Node::And(children) | Node::Or(children) => nodes.extend(children),
                Node::Atom(atom) => {
                    let (atom, mut fields) = (&pool[*atom], fields_of(pool, node));
                    fields.retain(|field| (self.field)(field.0) == EVENT_NUMBER);
                    let alone = matches!(pool.exprs[atom.expr].op, Op::Field(_));
                    let is_same = alone && range(&atom.test, 1, i64::MAX).is_some();
                    if !fields.is_empty() && !is_same {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Returns what must be true for a rule to match an outcome of a call.
    fn bound(&mut self, place: usize, case: Case) -> Bound {
        self.bounder.begin(case);
        self.bounder.bound(self.rules[place].root)
    }

    /// Returns whether rules or outputs see a file descriptor after the event that created it; adds why.
    fn find_uses_of_files(&mut self) -> bool {
        let before = self.report.blockers.len();
        for place in 0..self.rules.len() {
            let mut found: Vec<(String, &'static str, &'static str)> = Vec::new();
            for field in &self.rules[place].fields {
                if field::reads_descriptors(&field.name) || !field.is_built_in {
                    found.push((field.name.clone(), "", "do without this field"));
                }
            }
            for info in &EVENTS {
                if !self.rules[place].is_about(info.code) {
                    continue;
                }
                let fields = &self.rules[place].fields;
                let given = |field: &Used| field::depends_on_given(info, &field.name, field.is_built_in);
                let uses: Vec<(Given, String)> =
                    fields.iter().map(|field| (given(field), field.name.clone())).collect();
                for (given, name) in uses {
                    if let Some(help) = self.sees_file(place, info, given) {
                        found.push((name, info.name, help));
                    }
                }
            }
            let rule = self.rules[place].name.clone();
            for (field, name, help) in found {
                let types: &[&str] = if name.is_empty() { &[] } else { &[name] };
                self.block(Extent::OpenedFiles, &rule, types, &field, help);
            }
        }
        self.report.blockers.len() > before
    }

    /// Returns whether a rule that matches such an event may depend on an opened file that the call was given; if so,
    /// what would help.
    fn sees_file(&mut self, place: usize, info: &EventInfo, given: Given) -> Option<&'static str> {
        if given == Given::Not {
            return None;
        }
        let mut may = |outcome, is_on_file| {
            let case = Case { is_on_file, ..Case::outcome(info.code, outcome) };
            self.bound(place, case) != Bound::Never
        };
        let [fails, succeeds] = OUTCOMES.map(|outcome| may(outcome, true));
        // A call for sockets fails on a file, and so does one on a path that begins at a file.
        let only_fails = info.category.subject() == Category::NET
            || given == Given::AsDirectory && !field::accepts_no_directory(info.name);
        match given {
            _ if !fails && (only_fails || !succeeds) => None,
            Given::AsDirectory => Some("match only calls that succeed: evt.failed=false"),
            _ => Some("match only sockets, by fd.type, or do without this field"),
        }
    }

    /// Returns the outcomes of a call that any rule may match.
    fn outcomes(&mut self, info: &EventInfo) -> Outcomes {
        let mut wanted = Outcomes::NONE;
        for outcome in OUTCOMES {
            self.bounder.begin(Case::outcome(info.code, outcome));
            let mut because = Vec::new();
            for rule in self.rules.iter().filter(|rule| rule.is_about(info.code)) {
                if let Bound::Always(part) = self.bounder.bound(rule.root) {
                    because.push((rule.name.clone(), part));
                }
            }
            if !because.is_empty() {
                wanted = wanted.union(outcome);
            }
            // Calls that succeed are what most rules are about.
            if outcome == Outcomes::FAILED {
                for (rule, part) in because {
                    let part = self.part(part);
                    let help =
                        "match only calls that succeed, by evt.failed=false, or the errors that matter, by evt.res";
                    self.block(Extent::Types, &rule, &[info.name], &part, help);
                }
            }
        }
        wanted
    }

    /// Returns whether rules or outputs see the status of connections, which data that passes through changes.
    fn sees_status(&self) -> bool {
        let mut fields = self.rules.iter().flat_map(|rule| &rule.fields);
        fields.any(|field| field.name == "fd.connected" || !field.is_built_in)
    }

    /// Returns whether any rule can match events of a type in a case.
    fn may_match(&mut self, code: EventCode, case: Case) -> bool {
        self.bounder.begin(case);
        self.rules.iter().any(|rule| rule.is_about(code) && self.bounder.bound(rule.root) != Bound::Never)
    }

    /// Returns the errors of a call that any rule may match.
    fn errnos(&mut self, code: EventCode) -> Errnos {
        let failed = Case::outcome(code, Outcomes::FAILED);
        self.bounder.begin(failed);
        let mut about = self.rules.iter().filter(|rule| rule.is_about(code));
        // Most rules do not look at the error, and one of them is enough.
        if about.any(|rule| !rule.by_result && self.bounder.bound(rule.root) != Bound::Never) {
            return Errnos::ALL;
        }
        let mut wanted = Errnos::NONE;
        for number in 1..Errnos::LIMIT {
            if self.may_match(code, Case { errno: Some(number), ..failed }) {
                wanted = wanted.union(Errnos::one(number));
            }
        }
        wanted
    }

    /// Returns the kinds of file descriptors on which calls with these outcomes may be matched by any rule.
    fn descriptors(&mut self, info: &EventInfo, wanted: Outcomes, of_state: Outcomes) -> Descriptors {
        // Only the status of internet connections is part of the state.
        let mut kinds = Descriptors::one(Descriptor::Inet, of_state);
        for outcome in OUTCOMES {
            if !wanted.contains(outcome) {
                kinds =
                    Descriptor::ALL.into_iter().fold(kinds, |kinds, kind| kinds.union(Descriptors::one(kind, outcome)));
                continue;
            }
            let mut everywhere: BTreeMap<usize, (usize, NodeId)> = BTreeMap::new();
            for kind in Descriptor::ALL {
                self.bounder.begin(Case { descriptor: Some(kind), ..Case::outcome(info.code, outcome) });
                for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.is_about(info.code)) {
                    let bound = self.bounder.bound(rule.root);
                    if bound != Bound::Never {
                        kinds = kinds.union(Descriptors::one(kind, outcome));
                    }
                    if let Bound::Always(part) = bound {
                        everywhere.entry(place).or_insert((0, part)).0 += 1;
                    }
                }
            }
            everywhere.retain(|_, (count, _)| outcome == Outcomes::SUCCEEDED && *count == Descriptor::ALL.len());
            for (place, (_, part)) in everywhere {
                let (rule, part) = (self.rules[place].name.clone(), self.part(part));
                let help = "match only sockets or only files, by fd.type, or by the beginning of fd.name";
                self.block(Extent::AnyDescriptor, &rule, &[info.name], &part, help);
            }
        }
        kinds
    }

    /// Adds the files that any rule may match when a call opens them; returns the ways in which they are opened.
    fn opens(&mut self, code: EventCode, plan: &mut Plan) -> Classes {
        let mut wanted = Classes::NONE;
        for (place, shape) in (0..8u8).flat_map(|place| Shape::ALL.map(|shape| (place, shape))) {
            let (read, write, failed) = (place & 1 != 0, place & 2 != 0, place & 4 != 0);
            let class = Classes::one(read, write, failed);
            let outcome = if failed { Outcomes::FAILED } else { Outcomes::SUCCEEDED };
            let case = Case { access: Some((read, write)), shape: Some(shape), ..Case::outcome(code, outcome) };
            self.bounder.begin(case);
            let mut because = Vec::new();
            for rule in self.rules.iter().filter(|rule| rule.is_about(code)) {
                match self.bounder.bound(rule.root) {
                    Bound::Never => continue,
                    Bound::Always(part) => {
                        plan.opens_mut().add_shape(shape, class);
                        because.push((rule.name.clone(), part));
                    }
                    Bound::Tests(tests) => {
                        tests.iter().for_each(|test| plan.opens_mut().add(self.bounder.test(*test).clone(), class));
                    }
                }
                wanted = wanted.union(class);
            }
            // Where the path is as it should be.
            if shape == Shape::Clean {
                for (rule, part) in because {
                    let part = self.part(part);
                    let name = code.info().map_or("", |info| info.name);
                    let help = "match paths by =, in, startswith, endswith, pmatch, or glob with a beginning";
                    self.block(Extent::AnyPath, &rule, &[name], &part, help);
                }
            }
        }
        wanted
    }

    /// Returns a part of a condition as text: a junction by its first lines.
    fn part(&self, node: NodeId) -> String {
        const LINES: usize = 6;
        let text = self.bounder.pool.print(node, self.field);
        let lines: Vec<&str> = text.lines().map(|line| line.split("    [").next().unwrap_or(line).trim()).collect();
        match lines.as_slice() {
            [only] => (*only).to_owned(),
            [word, parts @ ..] => {
                let shown = parts.iter().take(LINES).copied().collect::<Vec<_>>().join(", ");
                let more = if parts.len() > LINES { ", …" } else { "" };
                format!("{word} ({shown}{more})")
            }
            [] => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
