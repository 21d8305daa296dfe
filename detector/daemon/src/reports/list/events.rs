//! `--list-events`: every event that is still produced, by kind, with its parameters.

use crate::cli::Format;
use crate::sources::ignored::ignored;
use scap::EventCode;
use scap::schema::{Category, EVENTS, EventFlags, EventInfo, ParamInfo, ParamType, SCHEMA_VERSION, SYSCALLS};
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// The kinds in list order. An event belongs to the first one whose category it has.
const KINDS: &[(&str, Category)] = &[
    ("Syscall events", Category::SYSCALL),
    ("Tracepoint events", Category::TRACEPOINT),
    ("Plugin events", Category::PLUGIN),
    ("Metaevents", Category::METAEVENT),
];

struct Row {
    name: &'static str,
    info: &'static EventInfo,
    by_default: bool,
}

/// Returns the whole list.
pub(crate) fn text(format: Format) -> String {
    let rows = rows();
    let of_kind = |index: usize| {
        let first = |row: &&Row| KINDS.iter().position(|(_, origin)| row.info.category.contains(*origin));
        rows.iter().filter(move |row| first(row) == Some(index))
    };
    if format == Format::Json {
        let mut root = json!({"schema_version": SCHEMA_VERSION});
        for (index, (kind, _)) in KINDS.iter().enumerate() {
            root[kind] = of_kind(index).map(to_json).collect();
        }
        return format!("{root:#}\n");
    }
    let mut text = format!("The events below are valid for *Schema Version*: {SCHEMA_VERSION}\n");
    for (index, (kind, _)) in KINDS.iter().enumerate() {
        text += &format!("## {kind}\n\n");
        if format == Format::Markdown {
            text += "Default | Dir | Name | Params \n:-------|:----|:-----|:-----\n";
        }
        for row in of_kind(index) {
            text += &line(row, format);
        }
        text.push('\n');
    }
    text
}

fn rows() -> Vec<Row> {
    let ignored: Vec<EventCode> = ignored().events().collect();
    let generic = |info: &EventInfo| info.code == EventCode::GENERIC_E || info.code == EventCode::GENERIC_X;
    let unknown = |info: &EventInfo| info.category == Category::UNKNOWN;
    let hidden = EventFlags::OLD_VERSION | EventFlags::UNUSED;
    let own = EVENTS.iter().filter(|info| !generic(info) && !unknown(info) && !info.flags.intersects(hidden));
    let mut rows: Vec<_> =
        own.map(|info| Row { name: info.name, info, by_default: !ignored.contains(&info.code) }).collect();
    // Calls without an event type of their own share the generic one and are listed by name.
    for call in SYSCALLS.iter().filter(|call| call.events.is_some_and(|(enter, _)| enter == EventCode::GENERIC_E)) {
        for code in [EventCode::GENERIC_E, EventCode::GENERIC_X] {
            rows.extend(code.info().map(|info| Row { name: call.name, info, by_default: true }));
        }
    }
    rows
}

fn names(param: &ParamInfo) -> Option<impl Iterator<Item = &'static str>> {
    use ParamType::{EnumFlags8, EnumFlags16, EnumFlags32, Flags8, Flags16, Flags32};
    let named = matches!(param.ty, Flags8 | Flags16 | Flags32 | EnumFlags8 | EnumFlags16 | EnumFlags32);
    param.flags.filter(|_| named).map(|table| table.entries.iter().map(|(name, _)| *name))
}

fn direction(info: &EventInfo) -> char {
    if info.code.is_enter() { '>' } else { '<' }
}

fn line(row: &Row, format: Format) -> String {
    let mut params = String::new();
    for (index, param) in row.info.params.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(params, "{comma}{} **{}**", param.ty.name(), param.name);
        if let Some(names) = names(param) {
            let names: Vec<_> = names
                .map(|name| if format == Format::Markdown { format!("*{name}*") } else { name.to_owned() })
                .collect();
            let _ = write!(params, ": {}", names.join(", "));
        }
    }
    let (direction, name) = (direction(row.info), row.name);
    if format == Format::Markdown {
        let by_default = if row.by_default { "Yes" } else { "No" };
        return format!("{by_default} | `{direction}` | `{name}` | {params}\n");
    }
    format!("{direction} {name}({params})\n")
}

fn to_json(row: &Row) -> Json {
    let param = |param: &ParamInfo| {
        let mut json = json!({"type": param.ty.name(), "name": param.name});
        if let Some(names) = names(param) {
            json["flags"] = names.collect();
        }
        json
    };
    let params: Json = row.info.params.iter().map(param).collect();
    json!({
        "name": row.name,
        "dir": direction(row.info).to_string(),
        "available": row.by_default,
        "params": params,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        let text = text(Format::Text);
        assert!(
            text.contains("\n< openat(FD **fd**, FD **dirfd**, FSRELPATH **name**, FLAGS32 **flags**: O_LARGEFILE, ")
        );
        assert!(text.contains("\n> getpid("));
        let markdown = super::text(Format::Markdown);
        assert!(markdown.contains("\nNo | `<` | `read` | "));
        assert!(markdown.contains("\nYes | `<` | `execve` | "));
        let json: Json = serde_json::from_str(&super::text(Format::Json)).unwrap();
        let open = json["Syscall events"].as_array().unwrap().iter().find(|event| event["name"] == "open").unwrap();
        assert_eq!(open["params"][1]["name"], "flags");
        for (kind, _) in KINDS {
            assert!(!json[kind].as_array().unwrap().is_empty(), "{kind}");
        }
    }
}
