//! The page of fields in the documentation, generated from the rows.

use std::fmt::Write;

use super::{ArgRule, CLASSES, FieldDef, FieldFlags, Lifetime};

const HEAD: &str = "\
# Fields

Rules use these fields in conditions (`proc.name = cat`) and outputs (`%proc.name`). The page is generated from the
tables in `sinsp/src/fields`; each example is run as a test over `testdata/traces/session.txt`: ann, logged in over ssh,
fetches a page with curl.

The column *holds* is the lifetime of a value: until the next `event`, as long as the `fd` does not change, as long as
the `thread` does not (no exec, no new credentials), as long as the thread's whole `lineage` does not, or as long as
that and the `leaders` of its session and process group do not.
";

/// Returns the whole page, as Markdown.
pub fn page() -> String {
    let mut out = String::from(HEAD);
    for class in CLASSES {
        let title = if class.short.is_empty() { String::new() } else { format!(" ({})", class.short.to_lowercase()) };
        let _ = write!(out, "\n## {}{title}\n\n", class.name);
        if !class.is_hidden() {
            let _ = write!(out, "{}\n\n", class.doc.trim());
        }
        out.push_str("| field | type | example | holds | |\n|---|---|---|---|---|\n");
        for field in class.fields {
            let _ = writeln!(
                out,
                "| `{}{}` | {} | {} | {} | {} |",
                field.name,
                argument(field),
                kind(field),
                example(field),
                lifetime(field.lifetime),
                cell(&description(field)),
            );
        }
    }
    out
}

fn argument(field: &FieldDef) -> &'static str {
    match field.arg {
        ArgRule::None | ArgRule::Counter => "",
        ArgRule::Index | ArgRule::Fd => "[N]",
        ArgRule::Name => "[NAME or N]",
        ArgRule::Param => ".NAME or [N]",
        ArgRule::RawParam | ArgRule::Cgroup => ".NAME",
        ArgRule::PathEnd => ".src or .dst",
        ArgRule::EventType => ".CODE or .NAME",
        ArgRule::Time => "[T]",
        ArgRule::Key => "[KEY]",
        ArgRule::IndexOrKey => "[KEY or N]",
    }
}

fn kind(field: &FieldDef) -> String {
    let name = if field.kind == scap::ParamType::Dyn { "DYNAMIC" } else { field.kind.name() };
    if field.flags.contains(FieldFlags::IS_LIST) { format!("list of {name}") } else { name.to_owned() }
}

fn example(field: &FieldDef) -> String {
    let arg = field.example.arg.map(|arg| format!("`{arg}` ")).unwrap_or_default();
    let text = match field.example.text {
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{}`", cell(text)),
        None => "none".to_owned(),
    };
    format!("{arg}{text}, {}", field.example.at.replace('_', " "))
}

fn lifetime(lifetime: Lifetime) -> &'static str {
    match lifetime {
        Lifetime::Event => "event",
        Lifetime::Fd => "fd",
        Lifetime::Thread => "thread",
        Lifetime::Lineage => "lineage",
        Lifetime::Leaders => "leaders",
    }
}

fn description(field: &FieldDef) -> String {
    let marks = [
        (FieldFlags::DEPRECATED, "deprecated"),
        (FieldFlags::FILTER_ONLY, "for conditions"),
        (FieldFlags::PRINT_ONLY, "for outputs"),
        (FieldFlags::TABLE_ONLY, "for tables"),
        (FieldFlags::FORMAT_SUGGESTED, "suggested for outputs"),
    ];
    let marks: Vec<_> = marks.iter().filter(|(flag, _)| field.flags.contains(*flag)).map(|(_, mark)| *mark).collect();
    let mut doc = field.doc.to_owned();
    if let Some(first) = doc.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if marks.is_empty() { doc } else { format!("{doc} *({})*", marks.join(", ")) }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
