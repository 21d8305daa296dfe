//! `peregrine`, the detector: stands where `falco` stands, with its command line, configuration and rules.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod removed;

fn main() -> std::process::ExitCode {
    match cli::parse(std::env::args_os()) {
        cli::Parsed::Options(options) => {
            let loaded = config::load(options.config.as_deref(), &options.options);
            println!("{loaded:?}");
        }
        cli::Parsed::Help(text) => print!("{text}"),
        cli::Parsed::Error(text) => eprintln!("Error: {text}"),
    }
    std::process::ExitCode::SUCCESS
}
