//! What the library has to say while it works, by a callback.
//!
//! The crates below say it with `tracing`; here it becomes a call. Without a callback nothing is said anywhere.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::error::Fault;
use crate::guard::call;
use crate::status::Status;
use crate::view::Bytes;

/// How grave a message is. Numbers are never reused.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Something does not work.
    Error = 1,
    /// Something is missing, or not as it should be.
    Warn = 2,
    /// What happens.
    Info = 3,
    /// For those who look for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// Takes a message: UTF-8, lent for the call, without a line end. `target` is the part of the library that says it. It is
/// called by whatever thread has something to say, possibly by several at the same time; it must not call the library and
/// must not throw.
pub type LogCallback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: LogLevel, target: Bytes, message: Bytes)>;

#[derive(Clone, Copy)]
struct Sink {
    callback: unsafe extern "C" fn(userdata: *mut c_void, level: LogLevel, target: Bytes, message: Bytes),
    userdata: *mut c_void,
}

// SAFETY: who sets a callback promises that any thread may call it with its userdata.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Option<Sink>> = RwLock::new(None);
/// The least grave level that is said; 0 is nothing.
static LEVEL: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Whether this thread is in the callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

struct ToCallback;

fn level(level: tracing::Level) -> LogLevel {
    match level {
        tracing::Level::ERROR => LogLevel::Error,
        tracing::Level::WARN => LogLevel::Warn,
        tracing::Level::INFO => LogLevel::Info,
        tracing::Level::DEBUG => LogLevel::Debug,
        tracing::Level::TRACE => LogLevel::Trace,
    }
}

/// The message, then what else it carries.
#[derive(Default)]
struct Words {
    message: String,
    rest: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing into a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, " {name}={value:?}"),
        };
    }
}

impl Subscriber for ToCallback {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level(*metadata.level()) as u32 <= LEVEL.load(Ordering::Relaxed)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        words.message.push_str(&words.rest);
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Sink { callback, userdata }) = *sink else { return };
        if INSIDE.replace(true) {
            return;
        }
        let metadata = event.metadata();
        let (level, target) = (level(*metadata.level()), metadata.target().into());
        // SAFETY: by the word of the caller who set it.
        unsafe { callback(userdata, level, target, words.message.as_str().into()) };
        INSIDE.set(false);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Says who hears what the library has to say, for the whole process. When the call returns, the callback before is not
/// running and will not be called any more.
///
/// @param callback who hears it; NULL for nobody
/// @param userdata what the callback gets
/// @param level    the least grave level that is said: PEREGRINE_LOG_LEVEL_ERROR to _TRACE
/// @return PEREGRINE_STATUS_OK; _INVALID_ARGUMENT if there is no such level, or in the callback itself; _UNSUPPORTED in a
///         program of Rust that hears messages by a `tracing` subscriber of its own
///
/// # Safety
/// Any thread may call `callback` with `userdata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_log_set(callback: LogCallback, userdata: *mut c_void, level: u32) -> Status {
    static INSTALL: Once = Once::new();
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    call(|| {
        if !(LogLevel::Error as u32..=LogLevel::Trace as u32).contains(&level) {
            return Err(Fault::new(Status::InvalidArgument, format!("there is no log level {level}")));
        }
        if INSIDE.get() {
            return Err(Fault::new(Status::InvalidArgument, "the log callback cannot replace itself"));
        }
        INSTALL.call_once(|| {
            if tracing::subscriber::set_global_default(ToCallback).is_err() {
                REFUSED.store(1, Ordering::Relaxed);
            }
        });
        if REFUSED.load(Ordering::Relaxed) != 0 {
            return Err(Fault::new(Status::Unsupported, "this program has a tracing subscriber of its own"));
        }
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = callback.map(|callback| Sink { callback, userdata });
        LEVEL.store(if callback.is_some() { level } else { 0 }, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
        Ok(Status::Ok)
    })
}
