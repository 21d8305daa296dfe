//! Plugins for captures, in which system calls and the events of several plugins are together.
//!
//! An inspector shows each event to the plugins of its source, and the event leads to them again, as for system calls.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scap::source::{Drop as Lost, SourceStats};
use scap::{Event, HostState, Next};
use sinsp::state::{Extension, State};

use crate::codes::provider;
use crate::error::Error;
use crate::owner::Log;
use crate::set::SourcePlugins;
use crate::source::{self, PluginEvent, PluginSource};
use crate::syscalls::SyscallPlugins;

/// The plugins of an inspector whose events are of several sources. See
/// [`InspectorBuilder::extension`](sinsp::InspectorBuilder::extension).
pub struct CapturePlugins {
    syscalls: Option<Arc<SyscallPlugins>>,
    sources: Vec<Captured>,
}

/// The plugins of one source.
struct Captured {
    set: Arc<SourcePlugins>,
    source: Arc<Mutex<PluginSource>>,
    /// Whether the events of the inspector are from this source, so that it knows each one already.
    live: bool,
}

impl Captured {
    fn lock(&self) -> MutexGuard<'_, PluginSource> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CapturePlugins {
    /// Initializes the plugins of sources for the events of a capture. No source is opened. `syscalls` are the plugins for the
    /// system calls of the capture.
    ///
    /// # Errors
    /// If a plugin rejects its configuration.
    pub fn init(
        syscalls: Option<Arc<SyscallPlugins>>,
        sources: &[Arc<SourcePlugins>],
        log: &Log,
    ) -> Result<Arc<Self>, Error> {
        let init = |set: &Arc<SourcePlugins>| {
            let source = Arc::new(Mutex::new(PluginSource::replay(set, log)?));
            Ok(Captured { set: Arc::clone(set), source, live: false })
        };
        let sources = sources.iter().map(init).collect::<Result<_, Error>>()?;
        Ok(Arc::new(Self { syscalls, sources }))
    }

    /// Returns the names of the event sources.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|captured| captured.set.source())
    }

    /// Calls `used` with the event as one of its plugins, and the place of their source among those that were initialized.
    /// `None` if it is not an event of one of them; it must be the last one of the inspector.
    pub fn with_event<T>(&self, event: &sinsp::Event<'_>, used: impl FnOnce(usize, PluginEvent<'_>) -> T) -> Option<T> {
        let (place, captured) = self.captured(&event.raw())?;
        let source = captured.lock();
        let current = source.current().filter(|current| captured.live || current.number() == event.num())?;
        Some(used(place, current))
    }

    /// Returns the plugins for system calls.
    pub(crate) fn syscalls(&self) -> Option<&SyscallPlugins> {
        self.syscalls.as_deref()
    }

    fn captured(&self, event: &Event<'_>) -> Option<(usize, &Captured)> {
        let id = provider(event)?;
        self.sources.iter().enumerate().find(|(_, captured)| captured.set.id == id)
    }
}

impl fmt::Debug for CapturePlugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources().collect();
        f.debug_struct("CapturePlugins").field("syscalls", &self.syscalls).field("sources", &sources).finish()
    }
}

impl Extension for CapturePlugins {
    fn open(&self, state: &mut State) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.syscalls.as_ref().map_or(Ok(()), |syscalls| syscalls.open(state))
    }

    fn close(&self, state: &mut State) {
        if let Some(syscalls) = &self.syscalls {
            syscalls.close(state);
        }
    }

    fn dump(&self, time: u64, each: &mut dyn FnMut(&Event<'_>)) {
        if let Some(syscalls) = &self.syscalls {
            syscalls.dump(time, each);
        }
        for captured in &self.sources {
            captured.lock().dump(time, each);
        }
    }

    fn event(&self, event: &Event<'_>, number: u64, state: &mut State) {
        match (self.captured(event), &self.syscalls) {
            (Some((_, Captured { live: true, .. })), _) => {}
            (Some((_, captured)), _) => {
                captured.lock().show(event, number);
            }
            (None, Some(syscalls)) => syscalls.event(event, number, state),
            (None, None) => {}
        }
    }

    fn next_event(&self, until: u64, bytes: &mut Vec<u8>) -> bool {
        self.syscalls.as_ref().is_some_and(|syscalls| syscalls.next_event(until, bytes))
    }
}

/// The events of a source that a plugin provides, as those of a capture: for an inspector, or to be recorded.
#[derive(Debug)]
pub struct EventSource {
    source: Arc<Mutex<PluginSource>>,
    plugin: String,
    /// The last event.
    event: Vec<u8>,
    host: HostState,
    delivered: u64,
    invalid: u64,
}

impl EventSource {
    /// Takes a source that is open, and the state of the host for the capture. Also returns the extension for the inspector of
    /// these events, by which [`CaptureFields`](crate::CaptureFields) have values.
    pub fn new(source: PluginSource, host: HostState) -> (Self, Arc<CapturePlugins>) {
        let (set, plugin) = (Arc::clone(source.set()), source.set().provider().to_owned());
        let source = Arc::new(Mutex::new(source));
        let captured = Captured { set, source: Arc::clone(&source), live: true };
        let events = Self { source, plugin, event: Vec::new(), host, delivered: 0, invalid: 0 };
        (events, Arc::new(CapturePlugins { syscalls: None, sources: vec![captured] }))
    }

    /// Returns the name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }
}

impl scap::Source for EventSource {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        match source.next_event() {
            Ok(source::Next::Event(event)) => {
                self.event.clear();
                self.event.extend_from_slice(event.bytes());
            }
            Ok(source::Next::Idle) => return Ok(Next::Idle),
            Ok(source::Next::End) => return Ok(Next::End),
            Err(Error::Event { .. }) => {
                self.invalid += 1;
                // There may be no end of them.
                return Ok(Next::Idle);
            }
            Err(error) => return Err(scap::Error::Unsupported(error.to_string())),
        }
        drop(source);
        self.delivered += 1;
        Event::parse(0, 0, &self.event).map(Next::Event).map_err(|error| scap::Error::Unsupported(error.to_string()))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        let invalid = Lost { cause: "invalid event", family: "", count: self.invalid };
        let (seen, delivered) = (self.delivered + self.invalid, self.delivered);
        let drops = if self.invalid > 0 { vec![invalid] } else { Vec::new() };
        SourceStats { seen, delivered, drops, ..SourceStats::default() }
    }
}
