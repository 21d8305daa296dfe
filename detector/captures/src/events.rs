//! `pscap events`: the schema as a list for people, as Markdown, or as JSON.

use std::fmt::Write as _;

use scap::schema::{Category, EVENT_COUNT, EVENTS, EventInfo, Format as Print, ParamInfo, SCHEMA_VERSION};
use serde_json::{Value as Json, json};

use crate::cli::{Events, Format};
use crate::{Fatal, output};

pub(crate) fn run(options: &Events) -> Result<(), Fatal> {
    let rows = rows(&options.names, options.all)?;
    let text = match options.format {
        Format::Text => text(&rows),
        Format::Markdown => markdown(&rows),
        Format::Json => format!("{:#}\n", Json::from_iter(rows.into_iter().map(to_json))),
    };
    Ok(output::print(&text)?)
}

/// Returns the events with the given names, or all; those that drivers no longer produce only if `all` is set.
fn rows(names: &[String], all: bool) -> Result<Vec<&'static EventInfo>, Fatal> {
    for name in names {
        if !EVENTS.iter().any(|info| info.name == name) {
            return Err(format!("there is no event `{name}`").into());
        }
    }
    let wanted = |info: &&EventInfo| names.is_empty() || names.iter().any(|name| name == info.name);
    Ok(EVENTS.iter().filter(wanted).filter(|info| all || is_sent(info)).collect())
}

/// Returns whether drivers still produce it. System calls are reported by their exit alone.
fn is_sent(info: &EventInfo) -> bool {
    info.is_live() && (info.code.is_exit() || !info.category.intersects(Category::SYSCALL))
}

fn side(info: &EventInfo) -> &'static str {
    if info.code.is_enter() { "enter" } else { "exit" }
}

fn text(rows: &[&EventInfo]) -> String {
    let mut out = String::new();
    for info in rows {
        let params: Vec<String> =
            info.params.iter().map(|param| format!("{} {}", param.ty.name(), param.name)).collect();
        let _ = writeln!(out, "{:>3} {:5} {}({})", info.code.0, side(info), info.name, params.join(", "));
    }
    out
}

fn markdown(rows: &[&EventInfo]) -> String {
    let mut out = format!(
        "# Events\n\n\
         Version {SCHEMA_VERSION} of the schema has {EVENT_COUNT} codes, old and new; this page lists {}. \
         It is generated from the table in `scap/src/schema/events` by `pscap events --format markdown`.\n\n\
         A code is even on entry to a call and odd on exit. Each parameter has its type; after it come \
         the format of its number if not decimal, *in* the table that names its values, *at* the parameter with the \
         directory where a relative path starts, or *one of* its possible types.\n",
        rows.len()
    );
    for (origin, title) in [
        (Category::SYSCALL, "System calls"),
        (Category::TRACEPOINT, "Tracepoints"),
        (Category::METAEVENT, "Made by the capture"),
        (Category::PLUGIN, "Plugins"),
        (Category::ITER, "Iterators"),
        (Category::UNKNOWN, "Unused"),
    ] {
        let mut rows = rows.iter().filter(|info| info.category.origin() == origin).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {title}\n\n| code | event | side | category | does | parameters |\n|---|---|---|---|---|---|\n"
        );
        for info in rows {
            let params: Vec<String> = info.params.iter().map(|param| describe(info, param)).collect();
            let does: Vec<String> = info.flags.names().map(|name| name.to_lowercase().replace('_', " ")).collect();
            let _ = writeln!(
                out,
                "| {} | `{}` | {} | {} | {} | {} |",
                info.code.0,
                info.name,
                side(info),
                info.category.subject_name(),
                does.join(", "),
                params.join("<br>")
            );
        }
    }
    out
}

fn describe(info: &EventInfo, param: &ParamInfo) -> String {
    let mut text = format!("`{}` {}", param.name, param.ty.name());
    match param.format {
        Print::Hex => text.push_str(", hex"),
        Print::Oct => text.push_str(", octal"),
        _ => {}
    }
    if let Some(table) = param.flags {
        let _ = write!(text, " in `{}`", table.name);
    }
    if let Some(base) = param.dirfd.and_then(|index| info.params.get(index)) {
        let _ = write!(text, " at `{}`", base.name);
    }
    if !param.dynamic.is_empty() {
        let types: Vec<&str> = param.dynamic.iter().map(|inner| inner.ty.name()).collect();
        let _ = write!(text, " one of {}", types.join(", "));
    }
    text
}

fn to_json(info: &EventInfo) -> Json {
    json!({
        "code": info.code.0,
        "name": info.name,
        "constant": info.constant,
        "side": side(info),
        "category": info.category.subject_name(),
        "origin": info.category.origin_name(),
        "flags": info.flags.names().collect::<Vec<_>>(),
        "syscalls": info.code.syscalls().filter_map(|call| call.info()).map(|call| call.name).collect::<Vec<_>>(),
        "params": info.params.iter().map(|param| param_json(info, param)).collect::<Vec<_>>(),
    })
}

fn param_json(info: &EventInfo, param: &ParamInfo) -> Json {
    let mut row = json!({"name": param.name, "type": param.ty.name(), "format": format!("{:?}", param.format)});
    if let Some(table) = param.flags {
        row["names"] = table.entries.iter().map(|&(name, value)| json!({"name": name, "value": value})).collect();
    }
    if let Some(base) = param.dirfd.and_then(|index| info.params.get(index)) {
        row["relative_to"] = base.name.into();
    }
    if !param.dynamic.is_empty() {
        row["one_of"] = param.dynamic.iter().map(|inner| param_json(info, inner)).collect();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_by_name() {
        assert!(rows(&["openat".into(), "nope".into()], false).is_err());
        let codes =
            |all| rows(&["openat".into()], all).expect("rows").iter().map(|info| info.code.0).collect::<Vec<_>>();
        assert_eq!((codes(false), codes(true)), (vec![307], vec![102, 103, 306, 307]));
        let json = to_json(rows(&["ptrace".into()], false).expect("rows")[0]);
        assert_eq!(json["params"][1]["one_of"][1]["type"], "SIGTYPE");
        assert_eq!(json["syscalls"][0], "ptrace");
    }
}
