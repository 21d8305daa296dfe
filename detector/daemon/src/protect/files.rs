//! Files that decide what is detected, and who may write them.
//!
//! Rules and configuration that another user than root may change are as good as off: their author decides what
//! is detected, and with `program_output` what runs as the user of the program.

use crate::{Fatal, log};
use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A file that others may change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Writable {
    path: PathBuf,
    who: String,
}

impl fmt::Display for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} can be changed by {}", self.path.display(), self.who)
    }
}

/// Reports which of these files others may change: an error if the configuration refuses them, log lines otherwise.
///
/// # Errors
///
/// If there are such files, and the configuration refuses them.
pub(crate) fn check<'p>(refuse: bool, paths: impl Iterator<Item = &'p Path>) -> Result<(), Fatal> {
    let found: Vec<String> = writable(paths).iter().map(ToString::to_string).collect();
    if refuse && !found.is_empty() {
        return Err(Fatal(format!("protection.refuse_writable_files: {}", found.join("; "))));
    }
    for line in found {
        log::warning(format!("{line}, who can thereby change what is detected or done"));
    }
    Ok(())
}

/// Returns which of these files and directories, and of the directories above them, others than root and the user of
/// the program may change.
pub(crate) fn writable<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<Writable> {
    let own = rustix::process::geteuid().as_raw();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in paths {
        // What is not there was reported where it was looked for.
        let Ok(real) = path.canonicalize() else { continue };
        for (height, path) in real.ancestors().enumerate() {
            // In a directory above, a sticky bit protects what others own.
            if seen.insert((path.to_path_buf(), height > 0))
                && let Some(who) = others(path, height > 0, own)
            {
                found.push(Writable { path: path.to_path_buf(), who });
            }
        }
    }
    found
}

fn others(path: &Path, above: bool, own: u32) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let mode = metadata.mode();
    if !metadata.file_type().is_socket() && ![0, own].contains(&metadata.uid()) {
        return Some(format!("user {}", metadata.uid()));
    }
    if above && mode & 0o1000 != 0 {
        return None;
    }
    match mode {
        _ if mode & 0o002 != 0 => Some("everybody".to_owned()),
        // Sockets of engines belong to a group on purpose.
        _ if mode & 0o020 != 0 && metadata.gid() != 0 && !metadata.file_type().is_socket() => {
            Some(format!("group {}", metadata.gid()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_that_others_may_change_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        let mode = |name: &str, mode| fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
        fs::write(path("sub/file"), "").unwrap();
        let found = |name: &str| -> Vec<String> {
            let found = writable([path(name).as_path()].into_iter());
            let below = found.iter().filter(|found| found.path.starts_with(folder.path().canonicalize().unwrap()));
            below.map(|found| found.who.clone()).collect()
        };
        for (file, folder, expected) in [
            (0o644, 0o755, vec![]),
            (0o666, 0o755, vec!["everybody"]),
            (0o644, 0o777, vec!["everybody"]),
            // Others may add files there, but not replace this one.
            (0o644, 0o1777, vec![]),
        ] {
            mode("sub/file", file);
            mode("sub", folder);
            assert_eq!(found("sub/file"), expected, "{file:o} {folder:o}");
        }
        // As a directory of rules, it is that which counts.
        assert_eq!(found("sub"), ["everybody"]);
        assert_eq!(found("missing"), Vec::<String>::new());
    }
}
