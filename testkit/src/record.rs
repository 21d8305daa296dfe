//! The file of skips: one line each, appended by every test process and read once at the end.

use std::io::Write as _;
use std::path::PathBuf;

use crate::Need;

/// One skip.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// The name of the need.
    pub need: String,
    /// The reason.
    pub why: String,
    /// The package and the test.
    pub test: String,
}

/// Returns the file: in the target folder that holds the running program.
fn file() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(std::env::temp_dir, PathBuf::from).join("skipped.tsv")
}

#[track_caller]
pub(crate) fn append(need: &Need, why: &str) {
    println!("skipped ({}): {why}", need.name);
    let path = file();
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    // One write of a short line: processes that append at the same time do not mix their lines.
    if let Err(error) = opened.and_then(|mut file| file.write_all(line(need, why).as_bytes())) {
        panic!("a skip cannot be recorded in {}: {error}", path.display());
    }
}

#[track_caller]
fn line(need: &Need, why: &str) -> String {
    let place = std::panic::Location::caller();
    let thread = std::thread::current();
    // The harness names a test's thread after the test; a thread of the test itself has another name, or none.
    let test = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", place.file(), place.line()),
    };
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{}\t{why}\t{package} {test}\n", need.name)
}

/// Forgets what was recorded before.
///
/// # Errors
///
/// If the file cannot be removed.
pub fn forget() -> std::io::Result<()> {
    match std::fs::remove_file(file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the recorded skips, sorted, each once.
///
/// # Errors
///
/// If the file cannot be read.
pub fn read() -> std::io::Result<Vec<Skip>> {
    let text = match std::fs::read_to_string(file()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    Ok(parse(&text))
}

fn parse(text: &str) -> Vec<Skip> {
    let parsed = text.lines().filter_map(|line| {
        let mut cells = line.split('\t').map(str::to_owned);
        Some(Skip { need: cells.next()?, why: cells.next()?, test: cells.next()? })
    });
    let mut skips: Vec<Skip> = parsed.collect();
    skips.sort();
    skips.dedup();
    skips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_one_line_with_its_test() {
        let program = std::env::current_exe().expect("a path");
        assert!(program.starts_with(file().parent().expect("a folder")), "{}", file().display());
        let text = line(&crate::KERNEL, "a tab\tand a line\nend").repeat(2);
        let test = "peregrine-testkit record::tests::a_skip_is_one_line_with_its_test";
        let ours = Skip { need: "kernel".into(), why: "a tab and a line end".into(), test: test.into() };
        assert_eq!(parse(&text), [ours]);
    }

    #[test]
    fn a_need_is_required_by_its_name_or_with_all() {
        assert!(crate::XZ.is_required_by("data, xz") && crate::XZ.is_required_by("all"));
        assert!(!crate::XZ.is_required_by("") && !crate::XZ.is_required_by("data,xzcat"));
    }
}
