//! Fields: what rules ask of an event, by names such as `proc.name`.

use std::ffi::c_char;

use sinsp::fields::{CLASSES, FieldRef};

use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, give, shared, take, text, write};
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::Value;
use crate::view::Bytes;

/// A field with its argument, resolved once and asked many times. Opaque. It holds no event: any thread may use it for
/// the events of any inspector.
#[derive(Debug)]
pub struct Field(pub(crate) FieldRef);

impl Handle for Field {
    const NAME: &'static str = "peregrine_field";
}

/// A field that exists. Set `size` to `sizeof(peregrine_field_info)` before the call. All that it points at is constant.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Its name, without an argument.
    pub name: Bytes,
    /// The type of its values, such as `CHARBUF`.
    pub type_name: Bytes,
    /// The group of fields that it belongs to, such as `process`.
    pub class_name: Bytes,
    /// What it is, in a line.
    pub description: Bytes,
}
grows!(FieldInfo, "peregrine_field_info", description);

/// One of all fields that exist.
///
/// @param index which, from 0
/// @param out   receives it; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_at(index: usize, out: *mut FieldInfo) -> Status {
    call(|| {
        let mut rows = CLASSES.iter().flat_map(|class| class.fields.iter().map(move |row| (class, row)));
        let Some((class, row)) = rows.nth(index) else { return Ok(Status::End) };
        let info = FieldInfo {
            size: size_of::<FieldInfo>(),
            name: row.name.into(),
            type_name: row.kind.name().into(),
            class_name: class.name.into(),
            description: row.doc.into(),
        };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &info) }?;
        Ok(Status::Ok)
    })
}

/// Resolves a field, such as `proc.name`, `proc.aname[2]` or `evt.arg.flags`.
///
/// @param name the field, UTF-8
/// @param out  receives a field that the caller owns and gives back with peregrine_field_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if there is no such field or its argument is wrong
///
/// # Safety
/// `name` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_new(name: *const c_char, out: *mut *mut Field) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let name = unsafe { text(name, "name") }?;
        let field = FieldRef::parse(name).map_err(|fault| Fault::new(Status::Compile, fault.to_string()))?;
        // SAFETY: by the caller's word.
        unsafe { give(Field(field), out) }?;
        Ok(Status::Ok)
    })
}

/// Gives a field back. NULL is fine.
///
/// # Safety
/// `field` is NULL or a live field that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_free(field: *mut Field) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(field) }));
}

/// The name of the type of a field's values, such as `CHARBUF`: a constant.
///
/// @param field the field
/// @param out   receives the name
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `field` is NULL or a live field; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_type(field: *const Field, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let field = unsafe { shared(field) }?;
        // SAFETY: by the caller's word.
        unsafe { write(out, field.0.kind().name().into()) }?;
        Ok(Status::Ok)
    })
}

/// The value of a field of an event.
///
/// @param event the event
/// @param field the field
/// @param out   receives the value; what it points at is lent until the next event is asked for, or the field is freed
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
///
/// # Safety
/// The inspector of the event is alive; `field` is NULL or a live field; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_value(event: Event, field: *const Field, out: *mut Value) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: by the caller's word.
        let field = unsafe { shared(field) }?;
        let Some(value) = field.0.value(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: by the caller's word.
        unsafe { write(out, Value::of_field(value, &inspector.arena)) }?;
        Ok(Status::Ok)
    })
}

/// The text of a field of an event, as an output format prints it.
///
/// @param event the event
/// @param field the field
/// @param out   receives the text, lent until the next event is asked for, or the field is freed
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
///
/// # Safety
/// The inspector of the event is alive; `field` is NULL or a live field; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_text(event: Event, field: *const Field, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: by the caller's word.
        let field = unsafe { shared(field) }?;
        let Some(text) = field.0.text(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: by the caller's word.
        unsafe { write(out, text.into()) }?;
        Ok(Status::Ok)
    })
}

/// The value of a field by its name: for a question asked once. Resolve the field for one asked of every event.
///
/// @param event the event
/// @param name  the field, UTF-8
/// @param out   receives the value, lent until the next event is asked for
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
///
/// # Safety
/// The inspector of the event is alive; `name` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_value_by_name(event: Event, name: *const c_char, out: *mut Value) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: by the caller's word.
        let name = unsafe { text(name, "name") }?;
        let field = FieldRef::parse(name).map_err(|fault| Fault::new(Status::Compile, fault.to_string()))?;
        let Some(value) = field.value(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: by the caller's word.
        unsafe { write(out, Value::of_field_copied(value, &inspector.arena)) }?;
        Ok(Status::Ok)
    })
}

/// The text of a field by its name: for a question asked once. Resolve the field for one asked of every event.
///
/// @param event the event
/// @param name  the field, UTF-8
/// @param out   receives the text, lent until the next event is asked for
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
///
/// # Safety
/// The inspector of the event is alive; `name` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_text_by_name(event: Event, name: *const c_char, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: by the caller's word.
        let name = unsafe { text(name, "name") }?;
        let field = FieldRef::parse(name).map_err(|fault| Fault::new(Status::Compile, fault.to_string()))?;
        let Some(text) = field.text(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // It may borrow from the field, which ends with this call.
        let text: &[u8] = inspector.arena.alloc_slice_copy(text);
        // SAFETY: by the caller's word.
        unsafe { write(out, text.into()) }?;
        Ok(Status::Ok)
    })
}
