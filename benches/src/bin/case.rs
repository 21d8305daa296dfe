//! Runs one case once, for a tool that counts instructions: `case NAME`. Without a name it lists them all.
//!
//! It prints how many units the case had. Only the function `measured` is to be counted.

use std::io::Write as _;

use peregrine_benches::cases::{CASES, Fault, Run};

/// Runs a case; a profiler counts the code of this function.
#[inline(never)]
fn measured(run: &mut Run) -> Result<u64, Fault> {
    run()
}

fn main() -> Result<(), Fault> {
    let Some(name) = std::env::args().nth(1) else {
        for case in CASES {
            let _ = writeln!(std::io::stdout(), "{}\t{}\t{}", case.name, case.unit, case.doc);
        }
        return Ok(());
    };
    let case = CASES.iter().find(|case| case.name == name).ok_or_else(|| format!("there is no case {name}"))?;
    let mut run = case.prepare()?;
    let _ = writeln!(std::io::stdout(), "{}", measured(&mut run)?);
    Ok(())
}
