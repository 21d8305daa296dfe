//! An event, borrowed from an inspector.

use crate::error::Error;
use crate::guard::call;
use crate::handle::borrow;
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::Value;
use crate::view::Bytes;

/// An event, valid until the next one is requested from its inspector. A plain value: copy it, do not free it. A stale event
/// returns PEREGRINE_STATUS_INVALID_HANDLE.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The inspector that the event is from.
    pub inspector: *const Inspector,
    /// The number of the event in the inspector.
    pub generation: u64,
}

impl Event {
    /// Borrows the inspector and its current event, unless this one is stale.
    ///
    /// # Safety
    /// The inspector is NULL or alive and not mutated while the references live.
    #[inline]
    pub(crate) unsafe fn look<'a>(self) -> Result<(&'a Inspector, &'a sinsp::Event<'a>), Error> {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow(self.inspector) }?;
        if inspector.generation != self.generation {
            return Err(stale());
        }
        let event = inspector.current().ok_or_else(stale)?;
        Ok((inspector, event))
    }
}

#[cold]
fn stale() -> Error {
    Error::new(Status::InvalidHandle, "stale event: the next one was requested")
}

/// The header of an event. Set `size` to `sizeof(peregrine_event_info)` before the call; a later version may have more
/// members, and fills those that fit.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EventInfo {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The number of the event in the stream, from 1. Numbers are skipped: some events only change the state and are not shown.
    pub number: u64,
    /// The time of the event, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The thread, in the host's initial PID namespace; -1 if there is none.
    pub tid: i64,
    /// The name of the event type, such as `openat`; a constant.
    pub name: Bytes,
    /// The code of the event type in the schema.
    pub code: u16,
    /// The CPU.
    pub cpu: u16,
    /// The number of parameters.
    pub nparams: u32,
}
grows!(EventInfo, "peregrine_event_info", nparams);

/// Returns the header of an event.
///
/// @param event the event
/// @param out   receives the header; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_get_info(event: Event, out: *mut EventInfo) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (_, inner) = unsafe { event.look() }?;
        let raw = inner.raw();
        let info = raw.info();
        let value = EventInfo {
            size: size_of::<EventInfo>(),
            number: inner.num(),
            timestamp: raw.ts(),
            tid: raw.tid(),
            name: info.map_or("", |info| info.name).into(),
            code: raw.code().0,
            cpu: raw.cpu(),
            nparams: info.map_or(0, |info| info.params.len().min(raw.nparams())) as u32,
        };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &value) }?;
        Ok(Status::Ok)
    })
}

/// A parameter of an event. Set `size` to `sizeof(peregrine_param)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The name of the parameter, such as `flags`; a constant.
    pub name: Bytes,
    /// The name of its type, such as `FSPATH`; a constant.
    pub type_name: Bytes,
    /// The bytes as the driver wrote them, valid as long as the event.
    pub raw: Bytes,
    /// The value, valid as long as the event; unspecified unless `has_value` is set.
    pub value: Value,
    /// Whether there is a value: an empty parameter has none.
    pub has_value: bool,
}
grows!(Param, "peregrine_param", has_value);

/// Returns a parameter of an event.
///
/// @param event the event
/// @param index the index of the parameter, from 0
/// @param out   receives the parameter; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if the event has no such parameter or `size` is too small
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_param(event: Event, index: u32, out: *mut Param) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        let param = inner
            .raw()
            .param(index as usize)
            .ok_or_else(|| Error::new(Status::InvalidArgument, format!("the event has no parameter {index}")))?;
        let value = Value::of_param(&param, &inspector.arena);
        let info = param.info();
        let param = Param {
            size: size_of::<Param>(),
            name: info.name.into(),
            type_name: info.ty.name().into(),
            raw: param.raw().into(),
            value: value.unwrap_or(Value::uint(0)),
            has_value: value.is_some(),
        };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &param) }?;
        Ok(Status::Ok)
    })
}
