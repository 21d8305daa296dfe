//! The source of `engine.kind: userspace`: one command or process, traced without privileges.

use crate::config::settings::Config;
use crate::host::host_root;
use crate::sources::ignored::names;
use crate::sources::selection;
use crate::{Fatal, log};
use peregrine_userspace::{Builder, Userspace};
use scap::schema::SyscallSet;

/// Starts the command, or attaches to the process.
pub(crate) fn open(config: &Config, calls: SyscallSet) -> Result<Userspace, Fatal> {
    let traced = &config.engine.userspace;
    let mut builder = Builder::new().select(calls).host_root(host_root());
    if config.falco_libs.snaplen != 0 {
        builder = builder.snaplen(usize::try_from(config.falco_libs.snaplen).unwrap_or(usize::MAX));
    }
    builder = match i32::try_from(traced.pid) {
        _ if !traced.command.is_empty() => builder.command(&traced.command),
        Ok(pid) => builder.pid(pid),
        Err(_) => return Err(Fatal(format!("engine.userspace.pid: there is no process {}", traced.pid))),
    };
    builder.open().map_err(|error| Fatal(format!("live capture: {error}")))
}

/// Captures the system calls of the new rules, as far as the filter of the command stops them.
pub(crate) fn follow(source: &mut Userspace, config: &Config, wanted: SyscallSet) {
    let passed = source.select(selection::select(&config.base_syscalls, wanted));
    if !passed.is_empty() {
        log::warning(format!(
            "the new rules use system calls that the filter of the running command lets pass: {}; start it again to \
             capture them",
            names(passed).join(", ")
        ));
    }
}
