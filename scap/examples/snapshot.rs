//! Prints the state of the host from `/proc` in the text form of traces, and to standard error a report of what could
//! be read.
//!
//! Usage: `snapshot [ROOT]`

use std::io::Write as _;
use std::time::Instant;

use peregrine_scap::procfs::{Config, scan};
use peregrine_scap::text::write_host;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args_os().nth(1).unwrap_or_else(|| "/".into());
    let start = Instant::now();
    let snapshot = scan(root, &Config::default())?;
    let took = start.elapsed();
    let mut text = String::new();
    write_host(&snapshot.host, &mut text);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(writeln!(std::io::stderr(), "{:#?} in {took:?}", snapshot.report)?)
}
