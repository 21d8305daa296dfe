//! The events of a source that a plugin provides.

use std::ffi::CString;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use falco_plugin_api::{
    ss_instance_t, ss_plugin_event, ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_EOF, ss_plugin_rc_SS_PLUGIN_SUCCESS,
    ss_plugin_rc_SS_PLUGIN_TIMEOUT,
};

use crate::error::Error;
use crate::library;
use crate::owner::Log;
use crate::plugin::{Plugin, text};
use crate::set::SourcePlugins;

/// The length of the header of an event: time, thread, length, type, number of parameters.
const HEADER: usize = 26;
/// The type of the events of plugins, `pluginevent`.
const PLUGIN_EVENT: u16 = scap::EventCode::PLUGINEVENT_E.0;
/// The beginning of the parameters of such an event, behind their two lengths; the first is the id of the plugin.
const PARAMETERS: usize = HEADER + 2 * 4;
const PAYLOAD: usize = PARAMETERS + 4;
/// The longest event.
const LONGEST: usize = 64 << 20;
/// The most events that are read from one batch.
const LARGEST_BATCH: u32 = 1 << 20;

/// A source that is open: its plugins, initialized, and the events that they provide, in order.
///
/// It may be moved to another thread, and is used by one at a time.
pub struct PluginSource {
    set: Arc<SourcePlugins>,
    /// In the order of the set. The first provides the events.
    plugins: Vec<Plugin>,
    instance: *mut ss_instance_t,
    pub(crate) source: CString,
    batch: Batch,
    current: Current,
    number: u64,
    start: u64,
    ended: bool,
}

// SAFETY: as for `Plugin`, whose state the interface allows to be used from any thread, one at a time; there is no
// `Sync`. The instance and the batch belong to the plugin and go with it.
unsafe impl Send for PluginSource {}

/// Events that a plugin returned. They belong to the plugin until its next batch.
struct Batch {
    events: *mut *mut ss_plugin_event,
    count: usize,
    next: usize,
}

/// The event that was returned last.
#[derive(Clone, Copy)]
struct Current {
    event: *const ss_plugin_event,
    length: usize,
    time: u64,
}

/// The result of a request for an event.
#[derive(Debug, Clone, Copy)]
pub enum Next<'a> {
    /// An event.
    Event(PluginEvent<'a>),
    /// No event at the moment.
    Idle,
    /// No more events.
    End,
}

/// An event of a plugin. It is borrowed from the plugin until the next one.
#[derive(Clone, Copy)]
pub struct PluginEvent<'a> {
    source: &'a PluginSource,
}

impl PluginSource {
    /// Initializes the plugins of a source and opens it.
    ///
    /// # Errors
    /// If a plugin rejects its configuration, or the one that provides the events cannot open them.
    pub fn open(set: &Arc<SourcePlugins>, log: &Log) -> Result<Self, Error> {
        let init = |plugin: &crate::Configured| Plugin::init(&plugin.library, &plugin.init_config, Arc::clone(log));
        let plugins = set.plugins.iter().map(init).collect::<Result<Vec<_>, _>>()?;
        let provider = &plugins[0];
        let params = text(set.provider(), "open_params", &set.plugins[0].open_params)?;
        let mut rc: ss_plugin_rc = ss_plugin_rc_SS_PLUGIN_SUCCESS;
        // SAFETY: the state is that of this plugin, the text lives until the call returns, and the presence of the
        // function was checked when the library was loaded.
        let open = |open: unsafe extern "C-unwind" fn(_, _, _) -> _| unsafe {
            open(provider.state(), params.as_ptr(), &raw mut rc)
        };
        let instance = provider.library().api().__bindgen_anon_1.open.map_or(std::ptr::null_mut(), open);
        let source = Self {
            set: Arc::clone(set),
            instance,
            source: crate::plugin::name(&set.source),
            plugins,
            batch: Batch { events: std::ptr::null_mut(), count: 0, next: 0 },
            current: Current { event: std::ptr::null(), length: 0, time: 0 },
            number: 0,
            start: 0,
            ended: false,
        };
        if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(source) } else { Err(source.plugins[0].failed("plugin_open")) }
    }

    /// Returns the plugins that it was opened with.
    pub fn set(&self) -> &Arc<SourcePlugins> {
        &self.set
    }

    /// Returns the initialized plugins, the first of which provides the events.
    pub fn plugins(&mut self) -> &mut [Plugin] {
        &mut self.plugins
    }

    pub(crate) fn plugin(&self, place: usize) -> Option<&Plugin> {
        self.plugins.get(place)
    }

    /// Returns the next event. `Idle` after as long as the plugin waits when it has none, which it chooses itself.
    ///
    /// # Errors
    /// [`Error::Event`] if the plugin returned an invalid event, after which the next call goes on behind it; any other error
    /// ends the source.
    pub fn next_event(&mut self) -> Result<Next<'_>, Error> {
        if self.ended {
            return Ok(Next::End);
        }
        if self.batch.next == self.batch.count {
            match self.fill() {
                Ok(Some(more)) if more => {}
                Ok(Some(_)) => return Ok(Next::Idle),
                Ok(None) => {
                    self.ended = true;
                    return Ok(Next::End);
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        let place = self.batch.next;
        self.batch.next += 1;
        // SAFETY: `place` is below the length of the array, which is the plugin's until the next batch.
        let event = unsafe { *self.batch.events.add(place) };
        self.number += 1;
        self.current = self.check(event)?;
        if self.start == 0 {
            self.start = self.current.time;
        }
        Ok(Next::Event(PluginEvent { source: self }))
    }

    /// Requests a batch. Returns whether there are events in it; `None` at the end.
    fn fill(&mut self) -> Result<Option<bool>, Error> {
        self.batch = Batch { events: std::ptr::null_mut(), count: 0, next: 0 };
        let provider = &self.plugins[0];
        let Some(next_batch) = provider.library().api().__bindgen_anon_1.next_batch else { return Ok(None) };
        let (mut count, mut events) = (0_u32, std::ptr::null_mut());
        // SAFETY: state and instance are those of this plugin, which writes to the two variables.
        let rc = unsafe { next_batch(provider.state(), self.instance, &raw mut count, &raw mut events) };
        if ![ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_rc_SS_PLUGIN_TIMEOUT, ss_plugin_rc_SS_PLUGIN_EOF].contains(&rc) {
            return Err(provider.failed("plugin_next_batch"));
        }
        if count == 0 || rc == ss_plugin_rc_SS_PLUGIN_TIMEOUT {
            return Ok((rc != ss_plugin_rc_SS_PLUGIN_EOF).then_some(false));
        }
        if events.is_null() || count > LARGEST_BATCH {
            let reason = format!("a batch of {count} events{}", if events.is_null() { ", which is null" } else { "" });
            return Err(Error::Event { plugin: self.set.provider().to_owned(), reason });
        }
        self.batch = Batch { events, count: count as usize, next: 0 };
        Ok(Some(true))
    }

    /// Checks an event of the plugin, and completes the parts that the plugin may leave to this program: time and id.
    fn check(&self, event: *mut ss_plugin_event) -> Result<Current, Error> {
        let invalid = |reason: String| Err(Error::Event { plugin: self.set.provider().to_owned(), reason });
        if event.is_null() {
            return invalid("null".to_owned());
        }
        // SAFETY: not null; the interface says that a header is there, which may be at any address.
        let mut header = unsafe { event.read_unaligned() };
        let (length, code, parameters) = (header.len as usize, header.type_, header.nparams);
        if code != PLUGIN_EVENT {
            return invalid(format!("of type {code}, where only type {PLUGIN_EVENT} is allowed"));
        }
        if parameters != 2 || !(PAYLOAD..=LONGEST).contains(&length) {
            return invalid(format!("{parameters} parameters in {length} bytes"));
        }
        let bytes = event.cast::<u8>();
        // SAFETY: at least `PAYLOAD` bytes are there, of which these are the two lengths and the id.
        let (id_length, data_length, id) = unsafe {
            let number = |at: usize| bytes.add(at).cast::<u32>().read_unaligned();
            (number(HEADER), number(HEADER + 4), number(PARAMETERS))
        };
        if id_length != 4 || data_length as usize != length - PAYLOAD {
            return invalid(format!("parameters of {id_length} and {data_length} bytes in an event of {length} bytes"));
        }
        if id == 0 {
            // SAFETY: as above; the interface leaves this id to the program.
            unsafe { bytes.add(PARAMETERS).cast::<u32>().write_unaligned(self.set.id) };
        } else if id != self.set.id {
            return invalid(format!("with the id {id} of another plugin; its own is {}", self.set.id));
        }
        if header.ts == u64::MAX {
            header.ts = now();
            // SAFETY: a header is there; the interface leaves this time to the program.
            unsafe { event.write_unaligned(header) };
        }
        Ok(Current { event, length, time: header.ts })
    }

    /// Returns how much has been read, in hundredths of a percent, and the plugin's text for it; `None` if it is
    /// unknown.
    pub fn progress(&mut self) -> Option<(u32, Option<String>)> {
        let get_progress = self.plugins[0].library().api().__bindgen_anon_1.get_progress?;
        let mut percent = 0_u32;
        // SAFETY: state and instance are those of this plugin, which writes to the number and returns null or a text.
        let text = unsafe { get_progress(self.plugins[0].state(), self.instance, &raw mut percent) };
        Some((percent, library::owned(text)))
    }
}

impl Drop for PluginSource {
    fn drop(&mut self) {
        let provider = &self.plugins[0];
        if let Some(close) = provider.library().api().__bindgen_anon_1.close
            && !self.instance.is_null()
        {
            // SAFETY: state and instance are those of this plugin, and the instance is not used any more.
            unsafe { close(provider.state(), self.instance) };
        }
    }
}

impl fmt::Debug for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set, number, ended, .. } = self;
        f.debug_struct("PluginSource")
            .field("source", &set.source)
            .field("number", number)
            .field("ended", ended)
            .finish()
    }
}

impl<'a> PluginEvent<'a> {
    /// Returns its number in the stream, from 1. Invalid events are counted.
    pub fn number(self) -> u64 {
        self.source.number
    }

    /// Returns its time, in nanoseconds since 1970.
    pub fn time(self) -> u64 {
        self.source.current.time
    }

    /// Returns the payload of the event, in the plugin's own format.
    pub fn payload(self) -> &'a [u8] {
        let (bytes, length) = (self.source.current.event.cast::<u8>(), self.source.current.length);
        // SAFETY: `check` found that this is the length of the event, whose parameters end with it. It is the plugin's
        // until the next batch, which needs the source mutably while this borrow of it lasts.
        unsafe { std::slice::from_raw_parts(bytes.add(PAYLOAD), length - PAYLOAD) }
    }

    /// Returns the source that it came from.
    pub fn source(self) -> &'a PluginSource {
        self.source
    }

    /// The time of the first event.
    pub(crate) fn start(self) -> u64 {
        self.source.start
    }

    pub(crate) fn raw(self) -> *const ss_plugin_event {
        self.source.current.event
    }
}

impl fmt::Debug for PluginEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.payload().len();
        f.debug_struct("PluginEvent").field("number", &self.number()).field("bytes", &bytes).finish_non_exhaustive()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX - 1)
}
