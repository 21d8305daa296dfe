//! The manner of the reference: what Falco's own libraries were made to print of the fields of every event.
//!
//! That dump has three oddities. A few fields, which are dear, were asked for only on events that begin, end or change a
//! process. There was no container plugin, so everything is on the host. And its first version, of which the older
//! captures' dumps are, printed Falco's error where the result of a call has a text and no JSON form.
//! `docs/differences.md` tells what came out of the comparison.

use clap::ValueEnum;
use scap::EventCode;
use sinsp::Config;
use sinsp::fields::Value;

/// Which version of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reference {
    /// That of the recorded captures
    Late,
    /// That of the captures of older versions
    Early,
}

/// Fields that the reference has only where [`turns`] says so.
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

/// Events that begin, end or change a process.
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
    /// The inspector's settings when the reference was made.
    pub(crate) fn config() -> Config {
        let mut config = Config::default();
        config.containers = false;
        config
    }

    /// Whether a field stands only with events that [turn](turns) a process.
    pub(crate) fn is_sparse(name: &str) -> bool {
        SPARSE.contains(&name)
    }

    /// What stands in the place of a field's value that has a text and no JSON form.
    pub(crate) fn instead(self, name: &str) -> Option<Value<'static>> {
        (self == Self::Early && name == "evt.rawarg.res").then_some(Value::Bytes(b"!EXC wrong param type 11"))
    }
}
