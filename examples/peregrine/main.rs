//! `peregrine`, the detector, compatible with `falco` in command line, configuration and rules.
//!
//! It is a front end of the library `peregrine_detector`; a program with other options or defaults can do the same.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the reader is gone.

use peregrine_detector::{Parsed, finish, parse, print, print_error, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let code = match parse(std::env::args_os()) {
        Parsed::Options(options) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fatal) => fail(&fatal.message()),
        },
        Parsed::Help(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Parsed::Error(text) => fail(&format!("Error: {text}")),
    };
    finish();
    code
}

fn fail(message: &str) -> ExitCode {
    print_error(&format!("{message}\n"));
    ExitCode::FAILURE
}
