//! Evaluates rules on Kubernetes audit records, one per line of standard input. `k8s_audit RULES < RECORDS`

use std::io::{BufRead as _, Write as _};

use peregrine::Rules;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: k8s_audit RULES < RECORDS")?;
    // All errors of the file, each with its place.
    let rules = Rules::builder().file(path)?.build()?;
    // `println!` would panic when the reader of a pipe is gone; `writeln!` returns the error.
    let (mut out, mut log) = (std::io::stdout().lock(), std::io::stderr().lock());
    write!(log, "{}", rules.warnings().text())?;
    let mut audit = rules.json("k8s_audit")?;
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        match audit.process(line?.as_bytes()) {
            Ok(alerts) => alerts.iter().try_for_each(|alert| writeln!(out, "{alert}"))?,
            Err(error) => writeln!(log, "line {number}: {error}")?,
        }
    }
    Ok(())
}
