//! Prints fields of every event of a capture, a JSON object a line.
//!
//! Usage: `fields FILE.scap FIELD…`. A field without a value is left out. Under `_s` stands the text of those fields
//! whose text is not simply the JSON value. With `--quiet` first, values are only asked for, as conditions do: to
//! measure.

use std::fs::File;
use std::io::{BufWriter, Write};

use bumpalo::Bump;
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::{Fields, Value, write_json_text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let quiet = args.first().is_some_and(|arg| arg == "--quiet");
    if quiet {
        args.remove(0);
    }
    let (path, names) = args.split_first().ok_or("usage: fields FILE.scap FIELD…")?;
    let known = Fields::new();
    let mut fields = Vec::new();
    for name in names {
        // As in a template, what cannot be an argument of the field is no part of it.
        let len = known.prefix_len(name).ok_or_else(|| format!("no field {name}"))?;
        fields.push((name, known.parse(&name[..len])?));
    }
    let mut inspector = Inspector::new(scap::savefile::Reader::new(File::open(path)?)?);
    if quiet {
        let (mut arena, mut found) = (Bump::new(), 0_u64);
        inspector.for_each(|event| {
            for (_, field) in &fields {
                found += u64::from(field.value(&event, &arena).is_some());
            }
            arena.reset();
        })?;
        println!("{found} values");
        return Ok(());
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut arena = Bump::new();
    let (mut line, mut texts) = (Vec::new(), Vec::new());
    let mut failed = Ok(());
    inspector.for_each(|event| {
        line.clear();
        texts.clear();
        for (name, field) in &fields {
            let json = field.json(&event, &arena);
            if let Some(json) = json {
                put(&mut line, name, json);
            }
            let text = field.text(&event, &arena);
            if let Some(text) = text.filter(|text| json.is_none_or(|json| plain(json) != *text)) {
                put(&mut texts, name, Value::Bytes(text));
            }
        }
        if !texts.is_empty() {
            line.extend_from_slice(if line.is_empty() { b"\"_s\":{" } else { b",\"_s\":{" });
            line.append(&mut texts);
            line.push(b'}');
        }
        let written = out.write_all(b"{").and_then(|()| out.write_all(&line)).and_then(|()| out.write_all(b"}\n"));
        if failed.is_ok() {
            failed = written;
        }
        arena.reset();
    })?;
    failed.and_then(|()| out.flush())?;
    Ok(())
}

fn put(line: &mut Vec<u8>, name: &str, value: Value<'_>) {
    if !line.is_empty() {
        line.push(b',');
    }
    write_json_text(name.as_bytes(), line);
    line.push(b':');
    value.write_json(line);
}

/// The JSON value without quotes, to see whether the text says anything else.
fn plain(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        other => {
            let mut out = Vec::new();
            other.write_json(&mut out);
            out
        }
    }
}
