//! A filter: one condition, evaluated on events.

use std::ffi::c_char;

use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::Filter as Inner;
use sinsp::fields::Fields;

use crate::error::Error;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow_mut, give, take, text, write};
use crate::status::Status;

/// A compiled condition. Opaque. Used by one thread at a time, for the events of any inspector.
#[derive(Debug)]
pub struct Filter {
    inner: Inner<SinspSchema>,
}

impl Handle for Filter {
    const NAME: &'static str = "peregrine_filter";
}

/// Compiles a condition, such as `evt.type = openat and fd.name startswith /etc`.
///
/// @param condition the condition, UTF-8
/// @param out       receives a filter that the caller owns and frees with peregrine_filter_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if it is not a valid condition; the message has line, column and a hint
///
/// # Safety
/// `condition` is NULL or NUL-terminated; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_new(condition: *const c_char, out: *mut *mut Filter) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let condition = unsafe { text(condition, "condition") }?;
        let inner = Inner::compile(condition, SinspSchema::new(Fields::new())).map_err(|error| {
            let at = error.position();
            let message = format!("line {}, column {}: {error}", at.line, at.column);
            Error::hinted(Status::Compile, message, error.hint())
        })?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Filter { inner }, out) }?;
        Ok(Status::Ok)
    })
}

/// Frees a filter. Passing NULL is a no-op.
///
/// # Safety
/// `filter` is NULL or a live filter that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_free(filter: *mut Filter) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(filter) }));
}

/// Evaluates a filter on an event.
///
/// @param filter the filter
/// @param event  the event
/// @param out    receives whether the event matches
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `filter` is NULL or a live filter that no other thread uses; the inspector of the event is alive; `out` is NULL or valid
/// for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_matches(filter: *mut Filter, event: Event, out: *mut bool) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let Filter { inner } = unsafe { borrow_mut(filter) }?;
        // SAFETY: guaranteed by the caller.
        let (_, event) = unsafe { event.look() }?;
        let matches = inner.matches(event);
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, matches) }?;
        Ok(Status::Ok)
    })
}
