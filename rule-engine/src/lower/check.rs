//! Checks: the operators of each type, and the atoms of a check.
//!
//! Equivalent operators become the same atoms, so that rules share them: `!=` is "exists and not =", `anyof` is an
//! `or`, `allof` an `and`, `==` is `=`.

use super::literal;
use super::{CompileErrorKind, Compiler, warn};
use crate::event::{Kind, Special};
use crate::ir::expr::ExprId;
use crate::ir::node::{Atom, Literal, NodeId, Pool, Test};
use crate::operator::{Modifier, Operator, Values};
use crate::syntax::ast::{Check, Right};
use crate::vm::regex;

/// Returns the class of values by which an operator is looked up, and its name in messages.
fn values(kind: Kind) -> Option<(Values, &'static str)> {
    Some(match kind {
        Kind::Double => (Values::NUMBERS, "numeric filters"),
        Kind::Bool => (Values::TRUTHS, "numeric filters"),
        Kind::Ipv4Addr | Kind::Ipv6Addr | Kind::IpAddr | Kind::IpNet => {
            (Values::ADDRESSES, "ip address and network filters")
        }
        Kind::ByteBuf => (Values::BUFFERS, "buffer filters"),
        Kind::Uid | Kind::Gid | Kind::L4Proto => return None,
        _ if kind.number().is_some() => (Values::NUMBERS, "numeric filters"),
        _ if kind.is_text() => (Values::TEXTS, "string filters"),
        _ => return None,
    })
}

/// The kinds that can be in lists of conditions.
const LISTED: [Kind; 7] =
    [Kind::CharBuf, Kind::UInt64, Kind::RelTime, Kind::AbsTime, Kind::Bool, Kind::IpAddr, Kind::IpNet];

/// Returns whether values of a kind can be compared so.
fn comparable(op: Operator, modifier: Option<Modifier>, kind: Kind, list: bool) -> Result<(), String> {
    // `==` is called by the name of `=`.
    let name = if op == Operator::EqEq { Operator::Eq.text() } else { op.text() };
    let refuse = |what: &str| Err(format!("'{name}' operator not supported {what}"));
    if list {
        return match () {
            () if !LISTED.contains(&kind) => Err(format!("list filters are not supported for type '{}'", kind.name())),
            () if op.is_for(Values::LISTS) => Ok(()),
            () => refuse("list filters"),
        };
    }
    match values(kind) {
        Some((values, _)) if op.is_for(values) => Ok(()),
        Some((Values::ADDRESSES, what)) if modifier.is_some() => {
            Err(format!("'{name}' with modifier not supported for {what}"))
        }
        Some((_, what)) => refuse(&format!("for {what}")),
        None => refuse(&format!("for type '{}'", kind.name())),
    }
}

impl Compiler<'_> {
    /// Returns the condition of a check.
    pub(super) fn check(&mut self, check: &Check) -> Result<NodeId, CompileErrorKind> {
        let left = self.operand(&check.left)?;
        let (kind, list) = (self.pool.exprs[left].kind, self.pool.exprs[left].list);
        comparable(check.op, check.modifier, kind, list).map_err(|message| CompileErrorKind::Operator {
            op: check.op,
            message: format!("filter error: {message}"),
        })?;
        let values: &[Vec<u8>] = match &check.right {
            Right::Operand(operand) => {
                let right = self.operand(operand)?;
                self.against(check.op, left, right).map_err(|message| CompileErrorKind::Sides { message })?;
                return Ok(self.pool.atom(Atom { expr: left, test: Test::Against(plain(check.op), right) }));
            }
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values,
            Right::Name(name) => &[name.clone().into_bytes()],
        };
        let mut literals = Vec::with_capacity(values.len());
        for value in values {
            warn::check(check.op, value, check.right_at, self.schema, &mut self.warnings);
            literals.push(self.literal(check.op, left, value)?);
        }
        Ok(self.pool.check(left, check.op, check.modifier, literals, &mut *self.schema))
    }

    /// Checks whether two expressions may be compared.
    fn against(&self, op: Operator, left: ExprId, right: ExprId) -> Result<(), String> {
        let (left, right) = (&self.pool.exprs[left], &self.pool.exprs[right]);
        if matches!(op, Operator::PMatch | Operator::Regex) {
            let name = if op == Operator::PMatch { "PMATCH" } else { "REGEX" };
            return Err(format!("operator '{name}' doesn't support right-hand side fields"));
        }
        if left.kind == Kind::IpNet {
            return Err("field type 'IPNET' doesn't support right-hand side fields".into());
        }
        if left.no_rhs {
            return Err(format!("field '{}' doesn't support right-hand side fields", left.name));
        }
        if right.no_rhs {
            return Err(format!("field '{}' can't be used as a right-hand side field", right.name));
        }
        if (left.kind, left.list) == (right.kind, right.list) {
            return Ok(());
        }
        let list = |list: bool| if list { " (list)" } else { "" };
        Err(format!(
            "field '{}' has type '{}{}' while the right-hand side field '{}' has incompatible type '{}{}'",
            left.name,
            left.kind.name(),
            list(left.list),
            right.name,
            right.kind.name(),
            list(right.list)
        ))
    }

    /// Parses and checks one constant.
    fn literal(&self, op: Operator, left: ExprId, value: &[u8]) -> Result<Literal, CompileErrorKind> {
        let invalid = |message: &str| CompileErrorKind::Value { value: value.to_vec(), message: message.to_owned() };
        let expr = &self.pool.exprs[left];
        let bytes;
        let value = if matches!(op, Operator::BContains | Operator::BStartsWith) {
            bytes = literal::unhex(value)
                .ok_or_else(|| invalid("filter error: bcontains and bstartswith operator support hex strings only"))?;
            &bytes
        } else {
            value
        };
        let parsed = if expr.special == Special::RawArg {
            literal::parse_raw(value, expr.kind)
        } else {
            literal::parse(value, expr.kind)
        };
        let literal = parsed.map_err(|error| match error {
            literal::Invalid::Aborts => CompileErrorKind::Number { value: value.to_vec() },
            literal::Invalid::Words(message) => invalid(&message),
        })?;
        if expr.names_types && !std::str::from_utf8(value).is_ok_and(|name| self.schema.keys_of(name).is_some()) {
            return Err(CompileErrorKind::UnknownEventType { name: String::from_utf8_lossy(value).into_owned() });
        }
        if expr.special == Special::Around && !matches!(op, Operator::Eq | Operator::EqEq) {
            let message = "evt.around supports only '=' comparison operator".to_owned();
            return Err(CompileErrorKind::Operator { op, message });
        }
        if op == Operator::Regex {
            // Compiled here only to check it: the program keeps its own.
            let translated = regex::translate(value).and_then(|text| regex::compile(&text));
            translated.map_err(|message| invalid(&format!("invalid regex pattern: {message}")))?;
        }
        Ok(literal)
    }
}

/// Returns the known result of a comparison of the event's number, which is at least 1.
fn of_number(op: Operator, literal: &Literal) -> Option<bool> {
    match (op, literal) {
        (Operator::Eq | Operator::Le, Literal::U64(0)) | (Operator::Lt, Literal::U64(0 | 1)) => Some(false),
        (Operator::Ne | Operator::Gt, Literal::U64(0)) | (Operator::Ge, Literal::U64(0 | 1)) => Some(true),
        _ => None,
    }
}

/// Returns the operators without those that are spelled twice.
fn plain(op: Operator) -> Operator {
    match op {
        Operator::EqEq => Operator::Eq,
        Operator::BContains => Operator::Contains,
        Operator::BStartsWith => Operator::StartsWith,
        other => other,
    }
}

impl Pool {
    /// Returns the condition of an operator and parsed constants.
    fn check(
        &mut self,
        expr: ExprId,
        op: Operator,
        modifier: Option<Modifier>,
        mut literals: Vec<Literal>,
        schema: &mut dyn crate::event::Schema,
    ) -> NodeId {
        let op = plain(op);
        let (kind, list, special) = {
            let expr = &self.exprs[expr];
            (expr.kind, expr.list, expr.special)
        };
        let single = matches!(special, Special::AnyEnd | Special::AnyAncestor | Special::RawArg | Special::DnsName);
        match special {
            Special::Around => {
                let delta = match literals.first() {
                    Some(Literal::U64(milliseconds)) => milliseconds.wrapping_mul(1_000_000),
                    _ => 0,
                };
                return self.atom(Atom { expr, test: Test::Around(delta) });
            }
            Special::DnsName => return self.host(expr, op, &literals, schema),
            // These compare with the first constant only, whatever the modifier.
            _ if single && modifier.is_some() => literals.truncate(1),
            _ => {}
        }
        if let (Some(modifier), false) = (modifier, single) {
            return self.modified(expr, op, modifier, literals);
        }
        match op {
            Operator::In | Operator::Intersects => self.member(expr, op, literals),
            Operator::PMatch => {
                let mut paths: Vec<Box<[u8]>> = literals.iter().map(|literal| literal.bytes().into()).collect();
                paths.sort_unstable();
                paths.dedup();
                self.atom(Atom { expr, test: Test::PMatch(paths.into()) })
            }
            _ => {
                let Some(literal) = literals.pop() else {
                    return self.atom(Atom { expr, test: Test::Never });
                };
                if special == Special::EventNumber
                    && let Some(known) = of_number(op, &literal)
                {
                    return self.constant(known);
                }
                if op == Operator::Ne && special == Special::None && !list && kind != Kind::Double {
                    return self.differs(expr, Test::Compare(Operator::Eq, literal));
                }
                self.atom(Atom { expr, test: Test::Compare(op, literal) })
            }
        }
    }

    /// Returns that there is a value, but `test` is false.
    fn differs(&mut self, expr: ExprId, test: Test) -> NodeId {
        let exists = self.atom(Atom { expr, test: Test::Exists });
        let equal = self.atom(Atom { expr, test });
        let differs = self.not(equal);
        self.and([exists, differs])
    }

    fn member(&mut self, expr: ExprId, op: Operator, mut literals: Vec<Literal>) -> NodeId {
        let (kind, list, special) = {
            let expr = &self.exprs[expr];
            (expr.kind, expr.list, expr.special)
        };
        if special == Special::AnyEnd {
            // Only ports are looked up in a set; a network is compared with the first constant, and an address never is
            // a member. `intersects` is not supported at all.
            let test = match (kind, literals.first()) {
                (Kind::Port, _) if op == Operator::In => {
                    literals.sort_unstable();
                    literals.dedup();
                    Test::In(literals.into())
                }
                (Kind::IpNet, Some(first)) if op == Operator::In => Test::Compare(Operator::Eq, first.clone()),
                _ => Test::Never,
            };
            return self.atom(Atom { expr, test });
        }
        // The numbers of these are never members: they are compared as if they had no length.
        if matches!(special, Special::RawArg | Special::AnyAncestor) && !kind.is_text() {
            return self.atom(Atom { expr, test: Test::Never });
        }
        literals.sort_unstable();
        literals.dedup();
        match literals.as_slice() {
            [] if !list => self.atom(Atom { expr, test: Test::Never }),
            [_] if !list && special == Special::None && self.exprs[expr].nul == crate::ir::expr::Nul::Never => {
                let test = Test::Compare(Operator::Eq, literals.remove(0));
                self.atom(Atom { expr, test })
            }
            _ if list && op == Operator::Intersects => {
                self.atom(Atom { expr, test: Test::Intersects(literals.into()) })
            }
            _ => self.atom(Atom { expr, test: Test::In(literals.into()) }),
        }
    }

    fn modified(&mut self, expr: ExprId, op: Operator, modifier: Modifier, literals: Vec<Literal>) -> NodeId {
        if literals.is_empty() {
            return self.atom(Atom { expr, test: Test::Never });
        }
        let network = self.exprs[expr].kind == Kind::IpNet;
        match (modifier, op) {
            // Falco looks a network up among the constants by its bytes, which never finds it.
            (Modifier::AnyOf, Operator::Eq) if network => self.atom(Atom { expr, test: Test::Never }),
            (Modifier::AllOf, Operator::Ne) if network => self.atom(Atom { expr, test: Test::Exists }),
            (Modifier::AnyOf, Operator::Eq) => self.member(expr, Operator::In, literals),
            (Modifier::AllOf, Operator::Ne) => {
                let member = self.member(expr, Operator::In, literals);
                let exists = self.atom(Atom { expr, test: Test::Exists });
                let differs = self.not(member);
                self.and([exists, differs])
            }
            (Modifier::AnyOf | Modifier::AllOf, _) => {
                let mut children = Vec::with_capacity(literals.len());
                for literal in literals {
                    children.push(if op == Operator::Ne && self.exprs[expr].kind != Kind::Double {
                        self.differs(expr, Test::Compare(Operator::Eq, literal))
                    } else {
                        self.atom(Atom { expr, test: Test::Compare(op, literal) })
                    });
                }
                if modifier == Modifier::AnyOf { self.or(children) } else { self.and(children) }
            }
            (Modifier::OneOf, _) => self.atom(Atom { expr, test: Test::OneOf(op, literals.into()) }),
        }
    }

    fn host(
        &mut self,
        expr: ExprId,
        op: Operator,
        literals: &[Literal],
        schema: &mut dyn crate::event::Schema,
    ) -> NodeId {
        let hosts: &[Literal] = if op == Operator::In { literals } else { literals.get(..1).unwrap_or_default() };
        let hosts = hosts.iter().filter_map(|host| std::str::from_utf8(host.bytes()).ok());
        let hosts: Box<[_]> = hosts.map(|host| schema.host(host)).collect();
        let test = match op {
            Operator::Eq | Operator::In => Test::Host(true, hosts),
            Operator::Ne => Test::Host(false, hosts),
            _ => Test::Never,
        };
        self.atom(Atom { expr, test })
    }
}
