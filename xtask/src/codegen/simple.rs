//! `simple.bpf.h`: one program for each event whose parameters are its call's arguments, from [`RECIPES`].
//!
//! An event without strings has one size, so its program reserves the record and writes it in place; the others go
//! through the event writer. Both forms are straight lines of code.

use super::recipes::RECIPES;
use super::translations::TRANSLATIONS;
use scap::schema::{EVENTS, EventInfo, ParamType};
use std::fmt::Write as _;

/// Translations that are written by hand, in `sys/convert.bpf.h` and `userspace/src/convert.rs`.
pub(super) const BY_HAND: &[&str] = &["futex_operation", "mknod_mode", "device_number", "socket_family", "mount_flags"];

enum Value {
    Number { expr: String, width: usize },
    User { argument: String, from: usize, width: usize },
    Text { expr: String },
}

fn value(event: &EventInfo, index: usize, word: &str) -> Result<Value, String> {
    let param = event.params.get(index).ok_or_else(|| format!("{}: too many words", event.constant))?;
    let width = param.ty.min_len();
    let error = |what: &str| Err(format!("{}.{}: {word}: {what}", event.constant, param.name));
    let (op, argument) = word.split_once(':').unwrap_or((word, ""));
    if param.ty.is_variable() {
        return match op {
            "text" | "text_ok"
                if !matches!(param.ty, ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath) =>
            {
                error("is not text")
            }
            "text" => Ok(Value::Text { expr: format!("c->args[{argument}]") }),
            "text_ok" => Ok(Value::Text { expr: format!("ret >= 0 ? c->args[{argument}] : 0") }),
            _ => error("the parameter is not a number"),
        };
    }
    let number = |expr: String| Ok(Value::Number { expr, width });
    match op {
        "ret" => number("ret".into()),
        "ret32" => number("(s64)(s32)ret".into()),
        "fd" if width == 8 => number(format!("(s64)(s32)c->args[{argument}]")),
        "arg" => number(format!("c->args[{argument}]")),
        "arg32" => number(format!("(u32)c->args[{argument}]")),
        "zero" => number("0".into()),
        "vm_size" | "vm_rss" | "vm_swap" => number(format!("task_{op}(task)")),
        "user32" => Ok(Value::User { argument: argument.into(), from: 4, width }),
        "user64" => Ok(Value::User { argument: argument.into(), from: 8, width }),
        _ if BY_HAND.contains(&op) || TRANSLATIONS.iter().any(|row| row.name == op) => {
            number(format!("{op}(c->args[{argument}])"))
        }
        _ => error("is not a word that fits"),
    }
}

fn program(event: &EventInfo, values: &[Value], out: &mut String) {
    let name = event.constant;
    let lower = name.to_lowercase();
    let fixed = !values.iter().any(|value| matches!(value, Value::Text { .. }));
    let _ = writeln!(out, "\nON_EXIT({lower})\n{{");
    if values.iter().any(|value| matches!(value, Value::Number { expr, .. } if expr.starts_with("task_"))) {
        out.push_str("\tstruct task_struct *task = task_current();\n");
    }
    out.push_str("\tstruct cpu *c = cpu_current();\n\n\tif (!c)\n\t\treturn 0;\n");
    for (i, value) in values.iter().enumerate() {
        if let Value::User { argument, from, .. } = value {
            let _ = writeln!(out, "\tu64 user{i} = user_u{}(c->args[{argument}]);", from * 8);
        }
    }
    if fixed {
        fixed_body(name, values, out);
    } else {
        let _ = writeln!(out, "\tstruct event e = event_begin(c, EV_{name}, EV_{name}_PARAMS, EV_{name}_FAMILY);\n");
        for (i, value) in values.iter().enumerate() {
            let _ = match value {
                Value::Number { expr, width } => writeln!(out, "\tpush_u{}(&e, {expr});", width * 8),
                Value::User { width, .. } => writeln!(out, "\tpush_u{}(&e, user{i});", width * 8),
                Value::Text { expr } => writeln!(out, "\tpush_user_text(&e, {expr}, MAX_PATH);"),
            };
        }
        out.push_str("\tevent_finish(&e);\n");
    }
    out.push_str("\treturn 0;\n}\n");
}

fn fixed_body(name: &str, values: &[Value], out: &mut String) {
    let width = |value: &Value| match value {
        Value::Number { width, .. } | Value::User { width, .. } => *width,
        Value::Text { .. } => 0,
    };
    let start = scap::event::HEADER_LEN + 2 * values.len();
    let size = start + values.iter().map(width).sum::<usize>();
    let _ = writeln!(
        out,
        "\tu8 *r = record_begin(c, EV_{name}, EV_{name}_PARAMS, {size}, EV_{name}_FAMILY);\n\n\tif (!r)\n\t\treturn 0;"
    );
    // The lengths are known here, so they are written four at a time.
    let lengths: Vec<u64> = values.iter().map(|value| width(value) as u64).collect();
    let mut at = scap::event::HEADER_LEN;
    for chunk in lengths.chunks(4) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let take = match rest.len() {
                4.. => 4,
                2 | 3 => 2,
                _ => 1,
            };
            let word = rest[..take].iter().rev().fold(0u64, |word, len| word << 16 | len);
            let _ = writeln!(out, "\tPUT{}(r, {at}, {word:#x}{});", take * 16, if take == 4 { "ULL" } else { "" });
            at += 2 * take;
            rest = &rest[take..];
        }
    }
    for (i, value) in values.iter().enumerate() {
        let bits = width(value) * 8;
        let _ = match value {
            Value::Number { expr, .. } => writeln!(out, "\tPUT{bits}(r, {at}, {expr});"),
            _ => writeln!(out, "\tPUT{bits}(r, {at}, user{i});"),
        };
        at += width(value);
    }
    out.push_str("\trecord_finish(r);\n");
}

/// Returns the text of `simple.bpf.h`.
pub(super) fn header() -> Result<String, String> {
    let mut out = super::c_header("The programs of the calls whose parameters are plain arguments.");
    for (constant, words) in RECIPES {
        let event = EVENTS
            .iter()
            .find(|info| info.constant == *constant && info.is_live())
            .ok_or_else(|| format!("{constant} is not a live event"))?;
        let words: Vec<&str> = words.split_whitespace().collect();
        if words.len() != event.params.len() {
            return Err(format!("{constant} has {} parameters and {} words", event.params.len(), words.len()));
        }
        let values = words.iter().enumerate().map(|(i, word)| value(event, i, word)).collect::<Result<Vec<_>, _>>()?;
        program(event, &values, &mut out);
    }
    Ok(out)
}
