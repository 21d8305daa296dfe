//! The events of a plugin without a separate source: any of the schema, such as system calls of another host.

use std::fmt;
use std::sync::Arc;

use falco_plugin_api::{ss_instance_t, ss_plugin_event};
use scap::event::HEADER_LEN;
use scap::source::{Drop as Lost, SourceStats};
use scap::{Event, HostState, Next, Source};

use crate::batch::Batch;
use crate::error::Error;
use crate::owner::now;
use crate::syscalls::SyscallPlugins;

/// The longest event.
const LONGEST: usize = 64 << 20;
/// A source of events for an inspector, which a plugin provides. The inspector has the same plugins as its extension.
pub struct RawSource {
    plugins: Arc<SyscallPlugins>,
    name: String,
    instance: *mut ss_instance_t,
    batch: Batch,
    host: HostState,
    stats: SourceStats,
    ended: bool,
}

// SAFETY: as for `Plugin`, whose state the interface allows to be used from any thread, one at a time; there is no `Sync`.
// The instance and the batch belong to the plugin and go with it.
unsafe impl Send for RawSource {}

impl RawSource {
    /// Opens the source of the first of the plugins that provides such events; `None` if none does. `host` is the state of
    /// the host whose events they are, at the beginning.
    ///
    /// # Errors
    /// If the plugin cannot open it.
    pub fn open(plugins: &Arc<SyscallPlugins>, host: HostState) -> Result<Option<Self>, Error> {
        let Some((name, opened)) = plugins.open_raw() else { return Ok(None) };
        let (plugins, instance) = (Arc::clone(plugins), opened?);
        let invalid = Lost { cause: "invalid event", family: "", count: 0 };
        let stats = SourceStats { drops: vec![invalid], ..SourceStats::default() };
        Ok(Some(Self { plugins, name, instance, batch: Batch::EMPTY, host, stats, ended: false }))
    }

    /// Returns the name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.name
    }
}

/// Returns the bytes of an event, and completes the time, which the plugin may leave to this program. `None` if it is
/// not an event of the schema.
///
/// # Safety
/// The event must be null or as long as it says, for as long as the bytes are used.
unsafe fn bytes<'a>(event: *mut ss_plugin_event) -> Option<&'a [u8]> {
    if event.is_null() {
        return None;
    }
    // SAFETY: not null; the caller says that a header is there, which may be at any address.
    let mut header = unsafe { event.read_unaligned() };
    let (length, code) = (header.len as usize, scap::EventCode(header.type_));
    if !(HEADER_LEN..=LONGEST).contains(&length) || code.info().is_none() {
        return None;
    }
    if header.ts == u64::MAX {
        header.ts = now();
        // SAFETY: a header is there, of which the interface leaves the time to the program.
        unsafe { event.write_unaligned(header) };
    }
    // SAFETY: the caller says that it is as long.
    Some(unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) })
}

impl Source for RawSource {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        if self.ended {
            return Ok(Next::End);
        }
        if self.batch.peek().is_none() {
            self.batch = Batch::EMPTY;
            match self.plugins.next_raw(self.instance) {
                Ok(Some(batch)) => self.batch = batch,
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(scap::Error::Unsupported(error.to_string()));
                }
            }
        }
        let Some(event) = self.batch.peek() else {
            return Ok(if self.ended { Next::End } else { Next::Idle });
        };
        self.batch.advance();
        self.stats.seen += 1;
        // SAFETY: the event is one of the plugin's, which are there until the next batch; before that, the source is
        // borrowed by what is returned of them.
        let event = unsafe { bytes(event) }.and_then(|bytes| Event::parse(0, 0, bytes).ok());
        match event {
            Some(event) => {
                self.stats.delivered += 1;
                Ok(Next::Event(event))
            }
            None => {
                self.stats.drops[0].count += 1;
                // There may be no end of them.
                Ok(Next::Idle)
            }
        }
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        self.stats.clone()
    }
}

impl Drop for RawSource {
    fn drop(&mut self) {
        self.plugins.close_raw(self.instance);
    }
}

impl fmt::Debug for RawSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSource").field("plugin", &self.name).field("stats", &self.stats).finish_non_exhaustive()
    }
}
