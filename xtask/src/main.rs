//! The build helper. `cargo xtask codegen` writes the files derived from scap's table (with `--check` it only reports
//! whether they are current), `cargo xtask tidy` checks the rules of the tree, `cargo xtask skips` lists the tests that
//! were skipped (`cargo xtask needs` prints the requirements that this host meets), `cargo xtask api` writes the public
//! interface of the libraries, `cargo xtask deny` checks the dependencies, `cargo xtask features` every
//! combination of features, `cargo xtask distill` writes
//! `testdata/falco`, `cargo xtask package` tests the libraries from their packages, `cargo xtask bench` and `cargo
//! xtask instructions` measure.
//!
//! Everything is in this one program, so that CI and people run the same code.

/// Prints a line to standard output. A reader that is gone is not an error: `println!` would panic.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($argument)*);
    }};
}

/// Prints a line to standard error, in the same way.
macro_rules! say_error {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($argument)*);
    }};
}

mod api;
mod bench;
mod codegen;
mod distill;
mod features;
mod instructions;
mod package;
mod skips;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

/// Returns the root of the workspace.
fn root() -> PathBuf {
    let mut dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    dir.pop();
    dir
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let errors = match words.as_slice() {
        ["codegen"] => codegen::write(&root()),
        ["codegen", "--check"] => codegen::check(&root()),
        ["tidy"] => tidy::check(&root()),
        ["skips"] => skips::print(),
        ["skips", "--forget"] => skips::forget(),
        ["needs"] => skips::needs(),
        ["distill"] => distill::run(&root()),
        ["package", libraries @ ..] => package::check(&root(), libraries),
        ["api"] => api::write(&root()),
        ["api", "--check"] => api::check(&root()),
        ["deny"] => skips::deny(&root()),
        ["features"] => features::check(&root(), None),
        ["features", only] => features::check(&root(), Some(only)),
        ["bench"] => bench::run(&root()),
        ["instructions"] => instructions::run(&root(), false, None),
        ["instructions", "--update"] => instructions::run(&root(), true, None),
        ["instructions", only] => instructions::run(&root(), false, Some(only)),
        // The process that `bench` starts to measure one run.
        ["measure", command @ ..] => bench::child(command),
        _ => {
            say_error!(
                "usage: cargo xtask codegen [--check] | tidy | skips [--forget] | needs | deny | features [CRATE] | api [--check] | distill | package [LIBRARY...] | bench | instructions [--update | CASE]"
            );
            return ExitCode::from(2);
        }
    };
    match errors {
        Ok(errors) if errors.is_empty() => ExitCode::SUCCESS,
        Ok(errors) => {
            for error in errors {
                say_error!("{error}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            say_error!("{error}");
            ExitCode::FAILURE
        }
    }
}
