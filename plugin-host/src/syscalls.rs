//! Plugins at system calls: an extension of the inspector that parses events and adds some, and whose values rules find.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bumpalo::Bump;
use falco_plugin_api::ss_instance_t;
use rule_engine::event::Value;
use scap::EventCode;
use scap::schema::{EVENTS, SyscallSet};
use sinsp::state::{Extension, State};

use crate::active::Active;
use crate::batch::{self, Batch};
use crate::codes::provider;
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

    pub(crate) fn set(&self) -> &Arc<SourcePlugins> {
        &self.set
    }

    /// Extracts a field of the last event.
    pub(crate) fn value<'e>(&self, request: &Request, event: &sinsp::Event<'_>, arena: &'e Bump) -> Option<Value<'e>> {
        let active = self.try_lock()?;
        let seen = seen(&event.raw(), event.num(), &active, Access::read(event.state()));
        // SAFETY: the bytes of an event were checked to be as long as they say.
        unsafe { request.extract(active.plugins.get(request.plugin)?, &seen, arena) }
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
        // A capture may have events of other sources, too.
        if provider(event).is_none()
            && let Some(active) = self.try_lock()
        {
            // SAFETY: the bytes of an event were checked to be as long as they say.
            unsafe { active.parse(&seen(event, number, &active, Access::write(state))) };
        }
    }

    fn next_event(&self, until: u64, bytes: &mut Vec<u8>) -> bool {
        self.queue.pop(until, bytes).is_some()
    }
}
