//! Selection of the system calls to capture: those of the rules, of the state, and of the configuration.

use crate::config::settings::BaseSyscalls;
use crate::log;
use crate::sources::ignored::{ignored, names};
use scap::schema::{SyscallCode, SyscallSet};

/// Returns the calls to capture, given those of the rules.
///
/// Without settings these are the calls of the rules and of the state, without the frequent ones that move bytes.
/// `custom_set` replaces the calls of the state (or, with `!`, removes calls), `repair` adds only what the state
/// requires for exactly these calls, and `all` includes the frequent ones.
pub(crate) fn select(settings: &BaseSyscalls, rules: SyscallSet) -> SyscallSet {
    let negative = |name: &&String| name.starts_with('!');
    let wanted = named(settings.custom_set.iter().filter(|name| !negative(name)).map(String::as_str));
    let unwanted =
        named(settings.custom_set.iter().filter(negative).map(|name| name.strip_prefix('!').unwrap_or(name)));

    let base = if wanted.is_empty() { SyscallSet::state() } else { wanted };
    let mut set = rules.union(base);
    if settings.repair && wanted.is_empty() {
        set = rules.repaired();
    }
    set = set.difference(unwanted);
    if !settings.all {
        set = set.difference(ignored());
    }
    if settings.repair && !settings.custom_set.is_empty() {
        set = set.repaired();
    }
    // Without the ends of processes the state would grow forever.
    set.insert(SyscallCode::SCHED_PROCESS_EXIT);

    let missed = rules.difference(set);
    if !missed.is_empty() {
        log::warning(format!(
            "rules use system calls that are not captured: {}; base_syscalls.all=true captures the frequent ones too",
            names(missed).join(", ")
        ));
    }
    log::debug(format!("{} system calls selected: {}", set.len(), names(set).join(", ")));
    set
}

fn named<'n>(names: impl Iterator<Item = &'n str>) -> SyscallSet {
    let mut set = SyscallSet::new();
    for name in names {
        match SyscallCode::from_name(name) {
            Some(code) => set.insert(code),
            None => log::warning(format!("base_syscalls.custom_set: unknown system call '{name}'")),
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(custom: &[&str], repair: bool, all: bool) -> BaseSyscalls {
        BaseSyscalls { all, custom_set: custom.iter().map(ToString::to_string).collect(), repair }
    }

    fn rules() -> SyscallSet {
        [SyscallCode::READ, SyscallCode::PTRACE, SyscallCode::CONNECT].into_iter().collect()
    }

    #[test]
    fn rules_and_state_without_the_frequent_ones() {
        let set = select(&settings(&[], false, false), rules());
        assert!(set.contains(SyscallCode::PTRACE) && set.contains(SyscallCode::EXECVE));
        assert!(!set.contains(SyscallCode::READ));
        assert!(select(&settings(&[], false, true), rules()).contains(SyscallCode::READ));
    }

    #[test]
    fn a_custom_set_takes_the_place_of_the_state() {
        let set = select(&settings(&["openat", "no_such_call"], false, false), rules());
        assert!(set.contains(SyscallCode::OPENAT) && set.contains(SyscallCode::PTRACE));
        assert!(!set.contains(SyscallCode::EXECVE));
        assert!(set.contains(SyscallCode::SCHED_PROCESS_EXIT));
    }

    #[test]
    fn calls_may_be_taken_away() {
        let set = select(&settings(&["!ptrace"], false, false), rules());
        assert!(!set.contains(SyscallCode::PTRACE) && set.contains(SyscallCode::EXECVE));
    }

    #[test]
    fn repair_adds_only_necessary_keys() {
        let set = select(&settings(&[], true, false), rules());
        assert!(set.contains(SyscallCode::EXECVE) && set.contains(SyscallCode::SOCKET));
        assert!(!set.contains(SyscallCode::EVENTFD2));
    }
}
