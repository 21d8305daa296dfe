//! Statistics of a source: delivered and dropped events.

use crate::guard::call;
use crate::handle::borrow;
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::view::Bytes;

/// Statistics of the source of an inspector. Set `size` to `sizeof(peregrine_inspector_stats)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct InspectorStats {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The number of events that the source saw, delivered or not.
    pub seen: u64,
    /// The number of delivered events.
    pub delivered: u64,
    /// The number of dropped events, for any cause; see peregrine_inspector_drop().
    pub dropped: u64,
    /// The number of blocks of a capture that were skipped because their type is unknown.
    pub unknown: u64,
}
grows!(InspectorStats, "peregrine_inspector_stats", unknown);

/// The number of events dropped for a cause. Set `size` to `sizeof(peregrine_drop)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Drop {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The cause, such as `buffer`; a constant.
    pub cause: Bytes,
    /// The family of system calls, such as `open`; empty if unknown. A constant.
    pub family: Bytes,
    /// The number of events.
    pub count: u64,
}
grows!(Drop, "peregrine_drop", count);

/// Returns the statistics of the source of an inspector.
///
/// @param inspector the inspector
/// @param out       receives the statistics; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_get_stats(
    inspector: *const Inspector,
    out: *mut InspectorStats,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let stats = unsafe { borrow(inspector) }?.stats();
        let stats = InspectorStats {
            size: size_of::<InspectorStats>(),
            seen: stats.seen,
            delivered: stats.delivered,
            dropped: stats.dropped(),
            unknown: stats.unknown,
        };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &stats) }?;
        Ok(Status::Ok)
    })
}

/// Returns the number of events that the source dropped for a cause. Causes may have a count of 0.
///
/// @param inspector the inspector
/// @param index     the index of the cause, from 0
/// @param out       receives the cause; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no cause of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_drop(inspector: *const Inspector, index: usize, out: *mut Drop) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let stats = unsafe { borrow(inspector) }?.stats();
        let Some(lost) = stats.drops.get(index) else { return Ok(Status::End) };
        let lost =
            Drop { size: size_of::<Drop>(), cause: lost.cause.into(), family: lost.family.into(), count: lost.count };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &lost) }?;
        Ok(Status::Ok)
    })
}
