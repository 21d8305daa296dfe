//! Log messages of the library, by a callback.
//!
//! The other crates log with `tracing`; here a message becomes a call. Without a callback nothing is logged.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::error::Error;
use crate::guard::call;
use crate::status::Status;
use crate::view::Bytes;

/// The level of a log message. Numbers are never reused.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// A failure.
    Error = 1,
    /// Something that is missing or unexpected.
    Warn = 2,
    /// Normal operation.
    Info = 3,
    /// Details for debugging.
    Debug = 4,
    /// All details.
    Trace = 5,
}

/// Receives a log message: UTF-8, valid during the call, without a line end. `target` is the module that logs it. Called by
/// any thread, possibly by several at the same time; must not call the library and must not throw.
pub type LogCallback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: LogLevel, target: Bytes, message: Bytes)>;

#[derive(Clone, Copy)]
struct Sink {
    callback: unsafe extern "C" fn(userdata: *mut c_void, level: LogLevel, target: Bytes, message: Bytes),
    userdata: *mut c_void,
}

// SAFETY: the caller of `peregrine_log_set_callback` guarantees that any thread may call it with its userdata.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Option<Sink>> = RwLock::new(None);
/// The maximum level that is logged; 0 logs nothing.
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

/// The message and its other fields.
#[derive(Default)]
struct Message {
    message: String,
    rest: String,
}

impl Visit for Message {
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
        let mut text = Message::default();
        event.record(&mut text);
        text.message.push_str(&text.rest);
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Sink { callback, userdata }) = *sink else { return };
        if INSIDE.replace(true) {
            return;
        }
        let metadata = event.metadata();
        let (level, target) = (level(*metadata.level()), metadata.target().into());
        // SAFETY: guaranteed by the caller who set it.
        unsafe { callback(userdata, level, target, text.message.as_str().into()) };
        INSIDE.set(false);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Installs the process-wide log callback. When the call returns, the previous callback is not running and will not be
/// called again.
///
/// @param callback the callback; NULL for none
/// @param userdata passed to the callback
/// @param level    the maximum level to log, from PEREGRINE_LOG_LEVEL_ERROR to _TRACE
/// @return PEREGRINE_STATUS_OK; _INVALID_ARGUMENT if there is no such level, or in the callback itself; _UNSUPPORTED in a
///         Rust program that has set a global `tracing` subscriber
///
/// # Safety
/// Any thread may call `callback` with `userdata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_log_set_callback(
    callback: LogCallback,
    userdata: *mut c_void,
    level: u32,
) -> Status {
    static INSTALL: Once = Once::new();
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    call(|| {
        if !(LogLevel::Error as u32..=LogLevel::Trace as u32).contains(&level) {
            return Err(Error::new(Status::InvalidArgument, format!("{level} is not a valid log level")));
        }
        if INSIDE.get() {
            return Err(Error::new(Status::InvalidArgument, "the log callback cannot replace itself"));
        }
        INSTALL.call_once(|| {
            if tracing::subscriber::set_global_default(ToCallback).is_err() {
                REFUSED.store(1, Ordering::Relaxed);
            }
        });
        if REFUSED.load(Ordering::Relaxed) != 0 {
            return Err(Error::new(Status::Unsupported, "a global tracing subscriber is set"));
        }
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = callback.map(|callback| Sink { callback, userdata });
        LEVEL.store(if callback.is_some() { level } else { 0 }, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
        Ok(Status::Ok)
    })
}
