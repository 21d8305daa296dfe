//! Alerts: what matched, with typed fields; text and JSON are rendered on request.

use std::cell::OnceCell;
use std::ffi::{c_char, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use rule_engine::engine::{AlertKind as EngineKind, Note, OwnedAlert, OwnedValue};
use rule_engine::output::Format as EngineFormat;
use rule_engine::response::{Process, Response};

use crate::error::Error;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow_mut, give, optional_text, take, text, write};
use crate::priority::Priority;
use crate::sized::{Input, fill, grows, read};
use crate::status::Status;
use crate::value::{List, Value, ValueKind};
use crate::view::Bytes;

/// The kind of an alert. Numbers are never reused.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertKind {
    /// A kind that this header does not name.
    Other = 0,
    /// A rule matched an event.
    Rule = 1,
    /// A report of the program itself.
    Internal = 2,
    /// A correlation matched several events.
    Correlation = 3,
}

/// An alert. It and what it points at are valid until the callback returns, until the next alert is taken, or, if
/// peregrine_alert_clone() returned it, until peregrine_alert_free(). The fields of the output, text and JSON are read on
/// request: see peregrine_alert_field() and peregrine_alert_text().
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// The size of this struct in the library.
    pub size: usize,
    /// The rule that matched.
    pub rule: Bytes,
    /// The source of the event, such as `syscall`.
    pub source: Bytes,
    /// The tags of the rule in alphabetical order, each of type PEREGRINE_VALUE_KIND_BYTES.
    pub tags: List,
    /// The time of the event, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The number of the event in its stream, from 1; 0 if there is no event.
    pub event_number: u64,
    /// The kind of alert.
    pub kind: AlertKind,
    /// The priority; see peregrine_priority_name().
    pub priority: Priority,
    /// Internal to the library.
    pub data: *const AlertData,
}

/// The part of an alert that is internal to the library. Opaque.
#[derive(Debug)]
pub struct AlertData {
    alert: OwnedAlert,
    /// Holds what was built for C.
    arena: Bump,
    fields: OnceCell<Vec<NamedValue>>,
    notes: OnceCell<Vec<NamedValue>>,
    process: OnceCell<Option<Process>>,
}

impl Handle for Alert {
    const NAME: &'static str = "peregrine_alert";
}

/// A field of an alert. Set `size` to `sizeof(peregrine_named_value)` before the call. What it points at is valid as long as
/// the alert.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct NamedValue {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The name, such as `fd.name`.
    pub name: Bytes,
    /// The value; unspecified unless `has_value` is set.
    pub value: Value,
    /// Whether the field has a value.
    pub has_value: bool,
}
grows!(NamedValue, "peregrine_named_value", has_value);

/// A format of text and JSON. Set `size` to `sizeof(peregrine_format)` and everything else to zero for the defaults of Falco.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The host name in JSON, UTF-8 and NUL-terminated; NULL is "".
    pub hostname: *const c_char,
    /// Format times as ISO 8601 in UTC instead of the local time of day.
    pub time_format_iso_8601: bool,
    /// Leave `output` out of JSON.
    pub without_output: bool,
    /// Leave `tags` out of JSON.
    pub without_tags: bool,
    /// Leave `output_fields` out of JSON.
    pub without_output_fields: bool,
    /// Include `message` in JSON.
    pub with_message: bool,
}
grows!(Format, "peregrine_format", with_message);
// SAFETY: NULL and false are valid.
unsafe impl Input for Format {}

impl AlertData {
    pub(crate) fn new(alert: OwnedAlert) -> Self {
        Self { alert, arena: Bump::new(), fields: OnceCell::new(), notes: OnceCell::new(), process: OnceCell::new() }
    }

    /// Returns the alert for C, which points into `self`.
    pub(crate) fn alert(&self) -> Alert {
        let view = self.alert.view(&self.arena);
        let tags = self.arena.alloc_slice_fill_iter(view.tags().iter().map(|tag| Value::bytes(tag.as_bytes())));
        Alert {
            size: size_of::<Alert>(),
            rule: view.rule().into(),
            source: view.source().into(),
            tags: List::of(tags),
            timestamp: view.time(),
            event_number: view.event_number(),
            kind: match view.kind() {
                EngineKind::Rule => AlertKind::Rule,
                EngineKind::Internal => AlertKind::Internal,
                EngineKind::Correlation => AlertKind::Correlation,
                _ => AlertKind::Other,
            },
            priority: view.priority().into(),
            data: self,
        }
    }

    /// Returns the responses that the rule requests.
    pub(crate) fn responses(&self) -> &[Response] {
        self.alert.view(&self.arena).definition().map_or(&[], |rule| &rule.responses)
    }

    /// Returns the process that they are about.
    pub(crate) fn process(&self) -> Option<&Process> {
        let kept = self.process.get_or_init(|| self.alert.view(&self.arena).verdict()?.process);
        kept.as_ref()
    }

    fn fields(&self) -> &[NamedValue] {
        self.fields.get_or_init(|| {
            let fields = self.alert.view(&self.arena).fields();
            fields.map(|(name, value)| NamedValue::new(name, value, &self.arena)).collect()
        })
    }

    fn notes(&self) -> &[NamedValue] {
        self.notes.get_or_init(|| {
            let notes = self.alert.view(&self.arena).notes().iter();
            notes
                .map(|note| NamedValue::new(note.name(), Some(note.value().borrow(&self.arena)), &self.arena))
                .collect()
        })
    }

    fn render(&self, format: &EngineFormat) -> Bytes {
        // The alert keeps what it rendered, so the bytes live as long as it does.
        Bytes::from(&self.alert.render(format)[..])
    }
}

impl NamedValue {
    fn new(name: &str, value: Option<rule_engine::event::Value<'_>>, arena: &Bump) -> Self {
        Self {
            size: size_of::<Self>(),
            name: name.into(),
            value: value.map_or(Value::uint(0), |value| Value::of_engine(value, arena)),
            has_value: value.is_some(),
        }
    }
}

/// Borrows the data of an alert handle.
///
/// # Safety
/// `alert` is NULL or valid.
pub(crate) unsafe fn data<'a>(alert: *const Alert) -> Result<&'a AlertData, Error> {
    // SAFETY: guaranteed by the caller.
    let data = unsafe { alert.as_ref() }.map_or(std::ptr::null(), |alert| alert.data);
    // SAFETY: the library set it, and it lives as long as the alert.
    unsafe { data.as_ref() }.ok_or_else(|| Error::null("alert"))
}

/// # Safety
/// `format` is NULL or valid for reading, and so is the host name that it points at.
unsafe fn read_format(format: *const Format, json: bool) -> Result<EngineFormat, Error> {
    // SAFETY: guaranteed by the caller.
    let Some(format) = (unsafe { read(format) })? else { return Ok(EngineFormat::new("").json(json)) };
    // SAFETY: guaranteed by the caller.
    let hostname = unsafe { optional_text(format.hostname, "hostname") }?;
    Ok(EngineFormat::new(hostname)
        .json(json)
        .include_output(!format.without_output)
        .include_tags(!format.without_tags)
        .include_message(format.with_message)
        .include_output_fields(!format.without_output_fields)
        .iso8601(format.time_format_iso_8601))
}

/// Formats an alert as the line of text of Falco: time, priority and message, without a line end.
///
/// @param alert  the alert
/// @param format the format; NULL for the defaults of Falco
/// @param out    receives the text, valid as long as the alert
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `alert` is NULL or valid; `format` is NULL or valid for reading, with everything that it points at; `out` is NULL or valid
/// for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_text(alert: *const Alert, format: *const Format, out: *mut Bytes) -> Status {
    // SAFETY: guaranteed by the caller.
    call(|| unsafe {
        let text = data(alert)?.render(&read_format(format, false)?);
        write(out, text)?;
        Ok(Status::Ok)
    })
}

/// Formats an alert as the JSON of Falco, without a line end.
///
/// @param alert  the alert
/// @param format the format; NULL for the defaults of Falco
/// @param out    receives the object, valid as long as the alert
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// As peregrine_alert_text().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_json(alert: *const Alert, format: *const Format, out: *mut Bytes) -> Status {
    // SAFETY: guaranteed by the caller.
    call(|| unsafe {
        let text = data(alert)?.render(&read_format(format, true)?);
        write(out, text)?;
        Ok(Status::Ok)
    })
}

/// Returns the message of an alert: the output of the rule, without time and priority.
///
/// @param alert the alert
/// @param out   receives the text, valid as long as the alert
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_message(alert: *const Alert, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let data = unsafe { data(alert) }?;
        let message = data.alert.view(&data.arena).message();
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, message.into()) }?;
        Ok(Status::Ok)
    })
}

/// Returns the number of fields in the output of an alert; 0 if `alert` is NULL.
///
/// # Safety
/// `alert` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_field_count(alert: *const Alert) -> usize {
    // SAFETY: guaranteed by the caller.
    value(0, || unsafe { data(alert) }.map_or(0, |data| data.fields().len()))
}

/// Returns a field of the output of an alert, with its typed value.
///
/// @param alert the alert
/// @param index the index of the field, from 0, in the order of the output
/// @param out   receives the field; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no field of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_field(alert: *const Alert, index: usize, out: *mut NamedValue) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let Some(field) = unsafe { data(alert) }?.fields().get(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, field) }?;
        Ok(Status::Ok)
    })
}

/// Returns a field of the output of an alert by its name.
///
/// @param alert the alert
/// @param name  the name of the field as in the output, such as `fd.name`, UTF-8
/// @param out   receives the field; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING if the output has no such field, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `alert` is NULL or valid; `name` is NULL or NUL-terminated; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_field_by_name(
    alert: *const Alert,
    name: *const c_char,
    out: *mut NamedValue,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let data = unsafe { data(alert) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        let place = data.alert.view(&data.arena).fields().position(|(known, _)| known == name);
        let Some(field) = place.and_then(|place| data.fields().get(place)) else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, field) }?;
        Ok(Status::Ok)
    })
}

/// Returns a note of an alert: a field that was added after the rule matched.
///
/// @param alert the alert
/// @param index the index of the note, from 0
/// @param out   receives the note; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no note of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_note(alert: *const Alert, index: usize, out: *mut NamedValue) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let Some(note) = unsafe { data(alert) }?.notes().get(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, note) }?;
        Ok(Status::Ok)
    })
}

/// Copies an alert, so that it outlives its callback, for instance in a queue to another thread. The values are shared, not
/// copied; copies may be used by different threads at the same time.
///
/// @param alert the alert
/// @param out   receives an alert that the caller owns and frees with peregrine_alert_free()
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_clone(alert: *const Alert, out: *mut *mut Alert) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let copy = Box::new(AlertData::new(unsafe { data(alert) }?.alert.clone()));
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        let alert = copy.alert();
        // `peregrine_alert_free` takes it back by `alert.data`.
        Box::leak(copy);
        // SAFETY: guaranteed by the caller.
        unsafe { give(alert, out) }?;
        Ok(Status::Ok)
    })
}

/// Adds a note to an alert, which text and JSON then include. What was borrowed from the alert becomes invalid; other copies
/// stay as they are.
///
/// @param alert an alert of peregrine_alert_clone()
/// @param name  the name of the note, UTF-8
/// @param value the value: a boolean, a number, bytes or an address. It is copied.
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if the value is of another type
///
/// # Safety
/// `alert` is NULL or a live alert of peregrine_alert_clone() that no other thread uses; `name` is NULL or NUL-terminated;
/// `value` is NULL or valid for reading, with everything that it points at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_add_note(
    alert: *mut Alert,
    name: *const c_char,
    value: *const Value,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let alert = unsafe { borrow_mut(alert) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?.to_owned();
        // SAFETY: guaranteed by the caller.
        let value = unsafe { owned(value) }?;
        // SAFETY: `peregrine_alert_clone` made it with a box, and nothing else borrows it.
        let data = unsafe { alert.data.cast_mut().as_mut() }.ok_or_else(|| Error::null("alert"))?;
        let mut changed = data.alert.clone();
        changed.add_note(Note::new(name, value));
        *data = AlertData::new(changed);
        *alert = data.alert();
        Ok(Status::Ok)
    })
}

/// Copies a value of C.
///
/// # Safety
/// `value` is NULL or valid for reading, with everything that it points at.
unsafe fn owned(value: *const Value) -> Result<OwnedValue, Error> {
    if value.is_null() {
        return Err(Error::null("value"));
    }
    // SAFETY: not NULL; read as a number, for C may have any in it.
    let kind = unsafe { (&raw const (*value).kind).cast::<u32>().read() };
    // SAFETY: not NULL; the data of a union is whatever C wrote.
    let data = unsafe { (&raw const (*value).r#as).read() };
    // SAFETY: each member is the one that the kind names, guaranteed by the caller; a boolean is read as a byte.
    Ok(unsafe {
        match kind {
            kind if kind == ValueKind::Bool as u32 => {
                ((&raw const data).cast::<c_void>().cast::<u8>().read() != 0).into()
            }
            kind if kind == ValueKind::Int64 as u32 => data.int64.into(),
            kind if kind == ValueKind::Uint64 as u32 => data.uint64.into(),
            kind if kind == ValueKind::Float64 as u32 => OwnedValue::F64(data.float64),
            kind if kind == ValueKind::Bytes as u32 => {
                let bytes = crate::handle::bytes(data.bytes.data, data.bytes.len, "the bytes of a value")?;
                OwnedValue::Bytes(bytes.into())
            }
            kind if kind == ValueKind::Address as u32 => {
                let octets = data.address.octets;
                OwnedValue::Ip(match data.address.version {
                    4 => IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
                    _ => IpAddr::V6(Ipv6Addr::from(octets)),
                })
            }
            _ => return Err(Error::new(Status::InvalidArgument, format!("a note cannot have a value of type {kind}"))),
        }
    })
}

/// Frees an alert of peregrine_alert_clone(). Passing NULL is a no-op. Other alerts must not be freed.
///
/// # Safety
/// `alert` is NULL or a live alert of peregrine_alert_clone() that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_free(alert: *mut Alert) {
    value((), || {
        // SAFETY: guaranteed by the caller.
        if let Some(alert) = unsafe { take(alert) } {
            // SAFETY: `peregrine_alert_clone` leaked it from a box, once for each handle.
            drop(unsafe { Box::from_raw(alert.data.cast_mut()) });
        }
    });
}
