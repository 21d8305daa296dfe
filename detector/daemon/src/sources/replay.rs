//! The source of `engine.kind: replay`: a capture.

use crate::config::settings::Config;
use crate::{Fatal, log};
use sinsp::state::Extension;
use sinsp::{Inspector, InspectorBuilder};
use std::path::Path;
use std::sync::Arc;

/// Opens a capture.
pub(crate) fn open(
    path: &Path,
    config: &Config,
    plugins: Option<Arc<impl Extension>>,
) -> Result<Inspector<scap::savefile::Reader<std::fs::File>>, Fatal> {
    let reader = scap::savefile::Reader::open(path)
        .map_err(|error| Fatal(format!("cannot replay {}: {error}", path.display())))?;
    log::info(format!("replaying the events of {}", path.display()));
    Ok(builder(reader, config, plugins).build())
}

/// Returns the builder of an inspector, with the settings of the configuration and the plugins of its events.
pub(crate) fn builder<S: scap::Source>(
    source: S,
    config: &Config,
    plugins: Option<Arc<impl Extension>>,
) -> InspectorBuilder<S> {
    let builder = Inspector::builder(source).config(inspector_config(config));
    match plugins {
        Some(plugins) => builder.extension(plugins),
        None => builder,
    }
}

fn inspector_config(config: &Config) -> sinsp::config::Config {
    let libs = &config.falco_libs;
    let mut inspector = sinsp::config::Config::default();
    if libs.thread_table_size > 0 {
        inspector.limits.threads = libs.thread_table_size as usize;
    }
    inspector.purge_interval_ns = u64::from(libs.thread_table_auto_purging_interval_s) * 1_000_000_000;
    inspector.purge_idle_ns = u64::from(libs.thread_table_auto_purging_thread_timeout_s) * 1_000_000_000;
    inspector
}
