//! The functions that plugins call: the log, and the last error of the program.
//!
//! A plugin gets an opaque pointer to its owner and passes it with every call, from any of its threads, perhaps long
//! after it was destroyed. So the pointer is a number that is looked up, never an address: a call that comes too late
//! has no owner, and is counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use falco_plugin_api::{ss_plugin_log_severity, ss_plugin_owner_t};

use crate::library;

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
}

/// The owner of one initialized plugin, for as long as this lives.
pub(crate) struct Registered(usize);

impl Registered {
    pub(crate) fn new(plugin: &str, log: Log) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let owner = Arc::new(Owner { plugin: plugin.to_owned(), log });
        OWNERS.write().unwrap_or_else(PoisonError::into_inner).insert(number, owner);
        Self(number)
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
