//! One event, lent by an inspector.

use crate::error::Fault;
use crate::guard::call;
use crate::handle::shared;
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::Value;
use crate::view::Bytes;

/// An event, lent until its inspector is asked for the next one. A plain value: copy it, do not free it. Using it after
/// the next event was asked for gives PEREGRINE_STATUS_INVALID_HANDLE.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The inspector that lends it.
    pub inspector: *const Inspector,
    /// Which of its events this is.
    pub generation: u64,
}

impl Event {
    /// The inspector and its current event, if this still is it.
    ///
    /// # Safety
    /// The inspector is NULL or alive and not changed while the references live.
    #[inline]
    pub(crate) unsafe fn look<'a>(self) -> Result<(&'a Inspector, &'a sinsp::Event<'a>), Fault> {
        // SAFETY: by the caller's word.
        let inspector = unsafe { shared(self.inspector) }?;
        if inspector.generation != self.generation {
            return Err(stale());
        }
        let event = inspector.current().ok_or_else(stale)?;
        Ok((inspector, event))
    }
}

#[cold]
fn stale() -> Fault {
    Fault::new(Status::InvalidHandle, "the event was lent until the next one was asked for")
}

/// The head of an event. Set `size` to `sizeof(peregrine_event_info)` before the call; a later version may know more
/// members, and fills only those that fit.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EventInfo {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Its number in the stream, from 1. There are holes: some events change the state and are not shown.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub timestamp: u64,
    /// The thread, in the host's first pid namespace; -1 when there is none.
    pub tid: i64,
    /// The name of its type, such as `openat`; a constant that is never freed.
    pub name: Bytes,
    /// Its code in the schema.
    pub code: u16,
    /// The processor.
    pub cpu: u16,
    /// How many parameters it has.
    pub nparams: u32,
}
grows!(EventInfo, "peregrine_event_info", nparams);

/// Says when, where and what an event is.
///
/// @param event the event
/// @param out   receives the head; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_describe(event: Event, out: *mut EventInfo) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
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
        // SAFETY: by the caller's word.
        unsafe { fill(out, &value) }?;
        Ok(Status::Ok)
    })
}

/// One parameter of an event. Set `size` to `sizeof(peregrine_param)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Its name, such as `flags`; a constant.
    pub name: Bytes,
    /// The name of its type, such as `FSPATH`; a constant.
    pub type_name: Bytes,
    /// Its bytes as the driver wrote them, lent with the event.
    pub raw: Bytes,
    /// Its value; only meaningful if `has_value` is set.
    pub value: Value,
    /// Whether it has a value: an empty parameter has none.
    pub has_value: bool,
}
grows!(Param, "peregrine_param", has_value);

/// Gives one parameter.
///
/// @param event the event
/// @param index its index, from 0
/// @param out   receives the parameter; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if the event has no such parameter or `size` is too small
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_param(event: Event, index: u32, out: *mut Param) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        let param = inner
            .raw()
            .param(index as usize)
            .ok_or_else(|| Fault::new(Status::InvalidArgument, format!("the event has no parameter {index}")))?;
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
        // SAFETY: by the caller's word.
        unsafe { fill(out, &param) }?;
        Ok(Status::Ok)
    })
}
