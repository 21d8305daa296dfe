//! The kind of an event: name, category, result, time.

use bumpalo::Bump;
use scap::render;
use scap::schema::{Category, EventCode, SYSCALLS, SyscallCode, param};

use super::args::{result as number, written};
use super::delta;
use super::generic::{self, SECOND, since_start};
use crate::Event;
use crate::fields::value::{Text, push_display};
use crate::fields::{FieldRef, OutputTime, Value};
use crate::state::FdKind;

/// Returns the name of the event, or of the call that the generic event reports.
#[inline]
pub(super) fn name<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    match e.code() {
        EventCode::GENERIC_X => generic_call(e),
        _ => generic::name(e),
    }
}

/// Returns the name of the call; `None` for events that are not calls.
pub(super) fn syscall<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let info = e.raw().info()?;
    if !info.category.intersects(Category::SYSCALL) {
        return None;
    }
    if e.code() == EventCode::GENERIC_X { generic_call(e) } else { Some(info.name.as_bytes()) }
}

/// Returns the name of a generic call; one that was unknown at the time of the capture is known by its native number.
fn generic_call<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let mut code = SyscallCode(e.raw().param(param::generic_x::ID)?.u16()?);
    if code.0 == 0
        && let Some(native) = e.raw().param(param::generic_x::nativeID).and_then(|param| param.u16())
        && let Some(info) = SYSCALLS.iter().find(|info| info.x86_64 == Some(native))
    {
        code = info.code;
    }
    Some(code.info()?.name.as_bytes())
}

/// Returns the category; for reads and writes it depends on the file descriptor.
pub(super) fn category(e: &Event<'_>) -> &'static str {
    let Some(info) = e.raw().info() else { return "unknown" };
    match info.category.subject() {
        Category::OTHER => "other",
        Category::FILE => "file",
        Category::NET => "net",
        Category::IPC => "IPC",
        Category::MEMORY => "memory",
        Category::PROCESS => "process",
        Category::SLEEP => "sleep",
        Category::SYSTEM => "system",
        Category::SIGNAL => "signal",
        Category::USER => "user",
        Category::TIME => "time",
        Category::PROCESSING => "processing",
        Category::IO_READ | Category::IO_WRITE | Category::IO_OTHER => match e.fd().map(|fd| &fd.kind) {
            Some(FdKind::File | FdKind::Directory) => "file",
            Some(FdKind::Ipv4(_) | FdKind::Ipv6(_) | FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_)) => "net",
            Some(FdKind::Fifo | FdKind::Unix(_) | FdKind::Event | FdKind::SignalFd) => "ipc",
            Some(FdKind::Inotify | FdKind::UserfaultFd) => "ipc",
            _ => "unknown",
        },
        Category::WAIT => "wait",
        Category::SCHEDULER => "scheduler",
        Category::INTERNAL => "internal",
        _ => "unknown",
    }
}

/// Returns SUCCESS or the error's name.
pub(super) fn result<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    if number(e)? >= 0 {
        return Some("SUCCESS".into());
    }
    let param = e.raw().param(0)?;
    Some(Value::Bytes(written(arena, |out| render::arg(&param, None, &WithThread, out))))
}

/// Resolves results even if the thread is not known.
struct WithThread;

impl render::Resolve for WithThread {}

/// Returns 1 if the call failed, else 0.
pub(super) fn failures<'e>(e: &Event<'_>) -> Option<Value<'e>> {
    Some(Value::U64((number(e)? < 0).into()))
}

/// Returns whether it is a report of processor time.
pub(super) fn is_procinfo(e: &Event<'_>) -> bool {
    e.code() == EventCode::PROCINFO_E
}

/// Returns the time in the configured form.
pub(super) fn output_time<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let mut text = Text::new_in(arena);
    let since = |text: &mut Text<'e>, ns: u64| push_display(text, &format_args!("{}.{:09}", ns / SECOND, ns % SECOND));
    match field.style.time {
        OutputTime::Local => return Some(generic::local(e.ts(), arena, false, true)),
        // The fraction is not padded, as in Falco.
        OutputTime::Absolute => push_display(&mut text, &format_args!("{}.{}", e.ts() / SECOND, e.ts() % SECOND)),
        OutputTime::Relative => since(&mut text, since_start(e)),
        OutputTime::Latency => since(&mut text, 0),
        OutputTime::Delta => since(&mut text, delta(e)),
    }
    Some(Value::Bytes(text.into_bump_slice()))
}
