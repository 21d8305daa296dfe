//! What a source delivered and lost.

use crate::guard::call;
use crate::handle::shared;
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::view::Bytes;

/// What an inspector's source delivered and lost. Set `size` to `sizeof(peregrine_stats)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Events seen by the source, delivered or not.
    pub seen: u64,
    /// Events delivered.
    pub delivered: u64,
    /// Events lost for any cause; see peregrine_inspector_drop().
    pub dropped: u64,
    /// Blocks of a capture that were skipped because their type is not known.
    pub unknown: u64,
}
grows!(Stats, "peregrine_stats", unknown);

/// Events lost for one cause. Set `size` to `sizeof(peregrine_drop)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Drop {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Why, such as `buffer`; a constant.
    pub cause: Bytes,
    /// The family of calls, such as `open`; empty where it is not known. A constant.
    pub family: Bytes,
    /// How many.
    pub count: u64,
}
grows!(Drop, "peregrine_drop", count);

/// What an inspector's source delivered and lost so far.
///
/// @param inspector the inspector
/// @param out       receives the numbers; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_stats(inspector: *const Inspector, out: *mut Stats) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let stats = unsafe { shared(inspector) }?.stats();
        let stats = Stats {
            size: size_of::<Stats>(),
            seen: stats.seen,
            delivered: stats.delivered,
            dropped: stats.dropped(),
            unknown: stats.unknown,
        };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &stats) }?;
        Ok(Status::Ok)
    })
}

/// The losses of an inspector's source, cause by cause. A source that lost nothing may have causes with a count of 0.
///
/// @param inspector the inspector
/// @param index     which, from 0
/// @param out       receives it; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_drop(inspector: *const Inspector, index: usize, out: *mut Drop) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let stats = unsafe { shared(inspector) }?.stats();
        let Some(lost) = stats.drops.get(index) else { return Ok(Status::End) };
        let lost =
            Drop { size: size_of::<Drop>(), cause: lost.cause.into(), family: lost.family.into(), count: lost.count };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &lost) }?;
        Ok(Status::Ok)
    })
}
