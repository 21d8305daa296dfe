//! `flags.h`: the schema's flag values, and functions that turn the kernel's values into them.
//!
//! Flags that move by the same number of bits are moved together, so most translations are one or two shifts.

use super::translations::{Kind, TRANSLATIONS, Translation};
use scap::schema::FlagTable;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) fn value(table: &FlagTable, name: &str) -> Result<u32, String> {
    table
        .entries
        .iter()
        .find(|(entry, _)| *entry == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("table {} has no {name}", table.name))
}

/// Returns the kernel's bits of a translation by the distance that they move: positive to the left.
pub(super) fn moves(row: &Translation) -> Result<BTreeMap<i32, u32>, String> {
    let mut moves: BTreeMap<i32, u32> = BTreeMap::new();
    for (name, kernel) in row.rows {
        let schema = value(row.table, name)?;
        if kernel.count_ones() != 1 || schema.count_ones() != 1 {
            return Err(format!("{}: {name} is not one bit", row.name));
        }
        let by = schema.trailing_zeros() as i32 - kernel.trailing_zeros() as i32;
        *moves.entry(by).or_default() |= kernel;
    }
    Ok(moves)
}

fn bits(row: &Translation, out: &mut String) -> Result<(), String> {
    let terms: Vec<String> = moves(row)?
        .iter()
        .map(|(by, mask)| match by {
            0 => format!("(v & {mask:#x})"),
            by if *by > 0 => format!("((v & {mask:#x}) << {by})"),
            by => format!("((v & {mask:#x}) >> {})", -by),
        })
        .collect();
    let _ = writeln!(out, "\treturn {};", terms.join(" | "));
    Ok(())
}

fn values(row: &Translation, default: &str, out: &mut String) -> Result<(), String> {
    let mut same = 0u64;
    for (name, kernel) in row.rows {
        if value(row.table, name)? == *kernel && *kernel < 64 {
            same |= 1 << kernel;
        }
    }
    if same != 0 {
        let _ = writeln!(out, "\tif (v < 64 && ({same:#x}ULL >> v) & 1)\n\t\treturn v;");
    }
    out.push_str("\tswitch (v) {\n");
    for (name, kernel) in row.rows {
        let schema = value(row.table, name)?;
        if schema != *kernel || *kernel >= 64 {
            let _ = writeln!(out, "\tcase {kernel:#x}:\n\t\treturn {schema:#x};");
        }
    }
    let default = if default == "0" { 0 } else { value(row.table, default)? };
    let _ = writeln!(out, "\t}}\n\treturn {default:#x};");
    Ok(())
}

/// Returns the text of `flags.h`.
pub(super) fn header() -> Result<String, String> {
    let mut out = super::c_header("The schema's flag values, and functions that turn the kernel's values into them.");
    for table in scap::schema::flags::TABLES {
        let prefix = table.name.to_uppercase();
        for (name, value) in table.entries {
            let _ = writeln!(out, "#define {prefix}__{name} {value:#x}");
        }
    }
    for row in TRANSLATIONS {
        let _ = writeln!(out, "\nstatic __always_inline u32 {}(u32 v)\n{{", row.name);
        match row.kind {
            Kind::Bits => bits(row, &mut out)?,
            Kind::Values { default } => values(row, default, &mut out)?,
        }
        out.push_str("}\n");
    }
    Ok(out)
}
