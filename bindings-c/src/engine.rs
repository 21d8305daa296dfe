//! The engine: evaluates a ruleset on events; alerts come by a callback or one by one.
//!
//! Alerts are collected while the rules run and reported afterwards, when nothing of the engine is borrowed any more. So a
//! callback may use the engine, even free it.

use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

use crate::alert::{Alert, AlertData};
use crate::error::Error;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, borrow_mut, bytes, give, take, text, write};
use crate::ruleset::{Ruleset, Shared};
use crate::sized::{fill, grows};
use crate::status::Status;

/// Maximum number of queued alerts; further ones are dropped, and counted.
const MAX_QUEUED: usize = 65_536;

/// Evaluates a ruleset. Opaque. Used by one thread at a time: create one engine for each thread, all of one ruleset.
#[derive(Debug)]
pub struct Engine {
    inner: peregrine::Engine,
    rules: Arc<Shared>,
    /// One for each source of `rules`, in the same order.
    sources: Vec<Source>,
    /// The number of matches of each correlation.
    correlations: Vec<u64>,
    /// Alerts to be taken with `peregrine_engine_next_alert`.
    queue: VecDeque<AlertData>,
    /// The alert that was taken last: for C, and what that points into.
    taken: Option<(Box<Alert>, Box<AlertData>)>,
    stats: EngineStats,
}

/// The part of an engine for one source.
#[derive(Debug)]
struct Source {
    /// The number of matches of each rule.
    matches: Vec<u64>,
    /// The alerts of the current event.
    found: Vec<AlertData>,
}

impl Handle for Engine {
    const NAME: &'static str = "peregrine_engine";
}

/// Receives an alert. `userdata` is that of the call that evaluated the event. The callback may call the library, also with
/// the same engine and inspector; it must not throw.
pub type AlertCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, alert: *const Alert)>;

/// Statistics of an engine. Set `size` to `sizeof(peregrine_engine_stats)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineStats {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The number of evaluated events.
    pub events: u64,
    /// The number of alerts.
    pub alerts: u64,
    /// The number of alerts that are queued for peregrine_engine_next_alert().
    pub queued: u64,
    /// The number of alerts that were dropped because 65,536 were queued.
    pub dropped: u64,
}
grows!(EngineStats, "peregrine_engine_stats", dropped);

impl Engine {
    fn new(rules: &Arc<Shared>) -> Self {
        Self {
            inner: peregrine::Engine::new(&rules.rules),
            rules: Arc::clone(rules),
            sources: sources(rules),
            correlations: vec![0; rules.correlations().len()],
            queue: VecDeque::new(),
            taken: None,
            stats: EngineStats::default(),
        }
    }

    /// Evaluates the rules of the source of a plugin's event; returns the alerts to report at once and queues the others.
    #[cfg(feature = "plugins")]
    pub(crate) fn process_plugin(
        &mut self,
        name: &str,
        event: peregrine::plugin_host::PluginEvent<'_>,
        at_once: bool,
    ) -> Result<Vec<AlertData>, Error> {
        let place = self.place(name)?;
        let Self { inner, rules, sources, correlations, stats, .. } = self;
        let Source { matches, found } = &mut sources[place];
        inner.process_plugin(event, |alert| collect(&alert, matches, (rules, correlations), found))?;
        stats.events += 1;
        if found.is_empty() { Ok(Vec::new()) } else { Ok(self.account(place, at_once)) }
    }

    /// Returns the place of a source.
    fn place(&self, name: &str) -> Result<usize, Error> {
        let place = self.rules.rules.compiled().all().position(|source| source.rules().source() == name);
        place.ok_or_else(|| Error::new(Status::InvalidArgument, format!("there is no source '{name}'")))
    }

    /// Counts the alerts of an event of a source; returns those to report at once and queues the others.
    #[cold]
    fn account(&mut self, place: usize, at_once: bool) -> Vec<AlertData> {
        let found = self.sources.get_mut(place).map(|source| std::mem::take(&mut source.found)).unwrap_or_default();
        self.stats.alerts += found.len() as u64;
        if at_once {
            return found;
        }
        for alert in found {
            if self.queue.len() < MAX_QUEUED {
                self.queue.push_back(alert);
            } else {
                self.stats.dropped += 1;
            }
        }
        Vec::new()
    }
}

/// Returns the part of an engine for each source.
fn sources(rules: &Shared) -> Vec<Source> {
    rules.sources().map(|rules| Source { matches: vec![0; rules.len()], found: Vec::new() }).collect()
}

/// Collects an alert, to be reported when the rules are done.
#[cold]
fn collect(
    alert: &rule_engine::engine::Alert<'_>,
    matches: &mut [u64],
    (rules, correlations): (&Shared, &mut [u64]),
    found: &mut Vec<AlertData>,
) {
    let count = match alert.rule_id() {
        Some(rule) => matches.get_mut(rule.0 as usize),
        None => {
            let place = rules.correlations().iter().position(|rule| rule.name() == alert.rule());
            place.and_then(|place| correlations.get_mut(place))
        }
    };
    if let Some(count) = count {
        *count += 1;
    }
    found.push(AlertData::new(alert.to_owned()));
}

/// # Safety
/// `callback` may be called with `userdata`.
#[inline]
pub(crate) unsafe fn report(found: &[AlertData], callback: AlertCallback, userdata: *mut c_void) {
    if let Some(callback) = callback {
        for found in found {
            // SAFETY: guaranteed by the caller.
            unsafe { callback(userdata, &found.alert()) };
        }
    }
}

/// Creates an engine. It keeps the ruleset alive.
///
/// @param ruleset the ruleset
/// @param out     receives an engine that the caller owns and frees with peregrine_engine_free()
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `ruleset` is NULL or a live ruleset; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_new(ruleset: *const Ruleset, out: *mut *mut Engine) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let ruleset = unsafe { borrow(ruleset) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Engine::new(&ruleset.0), out) }?;
        Ok(Status::Ok)
    })
}

/// Frees an engine. Passing NULL is a no-op.
///
/// # Safety
/// `engine` is NULL or a live engine that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_free(engine: *mut Engine) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(engine) }));
}

/// Replaces the rules of an engine from the next event on. Statistics and queued alerts are kept; the matches of rules start
/// from 0. May be called in the callback of an alert.
///
/// @param engine  the engine
/// @param ruleset the new rules
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; `ruleset` is NULL or a live ruleset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_set_ruleset(engine: *mut Engine, ruleset: *const Ruleset) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow_mut(engine) }?;
        // SAFETY: guaranteed by the caller.
        let ruleset = unsafe { borrow(ruleset) }?;
        engine.inner.set_rules(&ruleset.0.rules);
        engine.sources = sources(&ruleset.0);
        engine.correlations = vec![0; ruleset.0.correlations().len()];
        engine.rules = Arc::clone(&ruleset.0);
        Ok(Status::Ok)
    })
}

/// Evaluates the rules of the source `syscall` on an event and calls back for every alert before it returns.
///
/// @param engine   the engine
/// @param event    the event
/// @param callback receives alerts; see peregrine_alert_callback. NULL: alerts are queued for peregrine_engine_next_alert()
/// @param userdata passed to the callback
/// @return PEREGRINE_STATUS_OK, with or without alerts
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; the inspector of the event is alive; `callback` may be
/// called with `userdata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_process(
    engine: *mut Engine,
    event: Event,
    callback: AlertCallback,
    userdata: *mut c_void,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow_mut(engine) }?;
        // SAFETY: guaranteed by the caller.
        let (_, event) = unsafe { event.look() }?;
        let Engine { inner, rules, sources, correlations, stats, .. } = &mut *engine;
        // The source of system calls is the first, whatever was added.
        let Some(Source { matches, found }) = sources.first_mut() else { return Err(no_syscalls()) };
        inner.process(event, |alert| collect(&alert, matches, (rules, correlations), found));
        stats.events += 1;
        if found.is_empty() {
            return Ok(Status::Ok);
        }
        let found = engine.account(0, callback.is_some());
        // SAFETY: guaranteed by the caller; neither engine nor inspector is borrowed from here on.
        unsafe { report(&found, callback, userdata) };
        Ok(Status::Ok)
    })
}

#[cold]
fn no_syscalls() -> Error {
    Error::new(Status::InvalidArgument, "the ruleset has no source 'syscall'")
}

/// Evaluates the rules of a source of JSON events on a record.
///
/// @param engine    the engine
/// @param source    the name of the source, such as `k8s_audit`
/// @param data      the first byte of a JSON object or array, UTF-8
/// @param len       the number of bytes
/// @param timestamp the time of the event, in nanoseconds since 1970
/// @param callback  as for peregrine_engine_process()
/// @param userdata  passed to the callback
/// @return PEREGRINE_STATUS_OK; _INVALID_EVENT if it is not a JSON object or array; _INVALID_ARGUMENT if there is no such
///         source of JSON events
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; `source` is NULL or NUL-terminated; `data` is NULL or valid
/// for reading `len` bytes; `callback` may be called with `userdata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_process_json(
    engine: *mut Engine,
    source: *const c_char,
    data: *const u8,
    len: usize,
    timestamp: u64,
    callback: AlertCallback,
    userdata: *mut c_void,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow_mut(engine) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(source, "source") }?;
        // SAFETY: guaranteed by the caller.
        let data = unsafe { bytes(data, len, "data") }?;
        let place = engine.place(name)?;
        let Engine { inner, rules, sources, correlations, stats, .. } = &mut *engine;
        let Source { matches, found } = &mut sources[place];
        inner
            .process_json(name, data, timestamp, |alert| collect(&alert, matches, (rules, correlations), found))
            .map_err(|error| match error {
                peregrine::Error::Json(error) => Error::new(Status::InvalidEvent, error.to_string()),
                _ => Error::new(Status::InvalidArgument, format!("'{name}' is not a source of JSON events")),
            })?;
        stats.events += 1;
        if found.is_empty() {
            return Ok(Status::Ok);
        }
        let found = engine.account(place, callback.is_some());
        // SAFETY: guaranteed by the caller; the engine is not borrowed from here on.
        unsafe { report(&found, callback, userdata) };
        Ok(Status::Ok)
    })
}

/// Takes the oldest queued alert.
///
/// @param engine the engine
/// @param out    receives the alert, valid until the next is taken or the engine is freed
/// @return PEREGRINE_STATUS_OK, _END if none is queued
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_next_alert(engine: *mut Engine, out: *mut *const Alert) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow_mut(engine) }?;
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        engine.taken = engine.queue.pop_front().map(|found| {
            let found = Box::new(found);
            (Box::new(found.alert()), found)
        });
        let Some((alert, _)) = &engine.taken else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, &raw const **alert) }?;
        Ok(Status::Ok)
    })
}

/// Returns the number of matches of a rule, which has the index of peregrine_ruleset_rule().
///
/// @param engine the engine
/// @param index  the index of the rule, from 0
/// @param out    receives the number
/// @return PEREGRINE_STATUS_OK, _END if there is no rule of that index
///
/// # Safety
/// `engine` is NULL or a live engine; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_rule_matches(engine: *const Engine, index: usize, out: *mut u64) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow(engine) }?;
        let sources = engine.sources.iter().zip(engine.rules.sources());
        let all = sources.flat_map(|(source, rules)| source.matches.iter().zip(rules));
        let mut counts = all.filter(|(_, rule)| !rule.is_step()).map(|(count, _)| count).chain(&engine.correlations);
        let Some(count) = counts.nth(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, *count) }?;
        Ok(Status::Ok)
    })
}

/// Returns the statistics of an engine.
///
/// @param engine the engine
/// @param out    receives the statistics; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `engine` is NULL or a live engine; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_get_stats(engine: *const Engine, out: *mut EngineStats) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow(engine) }?;
        let stats = EngineStats { queued: engine.queue.len() as u64, ..engine.stats };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &stats) }?;
        Ok(Status::Ok)
    })
}
