//! `peregrine`, the detector, compatible with `falco` in command line, configuration and rules.
//!
//! It is a front end of the library `peregrine_detector`; a program with other options or defaults can do the same.
#![forbid(unsafe_code)]

use peregrine_detector::{Parsed, finish, parse, print, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let code = match parse(std::env::args_os()) {
        Parsed::Options(options) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fatal) => fail(fatal),
        },
        Parsed::Help(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Parsed::Error(text) => fail(text),
    };
    finish();
    code
}

fn fail(why: impl std::fmt::Display) -> ExitCode {
    eprintln!("Error: {why}");
    ExitCode::FAILURE
}
