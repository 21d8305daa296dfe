//! Diagnostics as Falco prints them: the JSON and the text of `-V`.

use serde_json::{Value, json};

use super::codes::Severity;
use super::context::Context;
use super::report::{Diagnostic, FileReport};
use crate::text::SourceFile;
use crate::text::{shown, to_bytes};

/// The reach of a snippet to either side, in bytes.
const REACH: usize = 80;

/// Returns the object of one file in `falco_load_results`.
pub fn json(report: &FileReport, files: &[SourceFile]) -> Value {
    let of = |severity: Severity| -> Vec<Value> {
        let all = report.diagnostics.iter().filter(|d| is_printed(d) && d.code.severity() == severity);
        all.map(|d| diagnostic(d, files)).collect()
    };
    let mut object = json!({ "errors": of(Severity::Error), "name": shown(&report.name) });
    if let Some(schema) = &report.schema {
        object["schema_valid"] = json!(schema.is_empty());
        object["schema_warnings"] = json!(schema);
    }
    object["successful"] = json!(report.is_successful());
    object["warnings"] = json!(of(Severity::Warning));
    object
}

fn diagnostic(diagnostic: &Diagnostic, files: &[SourceFile]) -> Value {
    let locations: Vec<Value> = diagnostic
        .context
        .locations
        .iter()
        .map(|location| {
            json!({
                "item_name": shown(&location.item),
                "item_type": location.place.name(),
                "position": {
                    "column": location.mark.column,
                    "line": location.mark.line,
                    "name": shown(&location.name),
                    "offset": location.mark.offset,
                },
            })
        })
        .collect();
    // An error's long description is its title.
    let description = match diagnostic.code.severity() {
        Severity::Error => diagnostic.code.title(),
        Severity::Warning => diagnostic.code.text(),
    };
    let mut object = json!({
        "code": diagnostic.code.name(),
        "codedesc": description,
        "context": { "locations": locations, "snippet": snippet(&diagnostic.context, files) },
    });
    if let Some(field) = diagnostic.deprecated_field {
        object["deprecated_field"] = json!(field);
    }
    object["message"] = json!(shown(&diagnostic.message));
    object
}

/// Returns the text of one file, without a line end if all is well.
pub fn text(report: &FileReport, files: &[SourceFile]) -> String {
    let falcos = |severity: Severity| -> Vec<&Diagnostic> {
        report.diagnostics.iter().filter(|d| is_printed(d) && d.code.severity() == severity).collect()
    };
    let (errors, warnings) = (falcos(Severity::Error), falcos(Severity::Warning));
    let verdict = match (errors.is_empty(), warnings.is_empty()) {
        (true, true) => "Ok",
        (true, false) => "Ok, with warnings",
        (false, _) => "Invalid",
    };
    let mut out = format!("{}: {verdict}", shown(&report.name));
    if let Some(schema) = report.schema.as_ref().filter(|schema| !schema.is_empty()) {
        out.push_str(&format!("\n{} Schema warnings:\n", schema.len()));
        for warning in schema {
            out.push_str(&format!("------\n{warning}\n"));
        }
        out.push_str("------\n");
    }
    for (title, list) in [("Errors", errors), ("Warnings", warnings)] {
        if list.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{} {title}:\n", list.len()));
        for one in list {
            out.push_str(&stack(&one.context));
            out.push_str(&format!("------\n{}------\n", snippet(&one.context, files)));
            let field = one.deprecated_field.map(|field| format!(": field '{field}'")).unwrap_or_default();
            out.push_str(&format!("{} ({}{field}): {}\n", one.code.name(), one.code.title(), shown(&one.message)));
        }
    }
    out
}

/// Warnings of our own are left out; an error of our own rejects the file, so that it cannot be "Ok".
fn is_printed(diagnostic: &Diagnostic) -> bool {
    diagnostic.code.is_falcos() || diagnostic.is_error()
}

fn stack(context: &Context) -> String {
    let mut out = String::new();
    for (level, location) in context.locations.iter().enumerate() {
        let lead = if level == 0 { "In " } else { "    " };
        let item = if location.item.is_empty() { String::new() } else { format!(" '{}'", shown(&location.item)) };
        let (name, mark) = (shown(&location.name), location.mark);
        out.push_str(&format!("{lead}{}{item}: ({name}:{}:{})\n", location.place.name(), mark.line, mark.column));
    }
    out
}

/// Returns the line around a location, cut to `REACH` bytes on either side, and a mark below.
pub fn snippet(context: &Context, files: &[SourceFile]) -> String {
    const NOTHING: &str = "<No context available>\n";
    let location = context.innermost();
    let content = match &context.condition {
        Some(condition) if !condition.is_empty() => to_bytes(condition),
        _ => match files.iter().find(|file| file.name == location.name) {
            Some(file) => file.text.bytes(),
            None => return format!("<No context for file + {}>\n", shown(&location.name)),
        },
    };
    if content.is_empty() {
        return NOTHING.to_owned();
    }
    // A mark may be behind the end, or on the end of a line.
    let mut at = location.mark.offset;
    if at >= content.len() {
        at = content.len() - 1;
    }
    while at > 0 && content[at] == b'\n' {
        at -= 1;
    }
    if content[at] == b'\n' {
        return NOTHING.to_owned();
    }
    let (mut from, mut to) = (at, at);
    while from > 0 && content[from] != b'\n' && at - from < REACH {
        from -= 1;
    }
    while to < content.len() - 1 && content[to] != b'\n' && to - at < REACH {
        to += 1;
    }
    if content[from] == b'\n' {
        from += 1;
    }
    if content[to] == b'\n' {
        to -= 1;
    }
    let mut line = content[from..=to].to_vec();
    let mark = at - from;
    if mark >= REACH {
        line.splice(..line.len().min(3), *b"...");
    }
    if to - at >= REACH {
        let end = line.len() - line.len().min(3);
        line.splice(end.., *b"...");
    }
    let fits = mark <= line.len();
    line.push(b'\n');
    let mut out = String::from_utf8_lossy(&line).into_owned();
    if fits {
        out.push_str(&" ".repeat(mark));
        out.push_str("^\n");
    }
    out
}
