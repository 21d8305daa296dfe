//! Exceptions: their checks, and the text that they add to a condition.

use crate::diag::{Code, Context, Diagnostic, did_you_mean};
use crate::operator::{Modifier, Operator};
use crate::source::Style;
use crate::source::item::{Entry, Exception, Written};

use super::source_map::MappedText;
use super::{CollectedRule, Sources};

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// From how many exceptions on they are found by a table.
const MANY_EXCEPTIONS: usize = 16;

impl CollectedRule {
    /// Returns the first exception of a name.
    pub(super) fn exception(&mut self, name: &str) -> Option<&mut Exception> {
        let all = &mut self.rule.exceptions;
        if all.len() < MANY_EXCEPTIONS {
            self.by_name.clear();
            return all.iter_mut().find(|exception| exception.name == name);
        }
        if self.by_name.is_empty() {
            for (place, exception) in all.iter().enumerate() {
                self.by_name.entry(exception.name.clone()).or_insert(place);
            }
        }
        all.get_mut(*self.by_name.get(name)?)
    }
}

/// Returns whether a comparison is an operator on one value with a modifier for lists, such as `startswith oneof`.
fn is_modified(comp: &str) -> bool {
    let Some((op, modifier)) = comp.rsplit_once([' ', '\t', '\r', '\n']) else { return false };
    let op = op.trim_end_matches([' ', '\t', '\r', '\n']);
    Modifier::from_text(modifier).is_some() && Operator::from_text(op).is_some_and(Operator::is_modifiable)
}

fn takes_list(comp: &str) -> bool {
    Operator::from_text(comp).is_some_and(Operator::takes_list) || is_modified(comp)
}

/// Fills in default comparisons and checks that fields and comparisons fit. `source` if it is known.
pub(super) fn check(exception: &mut Exception, source: Option<&str>, sources: &mut Sources) -> Result<()> {
    let refuse = |exception: &Exception, message: String, hint: Option<String>| {
        let fault = Diagnostic::new(Code::Validate, message, exception.context.clone());
        Err(Box::new(fault.at(exception.spot).hint(hint)))
    };
    if matches!(exception.fields, Entry::Many(_)) {
        let count = exception.fields.many().len();
        if !exception.comps.is_some() {
            let equal = Entry::One(plain("=", exception));
            exception.comps = Entry::Many(vec![equal; count]);
        }
        if exception.comps.many().len() != count {
            return refuse(exception, "Fields and comps lists must have equal length".to_owned(), None);
        }
        if let Entry::Many(comps) = &mut exception.comps {
            comps.iter_mut().for_each(trim);
        }
        for comp in exception.comps.many() {
            let comp = comp.text();
            if !Operator::names().any(|name| name == comp) && !is_modified(comp) {
                let message = format!("'{comp}' is not a supported comparison operator");
                return refuse(exception, message, did_you_mean(comp, Operator::names()));
            }
        }
        for field in exception.fields.many() {
            check_field(exception, field, source, sources)?;
        }
        return Ok(());
    }
    if !exception.comps.is_some() {
        exception.comps = Entry::One(plain("in", exception));
    }
    if matches!(exception.comps, Entry::Many(_)) {
        return refuse(exception, "Fields and comps must both be strings".to_owned(), None);
    }
    trim(&mut exception.comps);
    let comp = exception.comps.text();
    if !takes_list(comp) {
        let message = "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier \
                       operator (e.g. startswith oneof)";
        return refuse(
            exception,
            message.to_owned(),
            did_you_mean(comp, Operator::ALL.iter().filter(|op| op.takes_list()).map(|op| op.text())),
        );
    }
    let field = exception.fields.clone();
    check_field(exception, &field, source, sources)
}

fn check_field(exception: &Exception, field: &Entry, source: Option<&str>, sources: &mut Sources) -> Result<()> {
    let Some(source) = source else { return Ok(()) };
    let spot = match field {
        Entry::One(written) => Some(written.spot),
        _ => exception.spot,
    };
    match sources.field(source, field.text()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let message = format!("'{}' is not a supported filter field", field.text());
            let fault = Diagnostic::new(Code::Validate, message, exception.context.clone()).at(spot);
            Err(Box::new(fault.hint(sources.near_field(source, field.text()))))
        }
        Err(error) => {
            let context = &exception.context;
            let root = Context::file(context.file, std::sync::Arc::clone(&context.locations[0].name));
            Err(Box::new(Diagnostic::new(Code::Validate, error.to_string(), root).at(spot)))
        }
    }
}

/// Returns a comparison that was not written, at the place of the exception.
fn plain(text: &str, exception: &Exception) -> Written {
    let spot = exception.spot.unwrap_or(crate::diag::Spot { file: exception.context.file, start: 0, end: 0 });
    Written { text: text.to_owned(), spot, style: Style::Plain }
}

fn trim(entry: &mut Entry) {
    if let Entry::One(written) = entry {
        written.text = written.text.trim_matches([' ', '\t', '\r', '\n']).to_owned();
    }
}

/// Quotes an item with spaces, unless it begins with a quote.
pub(super) fn quoted(item: &str) -> std::borrow::Cow<'_, str> {
    if item.contains(' ') && !item.starts_with(['"', '\'']) {
        return format!("\"{item}\"").into();
    }
    item.into()
}

/// Returns a text of an entry, with the changed words `shown` in its place.
fn piece(entry: &Entry, shown: &str) -> MappedText {
    let mut out = MappedText::default();
    match entry {
        Entry::One(written) if written.text == shown => out.push(written),
        // Quotes and parentheses around it have no origin.
        Entry::One(written) => match shown.split_once(written.text.as_str()) {
            Some((before, behind)) if !written.text.is_empty() => {
                out.push_str(before);
                out.push(written);
                out.push_str(behind);
            }
            _ => out.push_str(shown),
        },
        _ => out.push_str(shown),
    }
    out
}

/// Returns the condition with the exceptions of its rule.
///
/// # Errors
/// If the values of an exception do not fit its fields.
pub(super) fn with_exceptions(condition: &MappedText, exceptions: &[Exception]) -> Result<MappedText> {
    if exceptions.is_empty() {
        return Ok(condition.clone());
    }
    let mut out = MappedText::default();
    out.push_str("(");
    out.append(condition);
    out.push_str(")");
    for exception in exceptions {
        let text = match &exception.fields {
            Entry::Many(fields) => tuples(exception, fields)?,
            field => single(exception, field)?,
        };
        if !text.as_str().is_empty() {
            out.push_str(" and not ");
            out.append(&text);
        }
    }
    Ok(out)
}

/// Returns `(f in (a, b, c))`.
fn single(exception: &Exception, field: &Entry) -> Result<MappedText> {
    let mut out = MappedText::default();
    for value in &exception.values {
        if matches!(value, Entry::Many(_)) {
            let message = "Expected values array to contain a list of strings";
            return Err(Box::new(
                Diagnostic::new(Code::Validate, message, exception.context.clone()).at(exception.spot),
            ));
        }
        if out.as_str().is_empty() {
            out.push_str("(");
            out.append(&piece(field, field.text()));
            out.push_str(" ");
            out.append(&piece(&exception.comps, exception.comps.text()));
            out.push_str(" (");
        } else {
            out.push_str(", ");
        }
        out.append(&piece(value, &quoted(value.text())));
    }
    if !out.as_str().is_empty() {
        out.push_str("))");
    }
    Ok(out)
}

/// Returns `(( f = a and g startswith b) or ( f = c and g startswith d))`.
fn tuples(exception: &Exception, fields: &[Entry]) -> Result<MappedText> {
    let mut out = MappedText::default();
    for tuple in &exception.values {
        let values = tuple.many();
        if values.len() != fields.len() {
            let message = "Fields and values lists must have equal length";
            let count = format!("{} fields, but {} values", fields.len(), values.len());
            let fault = Diagnostic::new(Code::Validate, message, exception.context.clone());
            return Err(Box::new(fault.at(exception.spot).hint(count)));
        }
        out.push_str(if out.as_str().is_empty() { "((" } else { " or (" });
        for (at, (field, value)) in fields.iter().zip(values).enumerate() {
            let comp = exception.comps.many().get(at);
            let word = comp.map_or("=", Entry::text);
            out.push_str(if at == 0 { " " } else { " and  " });
            out.append(&piece(field, field.text()));
            out.push_str(" ");
            match comp {
                Some(comp) => out.append(&piece(comp, word)),
                None => out.push_str(word),
            }
            out.push_str(" ");
            match value {
                Entry::Many(several) => {
                    out.push_str("(");
                    // A first element that is empty text leaves no comma behind.
                    let mut any = false;
                    for one in several {
                        let text = quoted(one.text());
                        if any {
                            out.push_str(", ");
                        }
                        out.append(&piece(one, &text));
                        any |= !text.is_empty();
                    }
                    out.push_str(")");
                }
                one if takes_list(word) && !one.text().starts_with('(') => {
                    out.append(&piece(one, &format!("({})", one.text())));
                }
                one if takes_list(word) => out.append(&piece(one, one.text())),
                one => out.append(&piece(one, &quoted(one.text()))),
            }
        }
        out.push_str(")");
    }
    if !out.as_str().is_empty() {
        out.push_str(")");
    }
    Ok(out)
}
