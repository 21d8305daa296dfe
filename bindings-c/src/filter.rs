//! One condition, asked of events.

use std::ffi::c_char;

use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::{Filter as Inner, FilterError};
use sinsp::fields::Fields;

use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, give, take, text, unique, write};
use crate::status::Status;

/// A condition, compiled. Opaque. To be used by one thread at a time, for the events of any inspector.
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
/// @param out       receives a filter that the caller owns and gives back with peregrine_filter_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if it is no condition; the message says where
///
/// # Safety
/// `condition` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_new(condition: *const c_char, out: *mut *mut Filter) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let condition = unsafe { text(condition, "condition") }?;
        let inner = Inner::compile(condition, SinspSchema::new(Fields::new())).map_err(|fault| {
            let at = match &fault {
                FilterError::Syntax(fault) => fault.position,
                FilterError::Compile(fault) => fault.position,
            };
            Fault::new(Status::Compile, format!("line {}, column {}: {fault}", at.line, at.column))
        })?;
        // SAFETY: by the caller's word.
        unsafe { give(Filter { inner }, out) }?;
        Ok(Status::Ok)
    })
}

/// Gives a filter back. NULL is fine.
///
/// # Safety
/// `filter` is NULL or a live filter that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_free(filter: *mut Filter) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(filter) }));
}

/// Whether an event matches.
///
/// @param filter the filter
/// @param event  the event
/// @param out    receives whether it does
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `filter` is NULL or a live filter that no other thread uses; the inspector of the event is alive; `out` is NULL or valid
/// for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_filter_matches(filter: *mut Filter, event: Event, out: *mut bool) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let Filter { inner } = unsafe { unique(filter) }?;
        // SAFETY: by the caller's word.
        let (_, event) = unsafe { event.look() }?;
        let matches = inner.matches(event);
        // SAFETY: by the caller's word.
        unsafe { write(out, matches) }?;
        Ok(Status::Ok)
    })
}
