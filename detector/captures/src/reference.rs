//! Compatibility with the reference dumps: the fields of every event as printed by Falco's own libraries.
//!
//! These dumps have three peculiarities. A few expensive fields were printed only for events that start, end or change
//! a process. There was no container plugin, so everything is on the host. And the first version, used for the dumps of
//! the older captures, printed Falco's error where the result of a call has a text and no JSON form.
//! `docs/differences.md` has the results of the comparison.

use clap::ValueEnum;
use scap::EventCode;
use sinsp::Config;
use sinsp::fields::Value;

/// Version of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reference {
    /// For the recorded captures
    Late,
    /// For the captures of older versions
    Early,
}

/// Fields that the reference has only for the events of [`turns`].
const SPARSE: [&str; 8] = [
    "proc.acmdline[3]",
    "proc.env",
    "thread.cap_effective",
    "thread.cap_inheritable",
    "thread.cap_permitted",
    "thread.cgroups",
    "user.homedir",
    "user.shell",
];

/// Returns whether an event starts, ends or changes a process.
pub(crate) fn turns(code: EventCode) -> bool {
    const NAMES: [&str; 19] = [
        "capset",
        "chroot",
        "clone",
        "clone3",
        "execve",
        "execveat",
        "fork",
        "prctl",
        "procexit",
        "ptrace",
        "setgid",
        "setns",
        "setregid",
        "setresgid",
        "setresuid",
        "setreuid",
        "setuid",
        "unshare",
        "vfork",
    ];
    code.info().is_some_and(|info| NAMES.contains(&info.name))
}

impl Reference {
    /// Returns the inspector's configuration of the reference.
    pub(crate) fn config() -> Config {
        let mut config = Config::default();
        config.containers = false;
        config
    }

    /// Returns whether a field is present only in events that [change a process](turns).
    pub(crate) fn is_sparse(name: &str) -> bool {
        SPARSE.contains(&name)
    }

    /// Returns the replacement of a field's value that has a text and no JSON form.
    pub(crate) fn instead(self, name: &str) -> Option<Value<'static>> {
        (self == Self::Early && name == "evt.rawarg.res").then_some(Value::Bytes(b"!EXC wrong param type 11"))
    }
}
