//! The boundary: every call passes through [`call`], so that no panic crosses into C and every failure leaves a message.
//!
//! This is the only place that catches panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, keep};
use crate::status::Status;

/// Runs the body of an exported function.
#[inline]
pub(crate) fn call(body: impl FnOnce() -> Result<Status, Error>) -> Status {
    // An error becomes a number before it passes `catch_unwind`, which returns results through memory.
    match catch_unwind(AssertUnwindSafe(|| body().unwrap_or_else(fail))) {
        Ok(status) => status,
        Err(panic) => fail(Error::new(Status::Panic, format!("bug in peregrine: {}", message(&*panic)))),
    }
}

/// Runs the body of an exported function that does not return a status; returns `fallback` if it panics.
#[inline]
pub(crate) fn value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(panic) => {
            keep(&format!("bug in peregrine: {}", message(&*panic)), 0);
            fallback
        }
    }
}

#[cold]
fn fail(error: Error) -> Status {
    keep(&error.message, error.errno);
    error.status
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::peregrine_last_error;

    fn last() -> String {
        // SAFETY: the library returns NUL-terminated text.
        unsafe { std::ffi::CStr::from_ptr(peregrine_last_error()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn a_panic_is_a_status_and_leaves_its_message() {
        assert_eq!(call(|| panic!("plain words")), Status::Panic);
        assert_eq!(last(), "bug in peregrine: plain words");
        assert_eq!(call(|| panic!("words with {}", "a value")), Status::Panic);
        assert_eq!(last(), "bug in peregrine: words with a value");
        assert_eq!(call(|| std::panic::panic_any(7)), Status::Panic);
        assert_eq!(last(), "bug in peregrine: panic");
        assert_eq!(value(7, || panic!("no status")), 7);
        assert_eq!(last(), "bug in peregrine: no status");
    }

    #[test]
    fn success_leaves_the_last_error_alone() {
        call(|| Err(Error::new(Status::Io, "with a \0 inside")));
        assert_eq!(call(|| Ok(Status::End)), Status::End);
        assert_eq!(last(), "with a \u{fffd} inside");
    }
}
