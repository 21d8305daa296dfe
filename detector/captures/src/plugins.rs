//! Plugins that a command loads: their fields, and the events of one of them.

use std::io::Write as _;
use std::sync::Arc;

use peregrine_plugin_host::{
    CaptureFields, CapturePlugins, Configured, Library, Log, LogLine, Severity, SourcePlugins, SyscallPlugins,
};
#[cfg(feature = "live")]
use peregrine_plugin_host::{EventSource, PluginSource};
use rule_engine::event::sinsp::SinspSchema;
#[cfg(feature = "live")]
use scap::HostState;
use sinsp::fields::Fields;

use crate::Fatal;

/// The plugins of a command; there may be none.
#[derive(Default)]
pub(crate) struct Plugins {
    syscalls: Option<Arc<SourcePlugins>>,
    sources: Vec<Arc<SourcePlugins>>,
    /// The one of `sources` whose events are wanted.
    #[cfg(feature = "live")]
    input: Option<usize>,
}

impl Plugins {
    /// Loads plugins from `PATH` or `PATH:CONFIG`. `input` is the name of the one whose events are wanted, or `NAME:PARAMS`.
    pub(crate) fn load(plugins: &[String], input: Option<&str>) -> Result<Self, Fatal> {
        let halves = |text: &'_ str| {
            let (first, second) = text.split_once(':').unwrap_or((text, ""));
            (first.to_owned(), second.to_owned())
        };
        let input = input.map(halves);
        let load = |option: &String| -> Result<Configured, Fatal> {
            let (path, config) = halves(option);
            // Without a folder the linker would look for the file elsewhere.
            let library = Library::load(std::path::absolute(path)?)?;
            let name = &library.info().name;
            let params = input.as_ref().filter(|(wanted, _)| wanted == name).map_or("", |(_, params)| params);
            Ok(Configured::new(library.clone(), config, params))
        };
        let plugins = plugins.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let (sources, syscalls) = (SourcePlugins::combine(&plugins)?, SourcePlugins::of_syscalls(&plugins)?);
        #[cfg(feature = "live")]
        let input = {
            let place = |(wanted, _): (String, String)| {
                let found = sources.iter().position(|set| set.provider() == wanted);
                found.ok_or_else(|| format!("no plugin `{wanted}` that provides events is loaded by --plugin"))
            };
            input.map(place).transpose()?
        };
        Ok(Self {
            syscalls,
            sources,
            #[cfg(feature = "live")]
            input,
        })
    }

    /// Returns the schema of conditions and formats, with the fields of the plugins.
    pub(crate) fn schema(&self, fields: &Fields) -> SinspSchema {
        let schema = SinspSchema::new(fields.clone());
        if self.is_empty() {
            return schema;
        }
        let schema = schema.with_added(Box::new(CaptureFields::new(self.syscalls.as_ref(), &self.sources)));
        let sets = self.syscalls.iter().chain(&self.sources);
        sets.flat_map(|set| set.async_events()).fold(schema, SinspSchema::async_event)
    }

    /// Initializes the plugins for the events of a capture, if there are any.
    pub(crate) fn of_capture(&self) -> Result<Option<Arc<CapturePlugins>>, Fatal> {
        if self.is_empty() {
            return Ok(None);
        }
        let log = log();
        let init = |set: &Arc<SourcePlugins>| SyscallPlugins::init(set, &log, false);
        let syscalls = self.syscalls.as_ref().map(init).transpose()?;
        Ok(Some(CapturePlugins::init(syscalls, &self.sources, &log)?))
    }

    /// Opens the source whose events are wanted, if there is one.
    #[cfg(feature = "live")]
    pub(crate) fn open(&self) -> Result<Option<(EventSource, Arc<CapturePlugins>)>, Fatal> {
        let Some(set) = self.input.and_then(|place| self.sources.get(place)) else { return Ok(None) };
        Ok(Some(EventSource::new(PluginSource::open(set, &log())?, HostState::default())))
    }

    fn is_empty(&self) -> bool {
        self.syscalls.is_none() && self.sources.is_empty()
    }
}

/// Prints what plugins log as a problem to standard error, whose reader may be gone.
fn log() -> Log {
    Arc::new(|LogLine { plugin, message, severity, .. }| {
        if severity <= Severity::Warning {
            let _ = writeln!(std::io::stderr(), "pscap: plugin {plugin}: {message}");
        }
    })
}
