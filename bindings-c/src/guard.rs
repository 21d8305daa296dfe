//! The edge: every call passes through [`call`], so that no panic crosses into C and every failure leaves a message.
//!
//! This is the only place that catches panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Fault, keep};
use crate::status::Status;

/// Runs the body of an exported function.
#[inline]
pub(crate) fn call(body: impl FnOnce() -> Result<Status, Fault>) -> Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => status,
        Ok(Err(fault)) => fail(fault),
        Err(panic) => fail(Fault::new(Status::Panic, format!("bug in peregrine: {}", words(&*panic)))),
    }
}

/// Runs the body of an exported function that has no status to give: what it gives in a panic is `fallback`.
#[inline]
pub(crate) fn value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(panic) => {
            keep(&format!("bug in peregrine: {}", words(&*panic)));
            fallback
        }
    }
}

#[cold]
fn fail(fault: Fault) -> Status {
    keep(&fault.message);
    fault.status
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}
