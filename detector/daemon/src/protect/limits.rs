//! Limits of the process: open files, core files.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Maximum number of open files that the process sets; a table of more costs memory.
const OPEN_FILES: u64 = 65_536;

/// Returns how many files the process may open.
pub(crate) fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(OPEN_FILES)
}

/// Raises the number of files that the process may open, as far as it may.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < most) {
        // The old limit remains otherwise, and limits of connections follow from it.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    }
}

/// Forbids core files, and that other processes without privileges read the memory.
pub(crate) fn keep_memory_private() {
    // Less is always allowed.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_that_of_the_kernel() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(open_files(), limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES).max(open_files()));
    }
}
