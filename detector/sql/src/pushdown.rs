//! Predicates of SQL as conditions of rules.
//!
//! A condition never excludes an event whose row the predicate keeps. The two languages differ about what is absent:
//! `NULL = x` and its negation are both unknown in SQL, and so exclude the row; in a condition the negation holds. That is
//! why a predicate is translated twice, as what is true and as what is false, and `not` swaps them.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Like, Operator as Sql};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::Filter;
use rule_engine::syntax::ast::{Check, Expr as Tree, Field, Operand, Operator, Position, Right};
use rule_engine::syntax::print;
use scap::schema::ParamType;
use sinsp::fields::{FieldRef, Fields, Item};

/// Fields whose text is a name that this library knows: no capture brings a NUL into it.
const WITHOUT_NUL: [&str; 7] =
    ["evt.category", "evt.dir", "evt.type", "fd.l4proto", "fd.type", "fd.typechar", "syscall.type"];

/// A condition that holds for every event whose row a predicate keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pushed {
    tree: Tree,
    /// Whether it holds for no other.
    pub(crate) exact: bool,
}

impl Pushed {
    /// Returns the text of the condition.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&print::exact(&self.tree)).into_owned()
    }
}

/// Returns the condition of a predicate, or of as much of it as a condition can say.
pub(crate) fn translate(predicate: &Expr) -> Option<Pushed> {
    let pushed = side(predicate, true)?;
    // The language has limits that SQL does not have: the depth, the length of constants, the names of events.
    Filter::compile(&pushed.text(), SinspSchema::new(Fields::new())).ok()?;
    Some(pushed)
}

/// Returns the condition that a predicate is true, or that it is false: not that it is unknown.
fn side(predicate: &Expr, truth: bool) -> Option<Pushed> {
    match predicate {
        Expr::Not(inner) => side(inner, !truth),
        Expr::BinaryExpr(BinaryExpr { left, op: Sql::And, right }) => junction(left, right, truth, truth),
        Expr::BinaryExpr(BinaryExpr { left, op: Sql::Or, right }) => junction(left, right, truth, !truth),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (field(left), literal(right)) {
            (Some(field), Some(value)) => comparison(&field, *op, value, truth),
            _ => comparison(&field(right)?, op.swap()?, literal(left)?, truth),
        },
        Expr::InList(InList { expr, list, negated }) => member(&field(expr)?, list, truth != *negated),
        Expr::Between(Between { expr, negated, low, high }) => {
            let field = field(expr)?;
            let truth = truth != *negated;
            let low = comparison(&field, Sql::GtEq, literal(low)?, truth);
            let high = comparison(&field, Sql::LtEq, literal(high)?, truth);
            if truth { both(low, high) } else { either(low, high) }
        }
        Expr::Like(Like { negated, expr, pattern, escape_char, case_insensitive: false }) => {
            let field = field(expr)?;
            like(&field, text(literal(pattern)?)?, *escape_char, truth != *negated)
        }
        Expr::ScalarFunction(call) => {
            let [value, wanted] = call.args.as_slice() else { return None };
            let op = match call.name() {
                "starts_with" => Operator::StartsWith,
                "ends_with" => Operator::EndsWith,
                "contains" => Operator::Contains,
                _ => return None,
            };
            textual(&field(value)?, op, text(literal(wanted)?)?, truth)
        }
        Expr::IsNull(inner) => presence(&field(inner)?, !truth),
        Expr::IsNotNull(inner) => presence(&field(inner)?, truth),
        Expr::IsTrue(inner) if truth => side(inner, true),
        Expr::IsFalse(inner) if truth => side(inner, false),
        Expr::Column(_) => {
            let field = field(predicate)?;
            (field.shape().item == Item::Bool).then(|| check(&field, Operator::Eq, truth.to_string(), true))
        }
        _ => None,
    }
}

/// Translates two predicates that are both wanted (`all`), or either.
fn junction(left: &Expr, right: &Expr, truth: bool, all: bool) -> Option<Pushed> {
    let (left, right) = (side(left, truth), side(right, truth));
    if all { both(left, right) } else { either(left, right) }
}

/// Returns that both hold. What cannot be said is left out.
fn both(left: Option<Pushed>, right: Option<Pushed>) -> Option<Pushed> {
    match (left, right) {
        (Some(left), Some(right)) => Some(joined(left, right, true)),
        (one, other) => one.or(other).map(|pushed| Pushed { exact: false, ..pushed }),
    }
}

/// Returns that either holds.
fn either(left: Option<Pushed>, right: Option<Pushed>) -> Option<Pushed> {
    Some(joined(left?, right?, false))
}

fn joined(left: Pushed, right: Pushed, all: bool) -> Pushed {
    let exact = left.exact && right.exact;
    let mut parts = Vec::new();
    for part in [left.tree, right.tree] {
        match (part, all) {
            (Tree::And(inner, _), true) | (Tree::Or(inner, _), false) => parts.extend(inner),
            (other, _) => parts.push(other),
        }
    }
    let tree = if all { Tree::And(parts, Position::START) } else { Tree::Or(parts, Position::START) };
    Pushed { tree, exact }
}

/// Returns the field of a column, if its value and that in a condition are the same.
fn field(expr: &Expr) -> Option<FieldRef> {
    let column = match expr {
        Expr::Column(column) => column,
        // Text of a dictionary is compared as plain text.
        Expr::Cast(Cast { expr, field }) if is_text(field.data_type()) => match &**expr {
            Expr::Column(column) => {
                let field = FieldRef::parse(&column.name).ok()?;
                return (field.shape().item == Item::Text).then_some(field).filter(is_same);
            }
            _ => return None,
        },
        _ => return None,
    };
    FieldRef::parse(&column.name).ok().filter(is_same)
}

fn is_text(ty: &datafusion::arrow::datatypes::DataType) -> bool {
    use datafusion::arrow::datatypes::DataType as Type;
    matches!(ty, Type::Utf8 | Type::LargeUtf8 | Type::Utf8View)
}

fn is_same(field: &FieldRef) -> bool {
    let shape = field.shape();
    if shape.list || field.is_filter_only() || field.def().name == "evt.rawarg" {
        return false;
    }
    match shape.item {
        Item::Bool | Item::Signed(_) | Item::Unsigned(_) => true,
        // Times of the day are text in conditions.
        Item::Time => field.kind() != ParamType::CharBuf,
        Item::Text => matches!(field.kind(), ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath),
        Item::Address => true,
        _ => false,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// Returns a constant that is text. One that is not a column's text in every case is left out: U+FFFD appears where bytes
/// are not UTF-8.
fn text(value: &ScalarValue) -> Option<&str> {
    let text = match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => text.as_deref()?,
        ScalarValue::Dictionary(_, value) => return self::text(value),
        _ => return None,
    };
    (!text.contains(['\u{fffd}', '\0'])).then_some(text)
}

/// Returns the digits of a constant.
fn digits(value: &ScalarValue) -> Option<String> {
    Some(match value {
        ScalarValue::Int8(Some(number)) => number.to_string(),
        ScalarValue::Int16(Some(number)) => number.to_string(),
        ScalarValue::Int32(Some(number)) => number.to_string(),
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::UInt8(Some(number)) => number.to_string(),
        ScalarValue::UInt16(Some(number)) => number.to_string(),
        ScalarValue::UInt32(Some(number)) => number.to_string(),
        ScalarValue::UInt64(Some(number)) => number.to_string(),
        _ => return None,
    })
}

fn comparison(field: &FieldRef, op: Sql, value: &ScalarValue, truth: bool) -> Option<Pushed> {
    // What is false of a comparison is true of its opposite.
    let op = if truth { op } else { op.negate()? };
    let wanted = match op {
        Sql::Eq => Operator::Eq,
        Sql::NotEq => Operator::Ne,
        Sql::Lt => Operator::Lt,
        Sql::LtEq => Operator::Le,
        Sql::Gt => Operator::Gt,
        Sql::GtEq => Operator::Ge,
        _ => return None,
    };
    let is_equality = matches!(wanted, Operator::Eq | Operator::Ne);
    match field.shape().item {
        Item::Text if wanted == Operator::Eq => textual(field, wanted, text(value)?, true),
        Item::Text if wanted == Operator::Ne => textual(field, Operator::Eq, text(value)?, false),
        Item::Bool if is_equality => match value {
            ScalarValue::Boolean(Some(value)) => Some(check(field, wanted, value.to_string(), true)),
            _ => None,
        },
        // A number that does not fit its column is null there.
        Item::Signed(_) | Item::Unsigned(_) => Some(check(field, wanted, digits(value)?, false)),
        Item::Time => match value {
            // No time is before 1970.
            ScalarValue::TimestampNanosecond(Some(time @ 0..), _) => {
                Some(check(field, wanted, time.to_string(), false))
            }
            _ => None,
        },
        // The column has one text for each address.
        Item::Address if wanted == Operator::Eq => {
            let text = text(value)?;
            let address: std::net::IpAddr = text.parse().ok()?;
            (address.to_string() == text).then(|| check(field, wanted, text.to_owned(), false))
        }
        _ => None,
    }
}

fn member(field: &FieldRef, list: &[Expr], truth: bool) -> Option<Pushed> {
    let mut all: Option<Pushed> = None;
    for item in list {
        let value = literal(item)?;
        // A null is equal to nothing; nothing is known to differ from it.
        if value.is_null() {
            return None;
        }
        let one = comparison(field, Sql::Eq, value, truth)?;
        all = Some(match all {
            None => one,
            Some(all) => joined(all, one, !truth),
        });
    }
    all
}

/// Translates a pattern by the literal text at its beginning and its end, or anywhere.
fn like(field: &FieldRef, pattern: &str, escape: Option<char>, truth: bool) -> Option<Pushed> {
    let escape = escape.unwrap_or('\\');
    // The literal texts between wildcards.
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter == escape => part.push(letters.next().filter(|letter| matches!(letter, '%' | '_'))?),
            '%' => parts.push(std::mem::take(&mut part)),
            '_' => return None,
            other => part.push(other),
        }
    }
    let one = |op, text: &str| textual(field, op, text, truth);
    match parts.as_slice() {
        [] => one(Operator::Eq, &part),
        [start] if part.is_empty() => one(Operator::StartsWith, start),
        [start] if start.is_empty() => one(Operator::EndsWith, &part),
        [start, middle] if start.is_empty() && part.is_empty() => one(Operator::Contains, middle),
        // Its parts in any order, or overlapping, are more than the pattern; that one is missing is less than its negation.
        [start, middle @ ..] if truth => {
            let mut all: Option<Pushed> = None;
            let starts = (!start.is_empty()).then(|| one(Operator::StartsWith, start));
            let ends = (!part.is_empty()).then(|| one(Operator::EndsWith, &part));
            let inner = middle.iter().filter(|text| !text.is_empty()).map(|text| one(Operator::Contains, text));
            for pushed in starts.into_iter().chain(inner).chain(ends) {
                all = both(all, pushed);
            }
            all.map(|all| Pushed { exact: false, ..all })
        }
        _ => None,
    }
}

/// Returns a check of text, or that there is text of which it is false.
///
/// A column has the text before the first NUL, and a condition all of it. So a check of what follows may be false of a text
/// although it is true of the column.
fn textual(field: &FieldRef, op: Operator, text: &str, truth: bool) -> Option<Pushed> {
    if field.shape().item != Item::Text {
        return None;
    }
    let is_whole = WITHOUT_NUL.contains(&field.def().name);
    let (op, exact) = match (op, truth) {
        (Operator::StartsWith, _) => (op, true),
        _ if is_whole => (op, true),
        (Operator::Eq, true) => (Operator::StartsWith, false),
        (Operator::EndsWith | Operator::Contains, true) => (Operator::Contains, false),
        (Operator::Eq, false) => (op, false),
        _ => return None,
    };
    let positive = check(field, op, text.to_owned(), exact);
    if truth {
        return Some(positive);
    }
    if op == Operator::Eq {
        return Some(check(field, Operator::Ne, text.to_owned(), exact));
    }
    let differs = Pushed { tree: Tree::Not(Box::new(positive.tree), Position::START), exact };
    Some(joined(presence(field, true)?, differs, true))
}

/// Returns that there is a value, or none.
fn presence(field: &FieldRef, truth: bool) -> Option<Pushed> {
    let exists = Tree::Exists(operand(field), Position::START);
    // A value that does not fit its column is null there, though it exists.
    let is_whole = matches!(field.shape().item, Item::Text | Item::Bool);
    match truth {
        true => Some(Pushed { tree: exists, exact: is_whole }),
        false if is_whole => Some(Pushed { tree: Tree::Not(Box::new(exists), Position::START), exact: true }),
        false => None,
    }
}

fn check(field: &FieldRef, op: Operator, value: String, exact: bool) -> Pushed {
    let right = Right::Value(value.into_bytes());
    let check = Check { left: operand(field), op, modifier: None, right, right_at: Position::START };
    Pushed { tree: Tree::Check(Box::new(check), Position::START), exact }
}

fn operand(field: &FieldRef) -> Operand {
    let whole = field.name();
    let (name, arg) = match whole.split_once('[') {
        Some((name, arg)) => (name, Some(arg.strip_suffix(']').unwrap_or(arg).as_bytes().to_vec())),
        None => (whole, None),
    };
    Operand::Field(Field { name: name.to_owned(), arg }, Position::START)
}

#[cfg(test)]
mod tests;
