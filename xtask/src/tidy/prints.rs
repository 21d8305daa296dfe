//! No program prints with a macro that panics when the reader of its output is gone, as behind `| head`.

use std::path::Path;
use std::process::Command;

/// Macros that panic, without their `!`.
const MACROS: &[&str] = &["println", "print", "eprintln", "eprint"];
/// Paths of files outside our programs: tests, build scripts, whose output cargo reads, and the program that a
/// reader of the README writes.
const LEFT_OUT: &[&str] = &["tests/", "/benches/", "fuzz/", "testkit/", "build.rs", "xtask/src/package/program.rs"];

/// Returns every use of such a macro in a tracked source file.
pub(super) fn check(root: &Path) -> Result<Vec<String>, String> {
    let listed = Command::new("git").args(["ls-files", "-z", "*.rs"]).current_dir(root).output();
    let listed = listed.map_err(|error| format!("git: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let is_program = |name: &&str| !name.is_empty() && !LEFT_OUT.iter().any(|part| name.contains(part));
    let mut errors = Vec::new();
    for name in listed.split('\0').filter(is_program) {
        // A file that was deleted and is still tracked prints nothing.
        let Ok(text) = std::fs::read_to_string(root.join(name)) else { continue };
        errors.extend(uses(&text).into_iter().map(|(line, used)| {
            format!("{name}:{line} uses {used}!, which panics when the reader is gone; use writeln! or write_all")
        }));
    }
    Ok(errors)
}

/// Returns the lines above the tests that use such a macro, from 1.
fn uses(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(place, line)| {
        let used = line.match_indices("!(").find_map(|(end, _)| {
            let before = &line[..end];
            let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            MACROS.iter().find(|known| **known == name)
        })?;
        Some((place + 1, *used))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::uses;

    #[test]
    fn macros_that_panic_are_found() {
        for used in super::MACROS {
            let text = format!("fn main() {{\n    x.map(|x| {used}!(\"{{x}}\"));\n}}\n");
            assert_eq!(uses(&text), [(2, *used)]);
        }
        let free = "// println!(\"\")\nwriteln!(out, \"\")?;\n    my_print!(\"\");\n#[cfg(test)]\nprintln!(\"\");\n";
        assert!(uses(free).is_empty());
    }
}
