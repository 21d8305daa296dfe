//! The last error of each thread: a status and a message.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

use crate::status::Status;

/// Why a call failed; becomes its status and the thread's last error.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(Status::NullPointer, format!("{what} is NULL"))
    }
}

impl From<scap::Error> for Fault {
    fn from(error: scap::Error) -> Self {
        let status = match error {
            scap::Error::Io { .. } => Status::Io,
            scap::Error::Unsupported(_) => Status::Unsupported,
            _ => Status::Format,
        };
        Self::new(status, error.to_string())
    }
}

impl From<sinsp::Error> for Fault {
    fn from(error: sinsp::Error) -> Self {
        match error {
            sinsp::Error::Source(error) => error.into(),
            other => Self::new(Status::Format, other.to_string()),
        }
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps the message for [`peregrine_last_error`]. A NUL inside is replaced: making a message must not fail.
pub(crate) fn keep(message: &str) {
    let text = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
    LAST.with(|last| *last.borrow_mut() = text);
}

/// The message of the last call of this thread that failed: UTF-8, ended by a NUL, "" if none did. The library owns
/// it; it is valid until the next failing call of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_last_error() -> *const c_char {
    LAST.with(|last| last.borrow().as_ptr())
}
