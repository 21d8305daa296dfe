//! `simple.rs` and `flags.rs` of the source without privileges: the same calls as in the probe's `simple.bpf.h`, from the
//! same [`RECIPES`], and the same translations of flags.

use super::flags::{moves, value};
use super::recipes::RECIPES;
use super::simple::BY_HAND;
use super::translations::{Kind, TRANSLATIONS};
use scap::schema::{EVENTS, EventInfo};
use std::fmt::Write as _;

/// Translations of events that are not calls: only the probe sees them.
const PROBE_ONLY: &[&str] = &["page_fault_bits", "page_fault_absent"];

/// Returns the text of `flags.rs`.
pub(super) fn flags() -> Result<String, String> {
    let mut out = super::rust_header("Functions that turn the kernel's flags into the schema's.");
    for row in TRANSLATIONS.iter().filter(|row| !PROBE_ONLY.contains(&row.name)) {
        let _ = writeln!(out, "pub(crate) fn {}(v: u32) -> u32 {{", row.name);
        match row.kind {
            Kind::Bits => {
                let terms: Vec<String> = moves(row)?
                    .iter()
                    .map(|(by, mask)| match by {
                        0 => format!("v & {mask:#x}"),
                        by if *by > 0 => format!("(v & {mask:#x}) << {by}"),
                        by => format!("(v & {mask:#x}) >> {}", -by),
                    })
                    .collect();
                let _ = writeln!(out, "    {}", terms.join(" | "));
            }
            Kind::Values { default } => {
                out.push_str("    match v {\n");
                for (name, kernel) in row.rows {
                    let _ = writeln!(out, "        {kernel:#x} => {:#x},", value(row.table, name)?);
                }
                let default = if default == "0" { 0 } else { value(row.table, default)? };
                let _ = writeln!(out, "        _ => {default:#x},\n    }}");
            }
        }
        out.push_str("}\n\n");
    }
    Ok(out)
}

/// Returns the statement that writes one parameter.
fn statement(event: &EventInfo, index: usize, word: &str) -> Result<String, String> {
    let param = event.params.get(index).ok_or_else(|| format!("{}: too many words", event.constant))?;
    let (op, argument) = word.split_once(':').unwrap_or((word, ""));
    let bits = param.ty.min_len() * 8;
    let number = |expr: String| Ok(format!("c.u{bits}({expr});"));
    let read = |expr: String| Ok(format!("let value = c.{expr}; c.u{bits}(value);"));
    match op {
        "text" => Ok(format!("c.text({argument});")),
        "text_ok" => Ok(format!("c.text_ok({argument});")),
        "ret" => number("c.ret()".into()),
        "ret32" => number("c.ret32()".into()),
        "fd" => number(format!("c.fd({argument})")),
        "arg" => number(format!("c.arg({argument})")),
        "arg32" => number(format!("c.arg32({argument})")),
        "zero" => number("0".into()),
        "vm_size" => read("memory_kb(0)".into()),
        "vm_rss" => read("memory_kb(1)".into()),
        "vm_swap" => read("memory_kb(2)".into()),
        "user32" => read(format!("user32({argument})")),
        "user64" => read(format!("user64({argument})")),
        _ if BY_HAND.contains(&op) => number(format!("convert::{op}(c.arg32({argument}) as u32).into()")),
        _ if TRANSLATIONS.iter().any(|row| row.name == op) => {
            number(format!("flags::{op}(c.arg32({argument}) as u32).into()"))
        }
        _ => Err(format!("{}.{}: {word}: is not a word", event.constant, param.name)),
    }
}

/// Returns the text of `simple.rs`.
pub(super) fn simple() -> Result<String, String> {
    let mut out = super::rust_header("The events of the calls whose parameters are plain arguments.");
    out.push_str(
        "use scap::EventCode;\n\nuse crate::call::Ended;\nuse crate::convert;\nuse crate::generated::flags;\n\n\
         /// Writes the parameters of a call whose event has the code; returns whether it is one of these.\n\
         pub(super) fn write(code: EventCode, c: &mut Ended<'_>) -> bool {\n    match code {\n",
    );
    for (constant, words) in RECIPES {
        let event = EVENTS
            .iter()
            .find(|info| info.constant == *constant && info.is_live())
            .ok_or_else(|| format!("{constant} is not a live event"))?;
        let statements = words
            .split_whitespace()
            .enumerate()
            .map(|(i, word)| statement(event, i, word))
            .collect::<Result<Vec<_>, _>>()?;
        let _ = writeln!(out, "        EventCode::{constant} => {{ {} }}", statements.join(" "));
    }
    out.push_str("        _ => return false,\n    }\n    true\n}\n");
    Ok(out)
}
