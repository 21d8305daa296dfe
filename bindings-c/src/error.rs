//! The last error of each thread: a message, and the error of the operating system behind it.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};

use crate::status::Status;

/// The error of a call: becomes its status and the last error of the thread.
#[derive(Debug, Clone)]
pub(crate) struct Error {
    pub(crate) status: Status,
    pub(crate) message: String,
    /// The `errno` of the system call that failed; 0 if none did.
    pub(crate) errno: c_int,
}

impl Error {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errno: 0 }
    }

    /// Returns an error with a hint.
    pub(crate) fn hinted(status: Status, message: impl std::fmt::Display, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) => Self::new(status, format!("{message}; {hint}")),
            None => Self::new(status, message.to_string()),
        }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(Status::NullPointer, format!("{what} is NULL"))
    }

    /// Returns an error with the `errno` of the first I/O error among its causes.
    pub(crate) fn caused(
        status: Status,
        message: impl Into<String>,
        cause: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut causes = std::iter::successors(Some(cause), |cause| cause.source());
        let errno = causes.find_map(|cause| cause.downcast_ref::<std::io::Error>()?.raw_os_error());
        Self { status, message: message.into(), errno: errno.unwrap_or(0) }
    }
}

impl From<scap::Error> for Error {
    fn from(error: scap::Error) -> Self {
        let status = match error {
            scap::Error::Io { .. } => Status::Io,
            scap::Error::Unsupported(_) => Status::Unsupported,
            _ => Status::Format,
        };
        Self::caused(status, error.to_string(), &error)
    }
}

impl From<sinsp::Error> for Error {
    fn from(error: sinsp::Error) -> Self {
        match error {
            sinsp::Error::Source(error) => error.into(),
            sinsp::Error::Extension(error) => Self::new(Status::Plugin, error.to_string()),
            other => Self::new(Status::Format, other.to_string()),
        }
    }
}

#[cfg(feature = "plugins")]
impl From<peregrine::Error> for Error {
    fn from(error: peregrine::Error) -> Self {
        let status = match error {
            peregrine::Error::Plugin(peregrine::plugin_host::Error::Event { .. }) => Status::InvalidEvent,
            peregrine::Error::Plugin(_) => Status::Plugin,
            _ => Status::InvalidArgument,
        };
        Self::caused(status, error.to_string(), &error)
    }
}

#[derive(Default)]
struct Last {
    message: CString,
    errno: c_int,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::default();
}

/// Keeps an error for [`peregrine_last_error`]. A NUL in the message is replaced: reporting an error must not fail.
pub(crate) fn keep(message: &str, errno: c_int) {
    let message = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
    LAST.with(|last| *last.borrow_mut() = Last { message, errno });
}

/// Returns the message of the last call of this thread that failed: UTF-8 and NUL-terminated, "" if none failed. The
/// library owns it; it is valid until the next call of this thread fails.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_last_error() -> *const c_char {
    LAST.with(|last| last.borrow().message.as_ptr())
}

/// Returns the `errno` of the system call that made the last failed call of this thread fail; 0 if no system call did.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_last_errno() -> c_int {
    LAST.with(|last| last.borrow().errno)
}
