//! Necessary tests: those that must be true for a condition to be, as far as a source can test it.
//!
//! The answer is a superset: an atom of which nothing is known counts as true, negated or not.

use std::rc::Rc;

use bumpalo::Bump;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use sinsp::scap::EventCode;
use sinsp::scap::plan::{Descriptor, Outcomes, PathTest, Plan, Shape};
use sinsp::scap::schema::{ParamRole, ParamType, Role, errno_name};
use sinsp::state::FdKind;

use super::field::Meaning;
use crate::event::sinsp::SinspSchema;
use crate::event::{FieldId, Key, Schema as _, Value};
use crate::ir::expr::Op;
use crate::ir::node::{Atom, Literal, Node, NodeId, Pool, Test};
use crate::syntax::ast::Operator;
use crate::vm::compare::{self, Regexes};
use peregrine_text::glob;

/// The known facts of the events that a condition is examined for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) code: EventCode,
    pub(super) failed: bool,
    /// The error of a call that failed.
    pub(super) errno: Option<u32>,
    /// The kind of the file descriptor that the call works on, for calls that are tested by it.
    pub(super) descriptor: Option<Descriptor>,
    /// The access to an opened file, for calls that are tested by their path: for reading, for writing.
    pub(super) access: Option<(bool, bool)>,
    /// The shape of the path, for such calls.
    pub(super) shape: Option<Shape>,
    /// Whether the file descriptor that the call is given is an opened file, or not known.
    pub(super) is_on_file: bool,
}

impl Case {
    /// Returns an outcome of a call.
    pub(super) fn outcome(code: EventCode, outcome: Outcomes) -> Self {
        let failed = outcome == Outcomes::FAILED;
        Self { code, failed, errno: None, descriptor: None, access: None, shape: None, is_on_file: false }
    }

    /// Returns whether the result is a number that is not negative, for sure.
    fn has_succeeded(self) -> bool {
        !self.failed && self.code.role() != Role::Connects
    }
}

impl Case {
    /// Returns the name of the error, where conditions see it as one.
    fn error(self) -> Option<&'static [u8]> {
        let result = self.code.info()?.params.first()?;
        let named = matches!(result.ty, ParamType::Errno | ParamType::Fd);
        errno_name(self.errno?).filter(|_| named).map(str::as_bytes)
    }
}

/// The necessary tests of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// The condition is never true.
    Never,
    /// One of these tests of the path must be true, by number.
    Tests(Rc<[u32]>),
    /// It may be true of any event, because of this part.
    Always(NodeId),
}

/// Examines conditions of one set of rules.
pub(super) struct Bounder<'r> {
    pub(super) pool: &'r Pool,
    regexes: &'r Regexes,
    pub(super) schema: &'r SinspSchema,
    meanings: HashMap<u32, Meaning, FxBuildHasher>,
    tests: Vec<PathTest>,
    numbers: HashMap<PathTest, u32, FxBuildHasher>,
    case: Case,
    known: HashMap<(NodeId, bool), Bound, FxBuildHasher>,
}

impl<'r> Bounder<'r> {
    pub(super) fn new(pool: &'r Pool, regexes: &'r Regexes, schema: &'r SinspSchema) -> Self {
        let case = Case::outcome(EventCode::GENERIC_X, Outcomes::FAILED);
        let (meanings, numbers, known) = Default::default();
        Self { pool, regexes, schema, meanings, tests: Vec::new(), numbers, case, known }
    }

    /// Sets the facts for the conditions that follow.
    pub(super) fn begin(&mut self, case: Case) {
        self.case = case;
        self.known.clear();
    }

    pub(super) fn test(&self, number: u32) -> &PathTest {
        &self.tests[number as usize]
    }

    pub(super) fn meaning(&mut self, field: FieldId) -> Meaning {
        let schema = self.schema;
        *self.meanings.entry(field.0).or_insert_with(|| Meaning::of(&schema.field_name(field)))
    }

    /// Returns what must be true for a condition to be.
    pub(super) fn bound(&mut self, root: NodeId) -> Bound {
        self.node(root, true)
    }

    /// Returns what must be true for a part to have the value that is wanted.
    fn node(&mut self, node: NodeId, wanted: bool) -> Bound {
        if let Some(known) = self.known.get(&(node, wanted)) {
            return known.clone();
        }
        let pool = self.pool;
        let bound = match &pool[node] {
            Node::Const(value) if *value == wanted => Bound::Always(node),
            Node::Const(_) => Bound::Never,
            Node::Not(inner) => self.node(*inner, !wanted),
            Node::Atom(atom) => self.atom(node, &pool[*atom], wanted),
            Node::And(children) | Node::Or(children) => {
                let all = matches!(pool[node], Node::And(_)) == wanted;
                if all { self.all(node, children, wanted) } else { self.any(children, wanted) }
            }
        };
        self.known.insert((node, wanted), bound.clone());
        bound
    }

    /// Each part must be true, so the one that is true of the fewest decides.
    fn all(&mut self, node: NodeId, children: &[NodeId], wanted: bool) -> Bound {
        let mut best: Option<Rc<[u32]>> = None;
        for child in children {
            match self.node(*child, wanted) {
                Bound::Never => return Bound::Never,
                Bound::Tests(tests) if best.as_ref().is_none_or(|best| tests.len() < best.len()) => best = Some(tests),
                _ => {}
            }
        }
        best.map_or(Bound::Always(node), Bound::Tests)
    }

    fn any(&mut self, children: &[NodeId], wanted: bool) -> Bound {
        let mut tests: Vec<u32> = Vec::new();
        let mut never = true;
        for child in children {
            match self.node(*child, wanted) {
                Bound::Never => {}
                Bound::Always(because) => return Bound::Always(because),
                Bound::Tests(more) => {
                    never = false;
                    tests.extend_from_slice(&more);
                }
            }
        }
        tests.sort_unstable();
        tests.dedup();
        if never { Bound::Never } else { Bound::Tests(tests.into()) }
    }

    fn atom(&mut self, node: NodeId, atom: &Atom, wanted: bool) -> Bound {
        let Op::Field(field) = self.pool.exprs[atom.expr].op else { return Bound::Always(node) };
        if matches!(atom.test, Test::Against(..) | Test::Around(_) | Test::Host(..)) {
            return Bound::Always(node);
        }
        match self.truth(field, atom) {
            Some(truth) if truth == wanted => return Bound::Always(node),
            Some(_) => return Bound::Never,
            None => {}
        }
        if wanted
            && self.case.shape == Some(Shape::Clean)
            && let Some(tests) = path_tests(self.meaning(field), &atom.test)
        {
            let numbers = tests.into_iter().map(|test| self.number(test)).collect::<Rc<[u32]>>();
            return if numbers.is_empty() { Bound::Never } else { Bound::Tests(numbers) };
        }
        Bound::Always(node)
    }

    fn number(&mut self, test: PathTest) -> u32 {
        let next = self.tests.len() as u32;
        let number = *self.numbers.entry_ref(&test).or_insert(next);
        if number == next {
            self.tests.push(test);
        }
        number
    }

    /// Returns the value of an atom, if the case decides it.
    fn truth(&mut self, field: FieldId, atom: &Atom) -> Option<bool> {
        let (case, schema) = (self.case, self.schema);
        let expr = &self.pool.exprs[atom.expr];
        let answer = |value: Value<'_>| compare::answers(expr, &atom.test, value, self.regexes, &Bump::new());
        if let Some(value) = schema.constant(field, Key(case.code.0)) {
            return Some(answer(value));
        }
        let opens = Plan::has_path(case.code);
        let has_flags = opens && case.code.param_with(ParamRole::Flags).is_some();
        let access = |of: fn((bool, bool)) -> bool| match case.access {
            _ if !has_flags => (case.code.role() != Role::Opens).then_some(false),
            access => access.map(of),
        };
        // Without a value, every test is false.
        let or_none = |truth: Option<bool>| truth.filter(|truth| !truth);
        if let Some(kind) = case.descriptor
            && let Some(truth) = on_descriptor(self.meaning(field), kind, &atom.test, &answer)
        {
            return Some(truth);
        }
        match self.meaning(field) {
            Meaning::Failed if case.failed || case.has_succeeded() => Some(answer(Value::Bool(case.failed))),
            Meaning::OpenRead => access(|(read, _)| read).map(|is| answer(Value::Bool(is))),
            Meaning::OpenWrite => access(|(_, write)| write).map(|is| answer(Value::Bool(is))),
            Meaning::Result if case.errno.is_some() => case.errno.map(|number| answer(Value::I64(-i64::from(number)))),
            Meaning::ResultName if case.errno.is_some() => case.error().map(|name| answer(Value::Bytes(name))),
            Meaning::Result if case.failed => range(&atom.test, i64::MIN, -1),
            Meaning::Result if case.has_succeeded() => range(&atom.test, 0, i64::MAX),
            Meaning::ResultName if case.has_succeeded() => Some(answer(Value::Bytes(SUCCESS))),
            Meaning::ResultName if case.failed => never_success(&atom.test),
            Meaning::FdNum if opens && case.failed => or_none(range(&atom.test, -1, -1)),
            Meaning::FdNum if opens && case.has_succeeded() => or_none(range(&atom.test, 0, i64::MAX)),
            Meaning::GivenPath if case.shape.is_some_and(|shape| shape != Shape::Dots) => without_dots(&atom.test),
            Meaning::FdType | Meaning::FdTypeChar if case.is_on_file => only_sockets(&atom.test),
            Meaning::Net if case.is_on_file && !matches!(atom.test, Test::Compare(Operator::Ne, _)) => Some(false),
            _ => None,
        }
    }
}

const SUCCESS: &[u8] = b"SUCCESS";

/// Returns the result of a test on a number between these two. Constants without a sign are for numbers without one.
pub(super) fn range(test: &Test, low: i64, high: i64) -> Option<bool> {
    let one = |op: Operator, wanted: i64| {
        let at = |number: i64| match op {
            Operator::Lt => number < wanted,
            Operator::Le => number <= wanted,
            Operator::Gt => number > wanted,
            _ => number >= wanted,
        };
        match op {
            Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => (at(low) == at(high)).then(|| at(low)),
            Operator::Eq | Operator::EqEq | Operator::Ne => {
                let equal = if wanted < low || wanted > high { Some(false) } else { (low == high).then_some(true) };
                equal.map(|equal| equal != (op == Operator::Ne))
            }
            _ => None,
        }
    };
    let constant = |literal: &Literal| match literal {
        Literal::I64(wanted) => Some(*wanted),
        Literal::U64(wanted) if low >= 0 => i64::try_from(*wanted).ok(),
        _ => None,
    };
    match test {
        Test::Compare(op, literal) => one(*op, constant(literal)?),
        Test::In(set) => {
            let each = set.iter().map(|literal| one(Operator::Eq, constant(literal)?));
            let each: Vec<Option<bool>> = each.collect();
            if each.contains(&Some(true)) {
                Some(true)
            } else if each.iter().all(|one| *one == Some(false)) {
                Some(false)
            } else {
                None
            }
        }
        Test::Exists => Some(true),
        _ => None,
    }
}

/// Returns the constants of a test for equality.
fn equals(test: &Test) -> Option<&[Literal]> {
    match test {
        Test::Compare(Operator::Eq | Operator::EqEq, literal) => Some(std::slice::from_ref(literal)),
        Test::In(set) => Some(set),
        _ => None,
    }
}

/// Returns the result of a test on the name of an error.
fn never_success(test: &Test) -> Option<bool> {
    match test {
        Test::Compare(Operator::Ne, literal) if literal.bytes() == SUCCESS => Some(true),
        _ => equals(test).filter(|set| set.iter().all(|literal| literal.bytes() == SUCCESS)).map(|_| false),
    }
}

/// Returns the result of a test on a text that has no two dots in a row, or on no text.
fn without_dots(test: &Test) -> Option<bool> {
    let dotted = |literal: &Literal| literal.bytes().windows(2).any(|pair| pair == b"..");
    let never = match test {
        Test::Compare(op, literal) => {
            use Operator as O;
            matches!(op, O::Eq | O::EqEq | O::Contains | O::IContains | O::StartsWith | O::EndsWith) && dotted(literal)
        }
        Test::In(set) => set.iter().all(dotted),
        _ => false,
    };
    never.then_some(false)
}

/// Returns the result of a test on the type of a file descriptor that is none of a socket.
fn only_sockets(test: &Test) -> Option<bool> {
    let socket = |literal: &Literal| matches!(literal.bytes(), b"ipv4" | b"ipv6" | b"unix" | b"4" | b"6" | b"u");
    equals(test).filter(|set| set.iter().all(socket)).map(|_| false)
}

/// Returns the value of a test on a field of a file descriptor of this kind; `None` if it depends. A file descriptor may be
/// unknown to the state: no test is true then of a field that has no value.
fn on_descriptor(meaning: Meaning, kind: Descriptor, test: &Test, answer: &dyn Fn(Value<'_>) -> bool) -> Option<bool> {
    let kinds = || FdKind::each().into_iter().filter(move |fd| fd.descriptor().is_none_or(|of| of == kind));
    let may_be = match (meaning, kind) {
        (Meaning::FdType, _) => kinds().any(|fd| answer(Value::Bytes(fd.type_name().unwrap_or("<NA>").as_bytes()))),
        (Meaning::FdTypeChar, _) => kinds().any(|fd| answer(Value::Bytes(&[fd.type_char()]))),
        (Meaning::Family, Descriptor::Inet) => answer(Value::Bytes(b"ip")),
        (Meaning::Family, Descriptor::Unix) => answer(Value::Bytes(b"unix")),
        (Meaning::Family, Descriptor::File) => false,
        (Meaning::FileName, Descriptor::Inet | Descriptor::Unix) => false,
        // That of a file descriptor without a name is the root.
        (Meaning::Directory, Descriptor::Inet | Descriptor::Unix) => answer(Value::Bytes(b"/")),
        (Meaning::Net, Descriptor::File | Descriptor::Unix) => {
            matches!(test, Test::Compare(Operator::Ne, _))
        }
        // The name is both ends, or none.
        (Meaning::Path, Descriptor::Inet) => !is_absolute(meaning, test),
        _ => return None,
    };
    (!may_be).then_some(false)
}

/// Returns whether only an absolute path can make a test true.
fn is_absolute(meaning: Meaning, test: &Test) -> bool {
    let begins = |path: &PathTest| match path {
        PathTest::Exact(text) | PathTest::Prefix(text) => text.starts_with(b"/"),
        PathTest::Suffix(_) => false,
    };
    // A pattern is a path with or without a slash at its beginning.
    let tests = if matches!(test, Test::PMatch(_)) { None } else { path_tests(meaning, test) };
    tests.is_some_and(|tests| tests.iter().all(begins))
}

/// Returns tests of a clean path, one of which must be true for a test of a field to be; `None` if there are none.
fn path_tests(meaning: Meaning, test: &Test) -> Option<Vec<PathTest>> {
    let text = |literal: &Literal| {
        let text = literal.bytes();
        (!text.is_empty() && !text.contains(&0)).then(|| text.to_vec())
    };
    let each = |set: &[Literal], make: &dyn Fn(&[u8]) -> PathTest| {
        set.iter().map(|literal| text(literal).map(|text| make(&text))).collect::<Option<Vec<_>>>()
    };
    let one = |literal: &Literal, make: &dyn Fn(&[u8]) -> PathTest| each(std::slice::from_ref(literal), make);
    match (meaning, test) {
        (Meaning::Path | Meaning::GivenPath, test) => match test {
            Test::Compare(Operator::StartsWith, literal) => one(literal, &PathTest::prefix),
            Test::Compare(Operator::EndsWith, literal) => one(literal, &PathTest::suffix),
            Test::Compare(Operator::Glob, literal) => {
                let prefix = glob::literal_prefix(literal.bytes());
                (prefix.len() > 1 && !prefix.contains(&0)).then(|| vec![PathTest::prefix(&prefix)])
            }
            Test::PMatch(patterns) => patterns.iter().map(|pattern| below(pattern)).collect(),
            other => each(equals(other)?, &PathTest::exact),
        },
        // The directory of a file is the beginning of its path; of a directory it is the path.
        (Meaning::Directory, Test::Compare(Operator::StartsWith, literal)) => one(literal, &PathTest::prefix),
        (Meaning::Directory, other) => each(equals(other)?, &PathTest::prefix),
        (Meaning::FileName, Test::Compare(Operator::EndsWith, literal)) => one(literal, &PathTest::suffix),
        (Meaning::FileName, other) => each(equals(other)?, &|name| PathTest::suffix(&[b"/", name].concat())),
        _ => None,
    }
}

/// Returns the test for paths at or below a pattern, up to its first wild card.
fn below(pattern: &[u8]) -> Option<PathTest> {
    let names = pattern.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let plain = names.take_while(|name| !name.iter().any(|byte| b"?*[".contains(byte)));
    let path: Vec<u8> = plain.flat_map(|name| [b"/", name].concat()).collect();
    (!path.is_empty() && !path.contains(&0)).then(|| PathTest::prefix(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_decides_what_is_the_same_for_all_of_it() {
        let compare = |op, number| Test::Compare(op, Literal::I64(number));
        for (test, expect) in [
            (compare(Operator::Ge, 0), Some(false)),
            (compare(Operator::Lt, 0), Some(true)),
            (compare(Operator::Eq, 3), Some(false)),
            (compare(Operator::Ne, 3), Some(true)),
            (compare(Operator::Eq, -2), None),
            (compare(Operator::Lt, -5), None),
            (Test::In([Literal::I64(0), Literal::I64(1)].into()), Some(false)),
            (Test::In([Literal::I64(0), Literal::I64(-1)].into()), None),
            (Test::Compare(Operator::Eq, Literal::U64(3)), None),
        ] {
            assert_eq!(range(&test, i64::MIN, -1), expect, "{test:?}");
        }
        assert_eq!(range(&compare(Operator::Eq, -1), -1, -1), Some(true));
    }
}
