//! The engine: events in, alerts out, by a callback or one by one.

use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

use rule_engine::engine::{Runner, SourceRules};
use rule_engine::event::json::{JsonEvent, JsonSchema};
use rule_engine::event::sinsp::{SinspEvent, SinspSchema};

use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, bytes, shared, take, text, unique, write};
use crate::status::Status;
use crate::view::Bytes;

/// Rules at work. Opaque. To be used by one thread at a time; to change rules, load another engine and go on with it
/// between two events.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Arc<SourceRules>>,
    runners: Vec<Runner>,
    /// Alerts that wait to be taken with `peregrine_engine_next_alert`.
    waiting: VecDeque<Waiting>,
    /// The one that was taken last.
    taken: Option<Waiting>,
    json_events: u64,
    json_start: u64,
}

#[derive(Debug)]
struct Waiting {
    source: usize,
    rule: usize,
    text: Vec<u8>,
}

impl Handle for Engine {
    const NAME: &'static str = "peregrine_engine";
}

/// An alert. What it points at is lent until the callback returns, or until the next alert is taken.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// The rule that matched.
    pub rule: Bytes,
    /// The source of the event, such as `syscall`.
    pub source: Bytes,
    /// The priority's name, such as `Warning`.
    pub priority: Bytes,
    /// The alert as it is to be written, without a line end: text or JSON, as the engine was loaded.
    pub text: Bytes,
    /// The priority from 0 (emergency) to 7 (debug).
    pub severity: u32,
}

/// Takes an alert. `userdata` is what was given with the call that led here.
pub type AlertCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, alert: *const Alert)>;

/// A rule of an engine. What it points at is lent as long as the engine lives.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    /// Its name.
    pub name: Bytes,
    /// The source of its events.
    pub source: Bytes,
    /// Its priority from 0 (emergency) to 7 (debug).
    pub severity: u32,
    /// Whether it is switched on.
    pub enabled: bool,
}

impl Engine {
    pub(crate) fn new(rules: Vec<Arc<SourceRules>>) -> Self {
        let runners = rules.iter().map(SourceRules::runner).collect();
        Self { rules, runners, waiting: VecDeque::new(), taken: None, json_events: 0, json_start: 0 }
    }

    fn place(&self, source: &str) -> Result<usize, Fault> {
        let place = self.rules.iter().position(|rules| rules.rules().source() == source);
        place.ok_or_else(|| Fault::new(Status::InvalidArgument, format!("there is no source '{source}'")))
    }
}

fn alert(rule: &rule_engine::ruleset::Rule, text: &[u8]) -> Alert {
    let output = &rule.output;
    Alert {
        rule: output.rule.as_str().into(),
        source: output.source.as_str().into(),
        priority: output.priority.name().into(),
        text: text.into(),
        severity: output.priority as u32,
    }
}

/// Gives an engine back. NULL is fine.
///
/// # Safety
/// `engine` is NULL or a live engine that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_free(engine: *mut Engine) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(engine) }));
}

/// Evaluates the rules of the source `syscall` on an event and calls back for every alert, before it returns.
///
/// @param engine   the engine
/// @param event    the event
/// @param callback what takes alerts; it must not use the engine. NULL: alerts wait for peregrine_engine_next_alert()
/// @param userdata what the callback gets
/// @return PEREGRINE_STATUS_OK, whether there were alerts or not
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
        // SAFETY: by the caller's word.
        let engine = unsafe { unique(engine) }?;
        // SAFETY: by the caller's word.
        let (_, inner) = unsafe { event.look() }?;
        let Engine { rules, runners, waiting, .. } = engine;
        // The source of system calls is the first, whatever was added.
        let place = 0;
        let schema = rules.first().and_then(|rules| rules.schema::<SinspSchema>());
        let (Some(schema), Some(runner)) = (schema, runners.first_mut()) else {
            return Err(Fault::new(Status::InvalidArgument, "the engine has no source 'syscall'"));
        };
        runner.process(&SinspEvent::new(*inner, schema), |found| {
            // SAFETY: by the caller's word.
            unsafe { tell(&found, place, callback, userdata, waiting) };
        });
        Ok(Status::Ok)
    })
}

/// Evaluates the rules of a source of JSON events on one record.
///
/// @param engine    the engine
/// @param source    the source, such as `k8s_audit`
/// @param data      the first byte of a JSON object or array, UTF-8
/// @param len       how many bytes
/// @param timestamp when it happened, in nanoseconds since 1970
/// @param callback  as for peregrine_engine_process()
/// @param userdata  what the callback gets
/// @return PEREGRINE_STATUS_OK, _INVALID_EVENT if it is no JSON object or array, _INVALID_ARGUMENT if there is no such source
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; `source` is NULL or ended by a NUL; `data` is NULL or valid
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
        // SAFETY: by the caller's word.
        let engine = unsafe { unique(engine) }?;
        // SAFETY: by the caller's word.
        let source = unsafe { text(source, "source") }?;
        // SAFETY: by the caller's word.
        let data = unsafe { bytes(data, len, "data") }?;
        let place = engine.place(source)?;
        let Some(schema) = engine.rules[place].schema::<JsonSchema>() else {
            return Err(Fault::new(Status::InvalidArgument, format!("'{source}' is no source of JSON events")));
        };
        let event =
            JsonEvent::parse(schema, data).map_err(|fault| Fault::new(Status::InvalidEvent, fault.to_string()))?;
        engine.json_events += 1;
        if engine.json_events == 1 {
            engine.json_start = timestamp;
        }
        let event = event.at(engine.json_events, timestamp, engine.json_start);
        let waiting = &mut engine.waiting;
        engine.runners[place].process(&event, |found| {
            // SAFETY: by the caller's word.
            unsafe { tell(&found, place, callback, userdata, waiting) };
        });
        Ok(Status::Ok)
    })
}

/// # Safety
/// `callback` may be called with `userdata`.
unsafe fn tell(
    found: &rule_engine::engine::Alert<'_>,
    source: usize,
    callback: AlertCallback,
    userdata: *mut c_void,
    waiting: &mut VecDeque<Waiting>,
) {
    match callback {
        // SAFETY: by the caller's word.
        Some(callback) => unsafe { callback(userdata, &alert(found.rule, found.text)) },
        None => waiting.push_back(Waiting { source, rule: found.id.0 as usize, text: found.text.to_vec() }),
    }
}

/// Takes the oldest alert that waits.
///
/// @param engine the engine
/// @param out    receives the alert, lent until the next is taken or the engine is freed
/// @return PEREGRINE_STATUS_OK, _END if none waits
///
/// # Safety
/// `engine` is NULL or a live engine that no other thread uses; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_next_alert(engine: *mut Engine, out: *mut Alert) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let engine = unsafe { unique(engine) }?;
        if out.is_null() {
            return Err(Fault::null("the out-parameter"));
        }
        engine.taken = engine.waiting.pop_front();
        let Some(taken) = &engine.taken else { return Ok(Status::End) };
        let rule = &engine.rules[taken.source].rules().rules()[taken.rule];
        // SAFETY: by the caller's word.
        unsafe { write(out, alert(rule, &taken.text)) }?;
        Ok(Status::Ok)
    })
}

/// One of an engine's rules, in the order of evaluation, source by source.
///
/// @param engine the engine
/// @param index  which, from 0
/// @param out    receives it
/// @return PEREGRINE_STATUS_OK, _END if there are not so many
///
/// # Safety
/// `engine` is NULL or a live engine; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_rule(engine: *const Engine, index: usize, out: *mut RuleInfo) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let engine = unsafe { shared(engine) }?;
        let Some(rule) = engine.rules.iter().flat_map(|rules| rules.rules().rules()).nth(index) else {
            return Ok(Status::End);
        };
        let info = RuleInfo {
            name: rule.name().into(),
            source: rule.output.source.as_str().into(),
            severity: rule.output.priority as u32,
            enabled: rule.enabled,
        };
        // SAFETY: by the caller's word.
        unsafe { write(out, info) }?;
        Ok(Status::Ok)
    })
}
