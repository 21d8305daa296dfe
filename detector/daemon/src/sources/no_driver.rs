//! The source of `engine.kind: nodriver`: without events, or with those of a plugin that provides any of the schema.

use crate::config::settings::Config;
use crate::metrics::measured::Measured;
use crate::{Fatal, host, log};
use peregrine_plugin_host::{RawSource, SyscallPlugins};
use scap::procfs;
use scap::{HostState, Next, Result, Source, SourceStats};
use std::sync::Arc;
use std::time::Duration;

/// Time that the source blocks before it reports that there are no events.
const PAUSE: Duration = Duration::from_millis(30);

/// A live source without events.
#[derive(Debug, Default)]
pub(crate) struct Nothing {
    host: HostState,
}

impl Source for Nothing {
    fn next(&mut self) -> Result<Next<'_>> {
        std::thread::sleep(PAUSE);
        Ok(Next::Idle)
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }
}

impl Measured for Nothing {}

/// Opens the source of the plugin that provides events of the schema, if there is one.
///
/// # Errors
///
/// If the plugin cannot open it, or the state of this host cannot be read.
pub(crate) fn raw(plugins: &Arc<SyscallPlugins>, config: &Config) -> Result<Option<RawSource>, Fatal> {
    let state = || match config.plugins_hostinfo {
        true => procfs::scan(host::host_root(), &procfs::Config::default()).map(|snapshot| snapshot.host),
        false => Ok(HostState::default()),
    };
    if !plugins.has_raw_events() {
        return Ok(None);
    }
    let state = state().map_err(|error| Fatal(format!("plugins_hostinfo: {error}")))?;
    let source = RawSource::open(plugins, state).map_err(Fatal::new)?;
    if let Some(source) = &source {
        log::info(format!("plugin {}: opened as the source of system calls", source.plugin()));
    }
    Ok(source)
}

impl Measured for RawSource {}
