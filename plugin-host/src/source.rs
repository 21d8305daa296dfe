//! The events of a source that a plugin provides.

use std::fmt;
use std::sync::Arc;

use falco_plugin_api::{ss_instance_t, ss_plugin_event};

use crate::active::Active;
use crate::batch::{self, Batch};
use crate::calls::Function;
use crate::error::Error;
use crate::extract::Seen;
use crate::library;
use crate::owner::{Log, now};
use crate::plugin::Plugin;
use crate::set::SourcePlugins;
use crate::tables::Access;

/// The length of the header of an event: time, thread, length, type, number of parameters.
const HEADER: usize = 26;
/// The type of the events of plugins, `pluginevent`.
const PLUGIN_EVENT: u16 = scap::EventCode::PLUGINEVENT_E.0;
/// The type of asynchronous events.
const ASYNC_EVENT: u16 = scap::EventCode::ASYNCEVENT_E.0;
/// The beginning of the parameters of such an event, behind their two lengths; the first is the id of the plugin.
const PARAMETERS: usize = HEADER + 2 * 4;
const PAYLOAD: usize = PARAMETERS + 4;
/// The longest event.
const LONGEST: usize = 64 << 20;

/// A source that is open: its plugins, initialized, and the events that they provide, in order.
///
/// It may be moved to another thread, and is used by one at a time.
pub struct PluginSource {
    /// The first of the plugins provides the events.
    active: Active,
    instance: *mut ss_instance_t,
    batch: Batch,
    current: Current,
    /// The asynchronous event that was returned last.
    own: Vec<u8>,
    number: u64,
    start: u64,
    ended: bool,
}

// SAFETY: as for `Plugin`, whose state the interface allows to be used from any thread, one at a time; there is no
// `Sync`. The instance and the batch belong to the plugin and go with it.
unsafe impl Send for PluginSource {}

/// The event that was returned last.
#[derive(Clone, Copy)]
struct Current {
    event: *const ss_plugin_event,
    length: usize,
    time: u64,
    /// The place of the payload.
    payload: usize,
}

impl Current {
    const NONE: Self = Self { event: std::ptr::null(), length: 0, time: 0, payload: 0 };
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
        let mut active = Active::init(set, log)?;
        let instance = batch::open(&active.plugins[0], &set.plugins[0].open_params)?;
        let started = active.start_async(false);
        let batch = Batch::EMPTY;
        let (current, own) = (Current::NONE, Vec::new());
        let mut source = Self { active, instance, batch, current, own, number: 0, start: 0, ended: false };
        started?;
        source.active.open_capture(Access::None)?;
        Ok(source)
    }

    /// Initializes the plugins of a source for the events of a capture, which [`show`](Self::show) takes, and does not open
    /// it: [`next_event`](Self::next_event) has none.
    ///
    /// # Errors
    /// If a plugin rejects its configuration.
    pub fn replay(set: &Arc<SourcePlugins>, log: &Log) -> Result<Self, Error> {
        let active = Active::init(set, log)?;
        let (instance, current, own) = (std::ptr::null_mut(), Current::NONE, Vec::new());
        let mut source = Self { active, instance, batch: Batch::EMPTY, current, own, number: 0, start: 0, ended: true };
        // The capture has those that were added when it was written.
        source.active.start_async(true)?;
        source.active.open_capture(Access::None)?;
        Ok(source)
    }

    /// Makes an event of a capture, with its number, the current one: shows it to the plugins that parse events, and
    /// returns it. `None` if it is not an event of this source.
    pub fn show(&mut self, event: &scap::Event<'_>, number: u64) -> Option<PluginEvent<'_>> {
        let parameters = match event.code().0 {
            PLUGIN_EVENT => 2,
            ASYNC_EVENT => 3,
            _ => return None,
        };
        if event.nparams() != parameters || event.raw(0) != Some(&self.active.set.id.to_le_bytes()) {
            return None;
        }
        let data = event.raw(parameters - 1).unwrap_or_default().len();
        self.own.clear();
        self.own.extend_from_slice(event.bytes());
        let length = self.own.len();
        self.current = Current { event: self.own.as_ptr().cast(), length, time: event.ts(), payload: length - data };
        self.number = number;
        match self.shown() {
            Next::Event(event) => Some(event),
            Next::Idle | Next::End => None,
        }
    }

    /// Calls `each` with the events that describe the state of the plugins, for a capture that begins at a time.
    pub fn dump(&self, time: u64, each: &mut dyn FnMut(&scap::Event<'_>)) {
        self.active.dump_state(time, each);
    }

    /// Returns the plugins that it was opened with.
    pub fn set(&self) -> &Arc<SourcePlugins> {
        &self.active.set
    }

    /// Returns the initialized plugins, the first of which provides the events.
    pub fn plugins(&mut self) -> &mut [Plugin] {
        &mut self.active.plugins
    }

    pub(crate) fn plugin(&self, place: usize) -> Option<&Plugin> {
        self.active.plugins.get(place)
    }

    /// Returns the next event. `Idle` after as long as the plugin waits when it has none, which it chooses itself.
    ///
    /// # Errors
    /// [`Error::Event`] if the plugin returned an invalid event, after which the next call goes on behind it; any other error
    /// ends the source.
    pub fn next_event(&mut self) -> Result<Next<'_>, Error> {
        self.current = Current::NONE;
        if self.batch.peek().is_none() && !self.ended {
            self.batch = Batch::EMPTY;
            match Batch::request(&self.active.plugins[0], self.instance) {
                Ok(Some(batch)) => self.batch = batch,
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        let Some(event) = self.batch.peek() else {
            let (until, otherwise) = if self.ended { (u64::MAX, Next::End) } else { (now(), Next::Idle) };
            return Ok(if self.take_async(until)? { self.shown() } else { otherwise });
        };
        if self.active.queue.has_any() && self.take_async(self.time_of(event))? {
            return Ok(self.shown());
        }
        self.batch.advance();
        self.number += 1;
        self.current = self.check(event)?;
        Ok(self.shown())
    }

    /// Returns the event that was returned last, if no other was requested since.
    pub fn current(&self) -> Option<PluginEvent<'_>> {
        (!self.current.event.is_null()).then_some(PluginEvent { source: self })
    }

    /// Shows the current event to the plugins that parse events, and returns it.
    fn shown(&mut self) -> Next<'_> {
        if self.start == 0 {
            self.start = self.current.time;
        }
        let event = PluginEvent { source: self };
        // SAFETY: the event was checked, and is there until the next one.
        unsafe { self.active.parse(&event.seen()) };
        Next::Event(event)
    }

    /// Makes the first asynchronous event the current one, if its time is at most `until`.
    fn take_async(&mut self, until: u64) -> Result<bool, Error> {
        let Some(time) = self.active.queue.pop(until, &mut self.own) else { return Ok(false) };
        self.number += 1;
        let invalid = |reason: String| Error::Event { plugin: self.active.set.provider().to_owned(), reason };
        let event = scap::Event::parse(0, 0, &self.own).map_err(|error| invalid(error.to_string()))?;
        let (length, data) = (event.bytes().len(), event.raw(2).unwrap_or_default().len());
        self.current = Current { event: self.own.as_ptr().cast(), length, time, payload: length - data };
        Ok(true)
    }

    /// Returns the time of an event of a batch, if it has one; else now.
    fn time_of(&self, event: *const ss_plugin_event) -> u64 {
        if event.is_null() {
            return 0;
        }
        // SAFETY: not null; the interface says that a header is there, which may be at any address.
        let header = unsafe { event.read_unaligned() };
        if header.ts == u64::MAX { now() } else { header.ts }
    }

    /// Checks an event of the plugin, and completes the parts that the plugin may leave to this program: time and id.
    fn check(&self, event: *mut ss_plugin_event) -> Result<Current, Error> {
        let invalid = |reason: String| Err(Error::Event { plugin: self.active.set.provider().to_owned(), reason });
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
            unsafe { bytes.add(PARAMETERS).cast::<u32>().write_unaligned(self.active.set.id) };
        } else if id != self.active.set.id {
            return invalid(format!("with the id {id} of another plugin; its own is {}", self.active.set.id));
        }
        if header.ts == u64::MAX {
            header.ts = now();
            // SAFETY: a header is there; the interface leaves this time to the program.
            unsafe { event.write_unaligned(header) };
        }
        Ok(Current { event, length, time: header.ts, payload: PAYLOAD })
    }

    /// Returns how much has been read, in hundredths of a percent, and the plugin's text for it; `None` if it is
    /// unknown.
    pub fn progress(&mut self) -> Option<(u32, Option<String>)> {
        let get_progress = self.active.plugins[0].library().api().__bindgen_anon_1.get_progress?;
        let mut percent = 0_u32;
        let _call = self.active.plugins[0].call(Function::Progress);
        // SAFETY: state and instance are those of this plugin, which writes to the number and returns null or a text.
        let text = unsafe { get_progress(self.active.plugins[0].state(), self.instance, &raw mut percent) };
        Some((percent, library::owned(text)))
    }
}

impl Drop for PluginSource {
    fn drop(&mut self) {
        self.active.close_capture(Access::None);
        // In this order, as Falco.
        batch::close(&self.active.plugins[0], self.instance);
        self.active.stop_async();
    }
}

impl fmt::Debug for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { active, number, ended, .. } = self;
        f.debug_struct("PluginSource")
            .field("source", &active.set.source)
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
        let Current { length, payload, .. } = self.source.current;
        &self.bytes()[payload.min(length)..]
    }

    /// Returns the whole event, in the layout of [`scap::Event`].
    pub fn bytes(self) -> &'a [u8] {
        let Current { event, length, .. } = self.source.current;
        // SAFETY: this is the length of the event, which was checked. It is the plugin's until the next batch, or in a
        // buffer of the source until the next event; both need the source mutably while this borrow of it lasts.
        unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) }
    }

    /// Returns whether it is an asynchronous event.
    pub fn is_async(self) -> bool {
        self.code() == ASYNC_EVENT
    }

    /// Returns the type of an asynchronous event.
    pub fn async_type(self) -> Option<&'a [u8]> {
        if !self.is_async() {
            return None;
        }
        let name = scap::Event::parse(0, 0, self.bytes()).ok()?.raw(1)?;
        Some(name.strip_suffix(b"\0").unwrap_or(name))
    }

    fn code(self) -> u16 {
        // SAFETY: an event is there, at any address.
        unsafe { self.source.current.event.read_unaligned() }.type_
    }

    /// Returns what plugins get of it.
    pub(crate) fn seen(self) -> Seen<'a> {
        let (event, code) = (self.source.current.event, self.code());
        let (number, source) = (self.source.number, &*self.source.active.source);
        Seen { event, code, number, source, access: Access::None }
    }

    /// Returns the source that it came from.
    pub fn source(self) -> &'a PluginSource {
        self.source
    }

    /// The time of the first event.
    pub(crate) fn start(self) -> u64 {
        self.source.start
    }
}

impl fmt::Debug for PluginEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.payload().len();
        f.debug_struct("PluginEvent").field("number", &self.number()).field("bytes", &bytes).finish_non_exhaustive()
    }
}
