//! No file names the host of a package archive: the source of packages is a setting of the host, and behind a mirror
//! or without a network a fixed host is an error.

use std::path::Path;
use std::process::Command;

/// Hosts of archives and registries, in two parts, so that this file does not name them either.
const HOSTS: &[(&str, &str)] = &[
    ("deb.", "debian.org"),
    ("ftp.", "debian.org"),
    ("security.", "debian.org"),
    ("snapshot.", "debian.org"),
    ("archive.", "ubuntu.com"),
    ("security.", "ubuntu.com"),
    ("dl-cdn.", "alpinelinux.org"),
    ("files.", "pythonhosted.org"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("proxy.", "golang.org"),
    ("registry.", "npmjs.org"),
];

/// Returns every line of a tracked file that names such a host.
pub(super) fn check(root: &Path) -> Result<Vec<String>, String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let listed = listed.map_err(|error| format!("git: {error}"))?;
    let mut errors = Vec::new();
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        // Files that are not text name nothing.
        let Ok(text) = std::fs::read_to_string(root.join(name)) else { continue };
        errors.extend(
            named(&text)
                .into_iter()
                .map(|(line, host)| format!("{name}:{line} names {host}; use the sources of the host")),
        );
    }
    Ok(errors)
}

fn named(text: &str) -> Vec<(usize, String)> {
    let hosts: Vec<String> = HOSTS.iter().map(|(first, rest)| format!("{first}{rest}")).collect();
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(place, line)| {
            hosts.iter().filter(|host| line.contains(*host)).map(move |host| (place + 1, host.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_with_their_lines() {
        let text = format!("one\nmirror=http://{}debian.org/debian\n", "deb.");
        assert_eq!(named(&text), [(2, format!("{}debian.org", "deb."))]);
        assert!(named("https://www.debian.org/ and docs.rs").is_empty());
    }
}
