//! Prints fields of every event of a capture, a JSON object a line.
//!
//! Usage: `fields [--quiet] [--as-reference | --as-early-reference] FILE.scap FIELD…`
//!
//! A field without a value is left out. Under `_s` stands the text of those fields whose text is not simply the JSON value.
//! With `--quiet` values are only asked for, as conditions do: to measure. The other two print the way in which the
//! dump that we compare with was made: see `dump.rs`.

mod dump;

use std::fs::File;
use std::io::{BufWriter, Write as _};

use bumpalo::Bump;
use dump::{Dump, Manner};
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::Fields;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let (mut quiet, mut manner) = (false, Manner::Plain);
    while let Some(option) = args.first().filter(|arg| arg.starts_with("--")) {
        match option.as_str() {
            "--quiet" => quiet = true,
            "--as-reference" => manner = Manner::Reference,
            "--as-early-reference" => manner = Manner::EarlyReference,
            other => return Err(format!("no option {other}").into()),
        }
        args.remove(0);
    }
    let (path, names) = args.split_first().ok_or("usage: fields [OPTION…] FILE.scap FIELD…")?;
    if !quiet {
        let out = BufWriter::new(std::io::stdout().lock());
        return Ok(Dump::new(names, manner)?.write(File::open(path)?, out)?);
    }
    let known = Fields::new();
    let fields = names.iter().map(|name| known.parse(name)).collect::<Result<Vec<_>, _>>()?;
    let mut inspector = Inspector::new(scap::savefile::Reader::new(File::open(path)?)?);
    let (mut arena, mut found) = (Bump::new(), 0_u64);
    inspector.for_each(|event| {
        for field in &fields {
            found += u64::from(field.value(&event, &arena).is_some());
        }
        arena.reset();
    })?;
    Ok(writeln!(std::io::stdout(), "{found} values")?)
}
