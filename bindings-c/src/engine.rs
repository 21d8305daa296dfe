//! The engine: events in, alerts out, by a callback or one by one.
//!
//! Alerts are gathered while the rules run and told afterwards, when nothing of the engine is borrowed any more. So a
//! callback may use the engine, even free it. An alert is rare; the copy of its text costs nothing that counts.

use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::rc::Rc;
use std::sync::Arc;

use rule_engine::engine::{AnySourceRules, CompiledRules, Runner};
use rule_engine::event::json::{JsonDocument, JsonSchema};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::output::Format;
use rule_engine::ruleset::{Rule, RuleId, Ruleset};

use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, bytes, shared, take, text, unique, write};
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::{List, Value};
use crate::view::Bytes;

/// How many alerts wait to be taken; further ones are lost, and counted.
const MOST_WAITING: usize = 65_536;

/// Rules at work. Opaque. To be used by one thread at a time; to change rules, load another engine and go on with it
/// between two events.
#[derive(Debug)]
pub struct Engine {
    sources: Vec<Source>,
    /// Alerts that wait to be taken with `peregrine_engine_next_alert`.
    waiting: VecDeque<Found>,
    /// The one that was taken last, and what C sees of it.
    taken: Option<(Found, Box<Alert>)>,
    /// How alerts are written.
    format: Format,
    stats: AlertStats,
    json_events: u64,
    json_start: u64,
}

/// What evaluates the rules of a source.
#[derive(Debug)]
enum Evaluator {
    Syscalls(Runner<SinspSchema>),
    Json(Runner<JsonSchema>),
}

/// The rules of a source, and what evaluates them.
#[derive(Debug)]
struct Source {
    rules: Rc<TaggedRules>,
    evaluator: Evaluator,
    /// How often each rule matched.
    matches: Vec<u64>,
    /// What the event at work has led to so far.
    found: Vec<Found>,
}

/// The rules of a source, and their tags as C sees them.
#[derive(Debug)]
struct TaggedRules {
    /// What the others point into.
    inner: Arc<dyn AnySourceRules>,
    tags: Vec<Vec<Value>>,
}

/// An alert that was found and not told yet.
#[derive(Debug)]
struct Found {
    rules: Rc<TaggedRules>,
    rule: RuleId,
    timestamp: u64,
    text: Vec<u8>,
}

impl Handle for Engine {
    const NAME: &'static str = "peregrine_engine";
}

/// An alert. It and what it points at are lent until the callback returns, or until the next alert is taken.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// The size of this struct as the library has it.
    pub size: usize,
    /// The rule that matched.
    pub rule: Bytes,
    /// The source of the event, such as `syscall`.
    pub source: Bytes,
    /// The priority's name, such as `Warning`.
    pub priority: Bytes,
    /// The alert as it is to be written, without a line end: text or JSON, as the engine was loaded.
    pub text: Bytes,
    /// The rule's tags, each of kind PEREGRINE_VALUE_KIND_BYTES.
    pub tags: List,
    /// When the event happened, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The priority from 0 (emergency) to 7 (debug).
    pub severity: u32,
}

/// Takes an alert. `userdata` is what was given with the call that led here. It may call the library, also with the engine
/// and the inspector at work; it must not throw.
pub type AlertCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, alert: *const Alert)>;

/// A rule of an engine. What it points at is lent as long as the engine lives. Set `size` to
/// `sizeof(peregrine_rule_info)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Its name.
    pub name: Bytes,
    /// The source of its events.
    pub source: Bytes,
    /// Its tags, each of kind PEREGRINE_VALUE_KIND_BYTES.
    pub tags: List,
    /// How often it matched.
    pub matches: u64,
    /// Its priority from 0 (emergency) to 7 (debug).
    pub severity: u32,
    /// Whether it is switched on.
    pub enabled: bool,
}
grows!(RuleInfo, "peregrine_rule_info", enabled);

/// What an engine did. Set `size` to `sizeof(peregrine_alert_stats)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct AlertStats {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Events that were evaluated.
    pub events: u64,
    /// Alerts that were found.
    pub alerts: u64,
    /// Alerts that wait to be taken with peregrine_engine_next_alert().
    pub waiting: u64,
    /// Alerts that were lost because 65,536 were waiting already.
    pub lost: u64,
}
grows!(AlertStats, "peregrine_alert_stats", lost);

impl Engine {
    pub(crate) fn new(rules: &CompiledRules, format: Format) -> Self {
        let syscalls = rules.of_type::<SinspSchema>().map(|rules| {
            let evaluator = Evaluator::Syscalls(rules.runner());
            Source::new(rules, evaluator)
        });
        let json = rules.of_type::<JsonSchema>().map(|rules| {
            let evaluator = Evaluator::Json(rules.runner());
            Source::new(rules, evaluator)
        });
        Self {
            sources: syscalls.chain(json).collect(),
            waiting: VecDeque::new(),
            taken: None,
            format,
            stats: AlertStats::default(),
            json_events: 0,
            json_start: 0,
        }
    }

    /// The rules about system calls.
    #[cfg(feature = "live")]
    pub(crate) fn syscalls(&self) -> Option<&Ruleset> {
        self.sources.first().map(|source| source.rules.inner.rules())
    }

    fn place(&self, source: &str) -> Result<usize, Fault> {
        let place = self.sources.iter().position(|known| known.rules.inner.rules().source() == source);
        place.ok_or_else(|| Fault::new(Status::InvalidArgument, format!("there is no source '{source}'")))
    }

    /// Counts what an event of a source led to, and gives back what is to be told at once.
    #[cold]
    fn account(&mut self, place: usize, at_once: bool) -> Vec<Found> {
        let found = self.sources.get_mut(place).map(|source| std::mem::take(&mut source.found)).unwrap_or_default();
        self.stats.alerts += found.len() as u64;
        if at_once {
            return found;
        }
        for alert in found {
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push_back(alert);
            } else {
                self.stats.lost += 1;
            }
        }
        Vec::new()
    }
}

impl Source {
    fn new(rules: Arc<dyn AnySourceRules>, evaluator: Evaluator) -> Self {
        let list = rules.rules().rules();
        let tags = |rule: &Rule| rule.output.tags.iter().map(|tag| Value::bytes(tag.as_bytes())).collect();
        let tagged = TaggedRules { tags: list.iter().map(tags).collect(), inner: Arc::clone(&rules) };
        Self { found: Vec::new(), matches: vec![0; list.len()], evaluator, rules: Rc::new(tagged) }
    }
}

/// Notes an alert, to be told when the rules are done.
#[cold]
fn note(
    alert: &rule_engine::engine::Alert<'_>,
    format: &Format,
    (rules, matches, found): (&Rc<TaggedRules>, &mut [u64], &mut Vec<Found>),
) {
    let Some(rule) = alert.rule_id() else { return };
    if let Some(count) = matches.get_mut(rule.0 as usize) {
        *count += 1;
    }
    let mut text = Vec::new();
    alert.write(format, &mut text);
    found.push(Found { rules: Rc::clone(rules), rule, timestamp: alert.time(), text });
}

impl TaggedRules {
    fn tags(&self, rule: RuleId) -> List {
        List::of(self.tags.get(rule.0 as usize).map_or(&[], Vec::as_slice))
    }
}

impl Found {
    fn alert(&self) -> Alert {
        let output = &self.rules.inner.rules().rule(self.rule).output;
        Alert {
            size: size_of::<Alert>(),
            rule: output.rule.as_str().into(),
            source: output.source.as_str().into(),
            priority: output.priority.name().into(),
            text: self.text.as_slice().into(),
            tags: self.rules.tags(self.rule),
            timestamp: self.timestamp,
            severity: output.priority as u32,
        }
    }
}

/// # Safety
/// `callback` may be called with `userdata`.
#[inline]
unsafe fn tell(found: &[Found], callback: AlertCallback, userdata: *mut c_void) {
    if let Some(callback) = callback {
        for found in found {
            // SAFETY: by the caller's word.
            unsafe { callback(userdata, &found.alert()) };
        }
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
/// @param callback what takes alerts; see peregrine_alert_callback. NULL: alerts wait for peregrine_engine_next_alert()
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
        // The source of system calls is the first, whatever was added.
        let Some(Source { rules, evaluator: Evaluator::Syscalls(runner), matches, found }) = engine.sources.first_mut()
        else {
            return Err(no_syscalls());
        };
        runner.process(inner, |alert| {
            note(&alert, &engine.format, (rules, matches, found));
        });
        engine.stats.events += 1;
        if found.is_empty() {
            return Ok(Status::Ok);
        }
        let found = engine.account(0, callback.is_some());
        // SAFETY: by the caller's word; neither engine nor inspector is borrowed from here on.
        unsafe { tell(&found, callback, userdata) };
        Ok(Status::Ok)
    })
}

#[cold]
fn no_syscalls() -> Fault {
    Fault::new(Status::InvalidArgument, "the engine has no source 'syscall'")
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
        let name = unsafe { text(source, "source") }?;
        // SAFETY: by the caller's word.
        let data = unsafe { bytes(data, len, "data") }?;
        let place = engine.place(name)?;
        let Source { rules, evaluator: Evaluator::Json(runner), matches, found } = &mut engine.sources[place] else {
            return Err(Fault::new(Status::InvalidArgument, format!("'{name}' is no source of JSON events")));
        };
        let event = JsonDocument::parse(data).map_err(|fault| Fault::new(Status::InvalidEvent, fault.to_string()))?;
        engine.json_events += 1;
        if engine.json_events == 1 {
            engine.json_start = timestamp;
        }
        let event = event.at(engine.json_events, timestamp, engine.json_start);
        runner.process(&event, |alert| note(&alert, &engine.format, (rules, matches, found)));
        engine.stats.events += 1;
        if found.is_empty() {
            return Ok(Status::Ok);
        }
        let found = engine.account(place, callback.is_some());
        // SAFETY: by the caller's word; the engine is not borrowed from here on.
        unsafe { tell(&found, callback, userdata) };
        Ok(Status::Ok)
    })
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
pub unsafe extern "C" fn peregrine_engine_next_alert(engine: *mut Engine, out: *mut *const Alert) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let engine = unsafe { unique(engine) }?;
        if out.is_null() {
            return Err(Fault::null("the out-parameter"));
        }
        engine.taken = engine.waiting.pop_front().map(|found| {
            let alert = Box::new(found.alert());
            (found, alert)
        });
        let Some((_, alert)) = &engine.taken else { return Ok(Status::End) };
        // SAFETY: by the caller's word.
        unsafe { write(out, &raw const **alert) }?;
        Ok(Status::Ok)
    })
}

/// One of an engine's rules, in the order of evaluation, source by source.
///
/// @param engine the engine
/// @param index  which, from 0
/// @param out    receives it; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `engine` is NULL or a live engine; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_rule(engine: *const Engine, index: usize, out: *mut RuleInfo) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let engine = unsafe { shared(engine) }?;
        let mut place = index;
        for source in &engine.sources {
            let rules = source.rules.inner.rules().rules();
            let Some(rule) = rules.get(place) else {
                place -= rules.len();
                continue;
            };
            let info = RuleInfo {
                size: size_of::<RuleInfo>(),
                name: rule.name().into(),
                source: rule.output.source.as_str().into(),
                tags: source.rules.tags(RuleId(place as u32)),
                matches: source.matches.get(place).copied().unwrap_or(0),
                severity: rule.output.priority as u32,
                enabled: rule.enabled,
            };
            // SAFETY: by the caller's word.
            unsafe { fill(out, &info) }?;
            return Ok(Status::Ok);
        }
        Ok(Status::End)
    })
}

/// What an engine did so far.
///
/// @param engine the engine
/// @param out    receives the numbers; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `engine` is NULL or a live engine; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_stats(engine: *const Engine, out: *mut AlertStats) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let engine = unsafe { shared(engine) }?;
        let stats = AlertStats { waiting: engine.waiting.len() as u64, ..engine.stats };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &stats) }?;
        Ok(Status::Ok)
    })
}
