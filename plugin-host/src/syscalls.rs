//! Plugins at system calls: fields for rules, and an extension of the inspector that parses events and adds some.
//!
//! The instances of the plugins belong to the inspector, as one set of rules may be used by several. The fields in rules
//! are numbers and arguments only, and find the instances through the state that an event has.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bumpalo::Bump;
use falco_plugin_api::ss_instance_t;
use rule_engine::event::sinsp::AddedFields;
use rule_engine::event::{FieldError, FieldId, FieldInfo, Value};
use scap::EventCode;
use scap::schema::{EVENTS, SyscallSet};
use sinsp::state::{Extension, State};

use crate::active::Active;
use crate::batch::{self, Batch};
use crate::error::Error;
use crate::extract::{Request, Seen};
use crate::owner::Log;
use crate::plugin::{Metric, Plugin};
use crate::queue::Queue;
use crate::set::SourcePlugins;
use crate::tables::Access;

/// The plugins of an inspector. See [`InspectorBuilder::extension`](sinsp::InspectorBuilder::extension).
pub struct SyscallPlugins {
    set: Arc<SourcePlugins>,
    /// Used by the thread of the events, which never waits for it: others only look at metrics between events.
    active: Mutex<Active>,
    queue: Arc<Queue>,
    /// Number of events, and values of fields, that the plugins were not called for because another thread used them.
    skipped: AtomicU64,
}

impl SyscallPlugins {
    /// Initializes the plugins for an inspector: `live` says that its events are those of this host, as they happen.
    ///
    /// # Errors
    /// If a plugin rejects its configuration, or requires another version of the schema of live events.
    pub fn init(set: &Arc<SourcePlugins>, log: &Log, live: bool) -> Result<Arc<Self>, Error> {
        let mut active = Active::init(set, log)?;
        if live {
            active.plugins.iter().try_for_each(Plugin::check_schema)?;
        }
        active.start_async(!live)?;
        let queue = Arc::clone(&active.queue);
        Ok(Arc::new(Self { set: Arc::clone(set), active: Mutex::new(active), queue, skipped: AtomicU64::new(0) }))
    }

    /// Returns the system calls that plugins parse: a live source has to capture them.
    pub fn parsed_syscalls(&self) -> SyscallSet {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let parsed = |code: &EventCode| active.plugins.iter().any(|plugin| plugin.parsed.contains(code.0));
        EVENTS.iter().map(|event| event.code).filter(parsed).flat_map(EventCode::syscalls).collect()
    }

    /// Returns whether one of the plugins provides events of the schema, such as system calls.
    pub fn has_raw_events(&self) -> bool {
        self.set.has_raw_events()
    }

    /// Opens the source of the first plugin with events of the schema, and returns the name of the plugin.
    pub(crate) fn open_raw(&self) -> Option<(String, Result<*mut ss_instance_t, Error>)> {
        let place = self.set.raw()?;
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let (plugin, params) = (active.plugins.get(place)?, &self.set.plugins[place].open_params);
        Some((plugin.info().name.clone(), batch::open(plugin, params)))
    }

    /// Requests its next events.
    pub(crate) fn next_raw(&self, instance: *mut ss_instance_t) -> Result<Option<Batch>, Error> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let plugin = self.set.raw().and_then(|place| active.plugins.get(place));
        plugin.map_or(Ok(None), |plugin| Batch::request(plugin, instance))
    }

    /// Closes it.
    pub(crate) fn close_raw(&self, instance: *mut ss_instance_t) {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugin) = self.set.raw().and_then(|place| active.plugins.get(place)) {
            batch::close(plugin, instance);
        }
    }

    /// Returns the metrics of every plugin by its name, with those of its calls; see
    /// [`Plugin::all_metrics`]. `host_skipped` is [`skipped`](Self::skipped).
    pub fn metrics(&self) -> Vec<(String, Vec<Metric>)> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = |plugin: &mut Plugin| {
            let mut metrics = plugin.all_metrics();
            let value = self.skipped() as f64;
            metrics.push(Metric { name: "host_skipped".to_owned(), counter: true, value });
            (plugin.info().name.clone(), metrics)
        };
        active.plugins.iter_mut().map(metrics).collect()
    }

    /// Returns the number of events, and of values of fields, that the plugins were not called for because another thread
    /// was using them: the thread of the events never waits.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Returns the plugins for the thread of the events, unless another thread is using them, which is counted.
    fn try_lock(&self) -> Option<MutexGuard<'_, Active>> {
        match self.active.try_lock() {
            Ok(active) => Some(active),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Returns the number of calls of plugins that failed.
    pub fn failures(&self) -> u64 {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.plugins.iter().map(Plugin::failures).sum()
    }

    /// Returns the number of asynchronous events that were lost because too many waited.
    pub fn lost_async_events(&self) -> u64 {
        self.queue.lost()
    }
}

impl fmt::Debug for SyscallPlugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyscallPlugins").field("set", &self.set).finish_non_exhaustive()
    }
}

/// Returns what plugins get of an event of the inspector.
fn seen<'a>(event: &scap::Event<'a>, number: u64, active: &'a Active, access: Access) -> Seen<'a> {
    Seen { event: event.bytes().as_ptr().cast(), code: event.code().0, number, source: &active.source, access }
}

impl Extension for SyscallPlugins {
    fn open(&self, state: &mut State) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(active.open_capture(Access::write(state))?)
    }

    fn close(&self, state: &mut State) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.close_capture(Access::write(state));
    }

    fn dump(&self, time: u64, each: &mut dyn FnMut(&scap::Event<'_>)) {
        if let Some(active) = self.try_lock() {
            active.dump_state(time, each);
        }
    }

    fn event(&self, event: &scap::Event<'_>, number: u64, state: &mut State) {
        if let Some(active) = self.try_lock() {
            // SAFETY: the bytes of an event were checked to be as long as they say.
            unsafe { active.parse(&seen(event, number, &active, Access::write(state))) };
        }
    }

    fn next_event(&self, until: u64, bytes: &mut Vec<u8>) -> bool {
        self.queue.pop(until, bytes).is_some()
    }
}

/// The fields of system calls that plugins extract, for [`SinspSchema`](rule_engine::event::sinsp::SinspSchema).
#[derive(Debug)]
pub struct SyscallFields {
    set: Arc<SourcePlugins>,
    requests: Vec<Request>,
}

impl SyscallFields {
    /// Returns the fields of plugins. They have values for the events of an inspector with the same plugins.
    pub fn new(set: &Arc<SourcePlugins>) -> Self {
        Self { set: Arc::clone(set), requests: Vec::new() }
    }
}

impl AddedFields for SyscallFields {
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Option<Result<FieldInfo, FieldError>> {
        Some(Request::resolve(&self.set, name, arg)?.map(|request| {
            let info = request.info(FieldId(self.requests.len() as u32));
            self.requests.push(request);
            info
        }))
    }

    fn is_field(&self, name: &str) -> bool {
        self.set.fields().any(|(_, field)| field.name == name)
    }

    fn names(&self) -> Vec<String> {
        self.set.fields().map(|(_, field)| field.name.clone()).collect()
    }

    fn suggested_output(&self) -> Vec<String> {
        let suggested = self.set.fields().filter(|(_, field)| field.suggested);
        suggested.map(|(_, field)| format!("{}=%{}", field.name.replace('.', "_"), field.name)).collect()
    }

    fn value<'e>(&'e self, field: FieldId, event: &'e sinsp::Event<'_>, arena: &'e Bump) -> Option<Value<'e>> {
        let extension: &dyn Any = event.state().extension()?;
        let plugins: &SyscallPlugins = extension.downcast_ref()?;
        if plugins.set.schema != self.set.schema {
            return None;
        }
        let active = plugins.try_lock()?;
        let request = self.requests.get(field.0 as usize)?;
        let seen = seen(&event.raw(), event.num(), &active, Access::read(event.state()));
        // SAFETY: the bytes of an event were checked to be as long as they say.
        unsafe { request.extract(active.plugins.get(request.plugin)?, &seen, arena) }
    }
}
