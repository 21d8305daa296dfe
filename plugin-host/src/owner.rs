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
    ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS,
};
use scap::EventCode;
use scap::event::HEADER_LEN;

use crate::library;
use crate::queue::Queue;

/// The longest asynchronous event.
const LONGEST_EVENT: usize = 1 << 20;
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

/// Returns the number of calls by plugins that were destroyed already, in this process.
pub fn late_calls() -> u64 {
    LATE.load(Ordering::Relaxed)
}

struct Owner {
    plugin: String,
    log: Log,
    /// Receiver of its asynchronous events, while it may add any.
    events: Mutex<Option<AsyncEvents>>,
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

/// The owner of one initialized plugin, for as long as this lives.
pub(crate) struct Registered(usize);

impl Registered {
    pub(crate) fn new(plugin: &str, log: Log) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let owner = Arc::new(Owner { plugin: plugin.to_owned(), log, events: Mutex::new(None) });
        OWNERS.write().unwrap_or_else(PoisonError::into_inner).insert(number, owner);
        Self(number)
    }

    /// Sets where the asynchronous events of the plugin go; none are accepted without.
    pub(crate) fn set_events(&self, events: Option<AsyncEvents>) {
        if let Some(owner) = OWNERS.read().unwrap_or_else(PoisonError::into_inner).get(&self.0) {
            *owner.events.lock().unwrap_or_else(PoisonError::into_inner) = events;
        }
    }

    /// Returns the number as the pointer for the plugin. It is never followed.
    pub(crate) fn pointer(&self) -> *mut ss_plugin_owner_t {
        std::ptr::without_provenance_mut(self.0)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        OWNERS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
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
    let Some(owner) = find(owner) else {
        // SAFETY: null, or a buffer of the length that the interface says.
        return unsafe { fail(error, "the plugin was destroyed") };
    };
    // SAFETY: null, or an event with its length, as the interface says.
    match unsafe { add(&owner, event) } {
        Ok(()) => ss_plugin_rc_SS_PLUGIN_SUCCESS,
        // SAFETY: null, or a buffer of the length that the interface says.
        Err(message) => unsafe { fail(error, &message) },
    }
}

/// Copies an event to its queue.
///
/// # Safety
/// The event must be null, or as long as it says.
unsafe fn add(owner: &Owner, event: *const ss_plugin_event) -> Result<(), String> {
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
    let bytes = unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) };
    let parsed = scap::Event::parse(0, 0, bytes).map_err(|error| format!("the event is malformed: {error}"))?;
    let name = parsed.raw(1).and_then(|name| name.strip_suffix(b"\0")).unwrap_or_default();
    if parsed.nparams() != 3 || parsed.raw(0).is_none_or(|id| id.len() != 4) {
        return Err("the event has other parameters than an id, a name and data".to_owned());
    }
    let events = owner.events.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(events) = &*events else { return Err("no capture is open".to_owned()) };
    if !events.names.iter().any(|known| known.as_bytes() == name) {
        let name = String::from_utf8_lossy(name);
        return Err(format!("the plugin does not list the event '{name}' among its own"));
    }
    if events.id != 0 && header.tid != u64::MAX {
        return Err("an event of this source can have no thread".to_owned());
    }
    if events.ignored {
        return Ok(());
    }
    let (now, mut bytes) = (now(), bytes.to_vec());
    let time = if header.ts == u64::MAX { now } else { header.ts };
    if time > now.saturating_add(FUTURE) {
        return Err("the time of the event is in the future".to_owned());
    }
    bytes[..8].copy_from_slice(&time.to_le_bytes());
    bytes[HEADER_LEN + 12..HEADER_LEN + 16].copy_from_slice(&events.id.to_le_bytes());
    if events.queue.push(time, bytes) { Ok(()) } else { Err("the queue of asynchronous events is full".to_owned()) }
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
