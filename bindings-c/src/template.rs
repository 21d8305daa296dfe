//! Templates: lines of output such as `%evt.time %proc.name %fd.name`, by the engine that formats alerts.

use std::ffi::c_char;

use bumpalo::Bump;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::output::Formatter;
use sinsp::fields::Fields;

use crate::error::Error;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, give, take, text, write};
use crate::status::Status;
use crate::view::Bytes;

/// A parsed template. Opaque and immutable: threads may share it, for the events of any inspector.
#[derive(Debug)]
pub struct Template {
    inner: Formatter<SinspSchema>,
    /// Whether events without a value of a field are formatted too.
    lenient: bool,
}

impl Handle for Template {
    const NAME: &'static str = "peregrine_template";
}

/// Parses a template: text in which `%FIELD` is replaced by the value of a field, `%20FIELD` by the value in 20 characters,
/// and `%toupper(FIELD)` by the result of a transformer. With a leading `*`, events without a value of a field are formatted
/// too.
///
/// @param format the template, UTF-8
/// @param out    receives a template that the caller owns and frees with peregrine_template_free()
/// @return PEREGRINE_STATUS_OK, _COMPILE if it is not a valid template, with a hint in the message
///
/// # Safety
/// `format` is NULL or NUL-terminated; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_template_new(format: *const c_char, out: *mut *mut Template) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let format = unsafe { text(format, "format") }?;
        let (lenient, text) = format.strip_prefix('*').map_or((false, format), |text| (true, text));
        let inner = Formatter::compile(text, SinspSchema::new(Fields::new())).map_err(|error| {
            let hint = error.hint(&SinspSchema::new(Fields::new()));
            Error::hinted(Status::Compile, error, hint.as_deref())
        })?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Template { inner, lenient }, out) }?;
        Ok(Status::Ok)
    })
}

/// Frees a template. Passing NULL is a no-op.
///
/// # Safety
/// `template` is NULL or a live template that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_template_free(template_: *mut Template) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(template_) }));
}

/// # Safety
/// As [`peregrine_event_format`].
unsafe fn print(
    event: Event,
    template: *const Template,
    out: *mut Bytes,
    render: impl for<'e> FnOnce(&'e Formatter<SinspSchema>, &'e sinsp::Event<'e>, &'e Bump, &mut Vec<u8>),
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        // SAFETY: guaranteed by the caller.
        let template = unsafe { borrow(template) }?;
        if !template.lenient {
            let Ok(complete) = template.inner.is_complete(inner, &inspector.arena);
            if !complete {
                return Ok(Status::Missing);
            }
        }
        let mut line = Vec::new();
        render(&template.inner, inner, &inspector.arena, &mut line);
        let line: &[u8] = inspector.arena.alloc_slice_copy(&line);
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, line.into()) }?;
        Ok(Status::Ok)
    })
}

/// Formats an event as a line of text.
///
/// @param event     the event
/// @param template_ the template
/// @param out       receives the line, without a line end, valid until the next event is requested
/// @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template has no leading `*`
///
/// # Safety
/// The inspector of the event is alive; `template_` is NULL or a live template; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_format(event: Event, template_: *const Template, out: *mut Bytes) -> Status {
    // SAFETY: guaranteed by the caller.
    unsafe {
        print(event, template_, out, |template, event, arena, line| {
            let Ok(()) = template.render(event, arena, line);
        })
    }
}

/// Formats an event as a JSON object of the fields of a template.
///
/// @param event     the event
/// @param template_ the template
/// @param out       receives the object, valid until the next event is requested
/// @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template has no leading `*`
///
/// # Safety
/// The inspector of the event is alive; `template_` is NULL or a live template; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_format_json(
    event: Event,
    template_: *const Template,
    out: *mut Bytes,
) -> Status {
    // SAFETY: guaranteed by the caller.
    unsafe {
        print(event, template_, out, |template, event, arena, line| {
            let Ok(()) = template.write_json(event, arena, line);
        })
    }
}
