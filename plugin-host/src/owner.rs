//! The functions that plugins call from any thread: the log, the last error of the program, and asynchronous events.
//!
//! A plugin gets an opaque pointer to its owner and passes it with every call, from any of its threads, perhaps long
//! after it was destroyed. So the pointer is a number that is looked up, never an address: a call that comes too late
//! has no owner, and is counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use falco_plugin_api::{
    PLUGIN_MAX_ERRLEN, ss_plugin_event, ss_plugin_log_severity, ss_plugin_owner_t, ss_plugin_rc,
    ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_routine_fn_t, ss_plugin_routine_state_t,
    ss_plugin_routine_t, ss_plugin_routine_vtable,
};
use scap::EventCode;
use scap::event::HEADER_LEN;

use crate::calls::{Calls, Cost};
use crate::library;
use crate::queue::Queue;
use crate::routines::Routines;

/// The longest asynchronous event.
const LONGEST_EVENT: usize = 1 << 20;
/// The most events, and bytes of them, that describe the state of a plugin.
const MOST_DUMPED: (usize, usize) = (1 << 16, 64 << 20);
/// Nanoseconds that the time of an asynchronous event may be ahead.
const FUTURE: u64 = 10_000_000_000;

/// A line that a plugin logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The name of the plugin.
    pub plugin: String,
    /// The part of the plugin, if it says which.
    pub component: Option<String>,
    /// The text.
    pub message: String,
    /// Its severity.
    pub severity: Severity,
}

/// The severity of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the plugin interface")]
pub enum Severity {
    Fatal,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
    Trace,
}

/// Receives the log of plugins, from any thread.
pub type Log = Arc<dyn Fn(LogLine) + Send + Sync>;

static OWNERS: RwLock<BTreeMap<usize, Arc<Owner>>> = RwLock::new(BTreeMap::new());
static NEXT: AtomicUsize = AtomicUsize::new(1);
static LATE: AtomicU64 = AtomicU64::new(0);
/// The costs of plugins that were destroyed, by name.
static ENDED: Mutex<BTreeMap<String, Cost>> = Mutex::new(BTreeMap::new());

/// Returns the number of calls by plugins that were destroyed already, in this process.
pub fn late_calls() -> u64 {
    LATE.load(Ordering::Relaxed)
}

/// A call of a plugin that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OngoingCall {
    /// The name of the plugin.
    pub plugin: String,
    /// The name of the function.
    pub function: &'static str,
    /// Numbers of the initialized plugin and of the call: the same ones later mean that the call has not returned.
    pub number: (usize, u64),
}

/// Returns the calls of initialized plugins that are going on now in this process, for a watchdog: nothing can make a plugin
/// return. Routines are not among them.
pub fn ongoing_calls() -> Vec<OngoingCall> {
    let owners = OWNERS.read().unwrap_or_else(PoisonError::into_inner);
    let ongoing = |(instance, owner): (&usize, &Arc<Owner>)| {
        let (number, function) = owner.calls.now()?;
        Some(OngoingCall { plugin: owner.plugin.clone(), function, number: (*instance, number) })
    };
    owners.iter().filter_map(ongoing).collect()
}

/// Returns the names of the plugins that were initialized in this process, each with the cost of its calls so far. A plugin
/// that was initialized several times is there once.
pub fn costs() -> Vec<(String, Cost)> {
    let owners = OWNERS.read().unwrap_or_else(PoisonError::into_inner);
    // While the owners are locked, as a plugin goes from one map to the other.
    let mut costs = ENDED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for owner in owners.values() {
        costs.entry(owner.plugin.clone()).or_default().add(owner.calls.cost());
    }
    costs.into_iter().collect()
}

struct Owner {
    plugin: String,
    calls: Arc<Calls>,
    log: Log,
    /// Receiver of its asynchronous events, while it may add any.
    events: Mutex<Option<AsyncEvents>>,
    /// Receiver of the events that describe its state, while it is queried for them.
    dump: Mutex<Option<Dump>>,
    /// Its routines, while a capture is open, and the address of its state.
    routines: Mutex<Option<(Arc<Routines>, usize)>>,
}

impl Owner {
    /// Returns the routines of the plugin and the address of its state, if a capture is open.
    fn routines(&self) -> Option<(Arc<Routines>, usize)> {
        self.routines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The events that describe the state of a plugin, at the beginning of a capture that is written.
#[derive(Default)]
pub(crate) struct Dump {
    id: u32,
    names: Vec<String>,
    time: u64,
    pub(crate) events: Vec<Vec<u8>>,
    bytes: usize,
    /// The number of events that did not fit.
    pub(crate) lost: u64,
}

/// Receiver of the asynchronous events of a plugin.
pub(crate) struct AsyncEvents {
    pub(crate) queue: Arc<Queue>,
    /// The id of the plugin that provides the other events; 0 for system calls.
    pub(crate) id: u32,
    /// The types of events that the plugin may add.
    pub(crate) names: Vec<String>,
    /// Whether events are accepted and dropped: a capture has its own.
    pub(crate) ignored: bool,
}

impl Dump {
    /// Creates an empty one, with the id of the plugin that provides the other events (0 for system calls), the types of
    /// events that the plugin may add, and the time of those without one.
    pub(crate) fn new(id: u32, names: Vec<String>, time: u64) -> Self {
        Self { id, names, time, ..Self::default() }
    }
}

/// The owner of one initialized plugin, for as long as this lives.
pub(crate) struct Registered(usize, Arc<Calls>);

impl Registered {
    pub(crate) fn new(plugin: &str, log: Log) -> Self {
        let (number, calls) = (NEXT.fetch_add(1, Ordering::Relaxed), Arc::<Calls>::default());
        let owner = Arc::new(Owner {
            plugin: plugin.to_owned(),
            calls: Arc::clone(&calls),
            log,
            events: Mutex::new(None),
            dump: Mutex::new(None),
            routines: Mutex::new(None),
        });
        OWNERS.write().unwrap_or_else(PoisonError::into_inner).insert(number, owner);
        Self(number, calls)
    }

    /// Returns the calls of the plugin.
    #[inline]
    pub(crate) fn calls(&self) -> &Calls {
        &self.1
    }

    /// Sets where the asynchronous events of the plugin go; none are accepted without.
    pub(crate) fn set_events(&self, events: Option<AsyncEvents>) {
        if let Some(owner) = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&self.0) {
            *owner.events.lock().unwrap_or_else(PoisonError::into_inner) = events;
        }
    }

    /// Logs a line about the plugin, which is not its own.
    pub(crate) fn log_own(&self, severity: Severity, message: &str) {
        let owner = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&self.0).cloned();
        let Some(owner) = owner else { return };
        let (plugin, message) = (owner.plugin.clone(), message.to_owned());
        (owner.log)(LogLine { plugin, component: None, message, severity });
    }

    /// Calls the plugin with a place for the events that describe its state, and returns them.
    pub(crate) fn dump(&self, dump: Dump, call: impl FnOnce()) -> Dump {
        let owner = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&self.0).cloned();
        let Some(owner) = owner else { return dump };
        let place = || owner.dump.lock().unwrap_or_else(PoisonError::into_inner);
        *place() = Some(dump);
        call();
        let dump = place().take();
        dump.unwrap_or_default()
    }

    /// Sets the routines of the plugin, and the address of its state; none are accepted without.
    pub(crate) fn set_routines(&self, routines: Option<(Arc<Routines>, usize)>) {
        if let Some(owner) = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&self.0) {
            *owner.routines.lock().unwrap_or_else(PoisonError::into_inner) = routines;
        }
    }

    /// Returns the number as the pointer for the plugin. It is never followed.
    pub(crate) fn pointer(&self) -> *mut ss_plugin_owner_t {
        std::ptr::without_provenance_mut(self.0)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut owners = OWNERS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.remove(&self.0) {
            let mut ended = ENDED.lock().unwrap_or_else(PoisonError::into_inner);
            ended.entry(owner.plugin.clone()).or_default().add(owner.calls.cost());
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered").field(&self.0).finish()
    }
}

fn find(owner: *mut ss_plugin_owner_t) -> Option<Arc<Owner>> {
    let found = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&owner.addr()).cloned();
    if found.is_none() {
        LATE.fetch_add(1, Ordering::Relaxed);
    }
    found
}

/// Logs a line: the function that a plugin gets when it is initialized.
pub(crate) unsafe extern "C-unwind" fn log(
    owner: *mut ss_plugin_owner_t,
    component: *const c_char,
    message: *const c_char,
    severity: ss_plugin_log_severity,
) {
    let Some(owner) = find(owner) else { return };
    let severity = match severity {
        1 => Severity::Fatal,
        2 => Severity::Critical,
        3 => Severity::Error,
        4 => Severity::Warning,
        5 => Severity::Notice,
        7 => Severity::Debug,
        8 => Severity::Trace,
        _ => Severity::Info,
    };
    let component = library::owned(component).filter(|component| !component.is_empty());
    let message = library::owned(message).unwrap_or_default();
    (owner.log)(LogLine { plugin: owner.plugin.clone(), component, message, severity });
}

/// Adds an asynchronous event: the function that a plugin gets for that. The event is copied.
pub(crate) unsafe extern "C-unwind" fn async_event(
    owner: *mut ss_plugin_owner_t,
    event: *const ss_plugin_event,
    error: *mut c_char,
) -> ss_plugin_rc {
    // SAFETY: the event is null or one with its length, the error null or a buffer, as the interface says.
    unsafe { answer(owner, error, |owner| add(owner, event)) }
}

/// Adds an event that describes the state of the plugin: the function that it gets for that. The event is copied.
pub(crate) unsafe extern "C-unwind" fn dumped_event(
    owner: *mut ss_plugin_owner_t,
    event: *const ss_plugin_event,
    error: *mut c_char,
) -> ss_plugin_rc {
    // SAFETY: as above.
    unsafe { answer(owner, error, |owner| add_to_dump(owner, event)) }
}

/// Calls `add` for the owner, and writes the error for the plugin.
///
/// # Safety
/// The error must be null, or as long as the interface says.
unsafe fn answer(
    owner: *mut ss_plugin_owner_t,
    error: *mut c_char,
    add: impl FnOnce(&Owner) -> Result<(), String>,
) -> ss_plugin_rc {
    let added = find(owner).ok_or_else(|| "the plugin was destroyed".to_owned()).and_then(|owner| add(&owner));
    match added {
        Ok(()) => ss_plugin_rc_SS_PLUGIN_SUCCESS,
        // SAFETY: as the caller says.
        Err(message) => unsafe { fail(error, &message) },
    }
}

/// Copies an event to its queue.
///
/// # Safety
/// The event must be null, or as long as it says.
unsafe fn add(owner: &Owner, event: *const ss_plugin_event) -> Result<(), String> {
    // SAFETY: as the caller says.
    let bytes = unsafe { checked(event) }?;
    let events = owner.events.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(events) = &*events else { return Err("no capture is open".to_owned()) };
    let now = now();
    let (time, bytes) = complete(bytes, events.id, &events.names, now)?;
    if events.ignored {
        return Ok(());
    }
    if time > now.saturating_add(FUTURE) {
        return Err("the time of the event is in the future".to_owned());
    }
    if events.queue.push(time, bytes) { Ok(()) } else { Err("the queue of asynchronous events is full".to_owned()) }
}

/// Copies an event to those that describe the state of the plugin.
///
/// # Safety
/// The event must be null, or as long as it says.
unsafe fn add_to_dump(owner: &Owner, event: *const ss_plugin_event) -> Result<(), String> {
    // SAFETY: as the caller says.
    let bytes = unsafe { checked(event) }?;
    let mut dump = owner.dump.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(dump) = &mut *dump else { return Err("no capture is being written".to_owned()) };
    let (_, bytes) = complete(bytes, dump.id, &dump.names, dump.time)?;
    dump.bytes = dump.bytes.saturating_add(bytes.len());
    if dump.events.len() >= MOST_DUMPED.0 || dump.bytes > MOST_DUMPED.1 {
        dump.lost += 1;
        return Err("the state of the plugin is too large".to_owned());
    }
    dump.events.push(bytes);
    Ok(())
}

/// Checks that an event is an asynchronous one, and returns its bytes.
///
/// # Safety
/// The event must be null, or as long as it says, for as long as the bytes are used.
unsafe fn checked<'a>(event: *const ss_plugin_event) -> Result<&'a [u8], String> {
    if event.is_null() {
        return Err("the event is null".to_owned());
    }
    // SAFETY: not null; the caller says that a header is there, which may be at any address.
    let header = unsafe { event.read_unaligned() };
    let (length, code) = (header.len as usize, header.type_);
    if code != EventCode::ASYNCEVENT_E.0 || !(HEADER_LEN..=LONGEST_EVENT).contains(&length) {
        return Err(format!("the event has type {code} and {length} bytes"));
    }
    // SAFETY: the caller says that it is as long as it says.
    Ok(unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) })
}

/// Returns a copy of an event and its time, with what the plugin leaves to this program: the id, and perhaps the time.
fn complete(bytes: &[u8], id: u32, names: &[String], now: u64) -> Result<(u64, Vec<u8>), String> {
    let parsed = scap::Event::parse(0, 0, bytes).map_err(|error| format!("the event is malformed: {error}"))?;
    let name = parsed.raw(1).and_then(|name| name.strip_suffix(b"\0")).unwrap_or_default();
    if parsed.nparams() != 3 || parsed.raw(0).is_none_or(|id| id.len() != 4) {
        return Err("the event has other parameters than an id, a name and data".to_owned());
    }
    if !names.iter().any(|known| known.as_bytes() == name) {
        let name = String::from_utf8_lossy(name);
        return Err(format!("the plugin does not list the event '{name}' among its own"));
    }
    if id != 0 && parsed.tid() != -1 {
        return Err("an event of this source can have no thread".to_owned());
    }
    let time = if parsed.ts() == u64::MAX { now } else { parsed.ts() };
    let mut bytes = bytes.to_vec();
    bytes[..8].copy_from_slice(&time.to_le_bytes());
    bytes[HEADER_LEN + 12..HEADER_LEN + 16].copy_from_slice(&id.to_le_bytes());
    Ok((time, bytes))
}

/// The functions that plugins get for their routines.
pub(crate) static ROUTINES: ss_plugin_routine_vtable =
    ss_plugin_routine_vtable { subscribe: Some(subscribe), unsubscribe: Some(unsubscribe) };

unsafe extern "C-unwind" fn subscribe(
    owner: *mut ss_plugin_owner_t,
    function: ss_plugin_routine_fn_t,
    state: *mut ss_plugin_routine_state_t,
) -> *mut ss_plugin_routine_t {
    let subscribe = || {
        let (routines, plugin) = find(owner).and_then(|owner| owner.routines()).ok_or("no capture is open")?;
        let function = function.ok_or("the function of the routine is null")?;
        routines.subscribe(function, plugin, state.expose_provenance())
    };
    subscribe().map_or_else(
        |error| {
            set_error(error);
            std::ptr::null_mut()
        },
        std::ptr::without_provenance_mut,
    )
}

unsafe extern "C-unwind" fn unsubscribe(
    owner: *mut ss_plugin_owner_t,
    routine: *mut ss_plugin_routine_t,
) -> ss_plugin_rc {
    let routines = find(owner).and_then(|owner| owner.routines()).ok_or("no capture is open");
    match routines.and_then(|(routines, _)| routines.unsubscribe(routine.addr())) {
        Ok(()) => ss_plugin_rc_SS_PLUGIN_SUCCESS,
        Err(error) => {
            set_error(error);
            ss_plugin_rc_SS_PLUGIN_FAILURE
        }
    }
}

/// Writes an error for the plugin.
///
/// # Safety
/// The buffer must be null, or as long as the interface says.
unsafe fn fail(buffer: *mut c_char, message: &str) -> ss_plugin_rc {
    if !buffer.is_null() {
        let bytes = &message.as_bytes()[..message.len().min(PLUGIN_MAX_ERRLEN as usize - 1)];
        // SAFETY: not null, and the caller says that it has space for the text and the zero behind it.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast(), bytes.len());
            buffer.add(bytes.len()).write(0);
        }
    }
    ss_plugin_rc_SS_PLUGIN_FAILURE
}

/// Returns the time in nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX - 1)
}

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Sets the error that [`last_error`] returns to a plugin that calls it on this thread.
pub(crate) fn set_error(message: &str) {
    LAST_ERROR.set(CString::new(message.replace('\0', " ")).ok());
}

/// Returns the last error of the program, on the thread of the caller: null, or a text that stays until the next error
/// on it.
pub(crate) unsafe extern "C-unwind" fn last_error(_: *mut ss_plugin_owner_t) -> *const c_char {
    LAST_ERROR.with_borrow(|error| error.as_ref().map_or(std::ptr::null(), |error| error.as_ptr()))
}
