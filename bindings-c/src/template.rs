//! Templates: lines of output such as `%evt.time %proc.name %fd.name`.

use std::ffi::c_char;

use sinsp::fields::Fields;
use sinsp::format::Template as Inner;

use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, give, shared, take, text, write};
use crate::status::Status;
use crate::view::Bytes;

/// A template, parsed. Opaque. It holds no event: any thread may use it for the events of any inspector.
#[derive(Debug)]
pub struct Template(Inner);

impl Handle for Template {
    const NAME: &'static str = "peregrine_template";
}

/// Parses a template: text in which `%FIELD` stands for the value of a field, `%20FIELD` for the same in 20 characters, and
/// `%toupper(FIELD)` for what a transformer makes of it. A `*` before all: events that lack a field are printed too.
///
/// @param format the template, UTF-8
/// @param out    receives a template that the caller owns and gives back with peregrine_template_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if it is none
///
/// # Safety
/// `format` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_template_new(format: *const c_char, out: *mut *mut Template) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let format = unsafe { text(format, "format") }?;
        let inner =
            Inner::parse(format, &Fields::new()).map_err(|fault| Fault::new(Status::Compile, fault.to_string()))?;
        // SAFETY: by the caller's word.
        unsafe { give(Template(inner), out) }?;
        Ok(Status::Ok)
    })
}

/// Gives a template back. NULL is fine.
///
/// # Safety
/// `template` is NULL or a live template that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_template_free(template_: *mut Template) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(template_) }));
}

/// # Safety
/// As [`peregrine_event_format`].
unsafe fn print(
    event: Event,
    template: *const Template,
    out: *mut Bytes,
    form: impl for<'e> FnOnce(&'e Inner, &'e sinsp::Event<'e>, &'e bumpalo::Bump, &mut Vec<u8>) -> bool,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: by the caller's word.
        let template = unsafe { shared(template) }?;
        let mut line = Vec::new();
        if !form(&template.0, inner, &inspector.arena, &mut line) {
            return Ok(Status::Missing);
        }
        let line: &[u8] = inspector.arena.alloc_slice_copy(&line);
        // SAFETY: by the caller's word.
        unsafe { write(out, line.into()) }?;
        Ok(Status::Ok)
    })
}

/// Prints an event by a template.
///
/// @param event     the event
/// @param template_ the template
/// @param out       receives the line, without a line end, lent until the next event is asked for
/// @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template does not begin with a `*`
///
/// # Safety
/// The inspector of the event is alive; `template_` is NULL or a live template; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_format(event: Event, template_: *const Template, out: *mut Bytes) -> Status {
    // SAFETY: by the caller's word.
    unsafe { print(event, template_, out, |template, event, arena, line| template.write(event, arena, line)) }
}

/// Prints an event as a JSON object of the fields of a template.
///
/// @param event     the event
/// @param template_ the template
/// @param out       receives the object, lent until the next event is asked for
/// @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template does not begin with a `*`
///
/// # Safety
/// The inspector of the event is alive; `template_` is NULL or a live template; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_format_json(
    event: Event,
    template_: *const Template,
    out: *mut Bytes,
) -> Status {
    // SAFETY: by the caller's word.
    unsafe { print(event, template_, out, |template, event, arena, line| template.write_json(event, arena, line)) }
}
