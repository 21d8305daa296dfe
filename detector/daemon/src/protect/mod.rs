//! Protection of the program itself: against the processes that it watches, and against itself if one of
//! its parsers has an error.
//!
//! | Step | When | Why |
//! |---|---|---|
//! | more open files ([`limits`]) | at the start | so that clients cannot take those of outputs and reloads |
//! | no core files, no `ptrace` by equals ([`limits`]) | at the start | its memory has the environment of all processes |
//! | priority ([`priority`]) | at the start | a busy host must not keep it from reading events |
//! | fewer capabilities ([`capabilities`]) | at the start, and again once the probe runs | against code that takes it over |
//! | system call filter ([`filter`]) | once the probe runs | the same |
//!
//! Threads of outputs keep the capabilities for files. Threads that serve the network have neither capabilities nor the
//! priority of the reader. A replay does none of this: it has no privileges to lose.

mod allowed;
pub(crate) mod capabilities;
pub(crate) mod files;
pub(crate) mod filter;
pub(crate) mod limits;
pub(crate) mod priority;

use crate::config::settings::{Config, EngineKind};
use crate::{log, plugins};
use rustix::thread::CapabilitySet;

/// Limits of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protection {
    /// Whether the program watches, rather than replays.
    watches: bool,
    /// Whether capabilities and system calls are limited.
    confined: bool,
    /// Whether responses are enabled: a reload may change what the kernel denies.
    answers: bool,
}

impl Protection {
    /// Returns what the configuration requests. Programs and plugins do what their authors like, so that nothing is
    /// known of what they need.
    pub(crate) fn of(config: &Config) -> Self {
        let watches = config.engine.kind != EngineKind::Replay;
        // A tracer needs what the filter denies, and its command would have no more capabilities than it.
        let traces = config.engine.kind == EngineKind::Userspace;
        let confined = watches && !traces && config.protection.confine && !runs_others(config);
        Self { watches, confined, answers: config.response.enabled }
    }

    /// Returns whether capabilities and system calls are limited.
    pub(crate) fn is_confined(self) -> bool {
        self.confined
    }

    /// Applies what must be in place before there are threads.
    pub(crate) fn begin(self, config: &Config) {
        if !self.watches {
            return;
        }
        limits::raise_open_files();
        limits::keep_memory_private();
        // A traced command waits for its tracer, so that no event is lost, and would have the priority too.
        if config.engine.kind != EngineKind::Userspace
            && let Some(note) = priority::raise(config.protection.priority)
        {
            log::warning(note);
        }
        if self.confined {
            let answers = if config.response.enabled { capabilities::OF_RESPONSES } else { CapabilitySet::empty() };
            match capabilities::keep(capabilities::OF_THE_PROGRAM | answers) {
                Ok(()) => {}
                Err(error) => log::warning(format!("cannot drop capabilities: {error}")),
            }
        } else if config.protection.confine && config.engine.kind != EngineKind::Userspace {
            log::notice(
                "program_output, a program of a response or a plugin is enabled, so capabilities and system calls are not \
                 limited",
            );
        }
    }

    /// Applies the rest, once the probe runs: on the thread that reads events.
    pub(crate) fn complete(self) {
        if !self.confined {
            return;
        }
        if let Err(error) = capabilities::keep(capabilities::OF_THE_READER) {
            log::warning(format!("cannot drop capabilities: {error}"));
        }
        match filter::apply(self.answers) {
            Ok(()) => log::info("system calls that the program does not need are denied from now on"),
            Err(error) => log::warning(format!("cannot limit system calls: {error}")),
        }
    }
}

/// Does something with the capabilities of outputs: the threads that it starts have no others.
pub(crate) fn as_outputs<T: Send>(config: &Config, work: impl FnOnce() -> T + Send) -> T {
    if !Protection::of(config).confined {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // If the kernel refuses, outputs work as before.
            let _ = capabilities::keep(capabilities::OF_THE_OUTPUTS);
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Returns whether the configuration runs the code of others.
pub(crate) fn runs_others(config: &Config) -> bool {
    let built_in = |name: &str| plugins::BUILT_IN.iter().any(|plugin| plugin.name == name);
    let answers = config.response.enabled && !config.response.programs.is_empty();
    config.outputs.program.enabled
        || answers
        || config.selected_plugins().iter().any(|plugin| !built_in(plugin.name.as_str()))
}

/// Prepares a thread that serves the network.
pub(crate) fn web_thread() {
    priority::lower();
    // What it must not do it cannot do either; it serves too where the kernel refuses.
    let _ = capabilities::keep(capabilities::OF_THE_WEB);
}
