//! Fields: the values that rules use, with names such as `proc.name`.

use std::ffi::c_char;

use rule_engine::event::FieldError;
use rule_engine::event::sinsp::SinspSchema;
use sinsp::fields::{CLASSES, FieldRef, Fields};

use crate::error::Error;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, give, take, text, write};
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::Value;
use crate::view::Bytes;

/// A field with its argument, resolved once and read from many events. Opaque and immutable: threads may share it, for the
/// events of any inspector.
#[derive(Debug)]
pub struct Field(pub(crate) FieldRef);

impl Handle for Field {
    const NAME: &'static str = "peregrine_field";
}

/// A field of the table of fields. Set `size` to `sizeof(peregrine_field_info)` before the call. What it points at is
/// constant.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The name of the field, without an argument.
    pub name: Bytes,
    /// The type of its values, such as `CHARBUF`.
    pub type_name: Bytes,
    /// The class of the field, such as `process`.
    pub class_name: Bytes,
    /// A one-line description.
    pub description: Bytes,
}
grows!(FieldInfo, "peregrine_field_info", description);

/// Returns a field of the table of all fields.
///
/// @param index the index of the field, from 0
/// @param out   receives the field; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no field of that index, _INVALID_ARGUMENT if `size` is too small
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
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &info) }?;
        Ok(Status::Ok)
    })
}

/// Resolves a field, such as `proc.name`, `proc.aname[2]` or `evt.arg.flags`.
///
/// @param name the field, UTF-8
/// @param out  receives a field that the caller owns and frees with peregrine_field_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if there is no such field, with a hint in the message, or if its argument is invalid
///
/// # Safety
/// `name` is NULL or NUL-terminated; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_new(name: *const c_char, out: *mut *mut Field) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        let field = resolve(name)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Field(field), out) }?;
        Ok(Status::Ok)
    })
}

fn resolve(name: &str) -> Result<FieldRef, Error> {
    FieldRef::parse(name).map_err(|error| {
        let hint = FieldError::nonexistent(name, None).hint(&SinspSchema::new(Fields::new()));
        Error::hinted(Status::Compile, error, hint.as_deref())
    })
}

/// Frees a field. Passing NULL is a no-op.
///
/// # Safety
/// `field` is NULL or a live field that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_field_free(field: *mut Field) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(field) }));
}

/// Returns the name of the type of a field, such as `CHARBUF`: a constant.
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
        // SAFETY: guaranteed by the caller.
        let field = unsafe { borrow(field) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, field.0.kind().name().into()) }?;
        Ok(Status::Ok)
    })
}

/// Returns the value of a field of an event.
///
/// @param event the event
/// @param field the field
/// @param out   receives the value; what it points at is valid until the next event is requested or the field is freed
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
///
/// # Safety
/// The inspector of the event is alive; `field` is NULL or a live field; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_value(event: Event, field: *const Field, out: *mut Value) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: guaranteed by the caller.
        let field = unsafe { borrow(field) }?;
        let Some(value) = field.0.value(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, Value::of_field(value, &inspector.arena)) }?;
        Ok(Status::Ok)
    })
}

/// Returns the text of a field of an event, as a template prints it.
///
/// @param event the event
/// @param field the field
/// @param out   receives the text, valid until the next event is requested or the field is freed
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
///
/// # Safety
/// The inspector of the event is alive; `field` is NULL or a live field; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_text(event: Event, field: *const Field, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: guaranteed by the caller.
        let field = unsafe { borrow(field) }?;
        let Some(text) = field.0.text(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, text.into()) }?;
        Ok(Status::Ok)
    })
}

/// Returns the value of a field by its name, which is looked up. Resolve a field that is read from many events.
///
/// @param event the event
/// @param name  the field, UTF-8
/// @param out   receives the value, valid until the next event is requested
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
///
/// # Safety
/// The inspector of the event is alive; `name` is NULL or NUL-terminated; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_value_by_name(event: Event, name: *const c_char, out: *mut Value) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        let field = resolve(name)?;
        let Some(value) = field.value(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, Value::of_field_copied(value, &inspector.arena)) }?;
        Ok(Status::Ok)
    })
}

/// Returns the text of a field by its name, which is looked up. Resolve a field that is read from many events.
///
/// @param event the event
/// @param name  the field, UTF-8
/// @param out   receives the text, valid until the next event is requested
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
///
/// # Safety
/// The inspector of the event is alive; `name` is NULL or NUL-terminated; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_text_by_name(event: Event, name: *const c_char, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        let field = resolve(name)?;
        let Some(text) = field.text(inner, &inspector.arena) else { return Ok(Status::Missing) };
        // It may borrow from the field, which is dropped with this call.
        let text: &[u8] = inspector.arena.alloc_slice_copy(text);
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, text.into()) }?;
        Ok(Status::Ok)
    })
}
