//! Responses that rules request. The library only proposes: acting is up to the program.

use rule_engine::response::{Action, Process as EngineProcess, Response as EngineResponse};

use crate::alert::{Alert, data};
use crate::guard::{call, value};
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::view::Bytes;

/// A response that the rule of an alert requests. Set `size` to `sizeof(peregrine_response)` before the call. What it points at
/// is valid as long as the alert.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Response {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The action: `kill`, `stop`, `continue`, `freeze`, `thaw`, `run`, `webhook` or `deny`. Later versions may have more.
    pub action: Bytes,
    /// The processes that it is for: `process`, `tree` or `container`; empty for `run`, `deny`, and a `webhook` that proposes
    /// nothing.
    pub target: Bytes,
    /// The name of the program, for `run`; else empty.
    pub program: Bytes,
    /// The action that a `webhook` proposes; else empty.
    pub proposes: Bytes,
    /// The number of alerts about the same process from which on it is requested; at least 1.
    pub after_alerts: u32,
    /// The time in which these alerts must be, in seconds.
    pub within_seconds: u32,
}
grows!(Response, "peregrine_response", within_seconds);

/// The process of an event. Set `size` to `sizeof(peregrine_process)` before the call. What it points at is valid as long as
/// the alert.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The start in nanoseconds since 1970; 0 if unknown.
    pub start: u64,
    /// The path of the executable, as the kernel has it; empty if unknown.
    pub exe: Bytes,
    /// The path of the cgroup; empty if unknown.
    pub cgroup: Bytes,
    /// The ID of the container; empty if it is in none.
    pub container: Bytes,
    /// The process ID in the host's PID namespace.
    pub pid: i32,
}
grows!(Process, "peregrine_process", pid);

impl Response {
    fn new(from: &EngineResponse) -> Self {
        let EngineResponse { action, after_alerts, within_seconds, .. } = from;
        let (program, proposed) = match action {
            Action::Run(program) => (&**program, None),
            Action::Webhook(proposed) => ("", proposed.as_deref()),
            _ => ("", None),
        };
        let scope = proposed.unwrap_or(action).scope();
        Self {
            size: size_of::<Self>(),
            action: action.name().into(),
            target: scope.map_or("", |scope| scope.name()).into(),
            program: program.into(),
            proposes: proposed.map_or("", Action::name).into(),
            after_alerts: *after_alerts,
            within_seconds: *within_seconds,
        }
    }
}

impl Process {
    fn new(from: &EngineProcess) -> Self {
        let EngineProcess { pid, start, exe, cgroup, container } = from;
        Self {
            size: size_of::<Self>(),
            start: *start,
            exe: exe.as_str().into(),
            cgroup: cgroup.as_str().into(),
            container: container.as_str().into(),
            pid: *pid,
        }
    }
}

/// Returns the number of responses that the rule of an alert requests; 0 if it requests none, or `alert` is NULL. They are
/// proposals: the library does nothing.
///
/// # Safety
/// `alert` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_response_count(alert: *const Alert) -> usize {
    // SAFETY: guaranteed by the caller.
    value(0, || unsafe { data(alert) }.map_or(0, |data| data.responses().len()))
}

/// Returns a response that the rule of an alert requests.
///
/// @param alert the alert
/// @param index the index of the response, from 0, in the order of the rule
/// @param out   receives the response; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no response of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_response(alert: *const Alert, index: usize, out: *mut Response) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let Some(response) = unsafe { data(alert) }?.responses().get(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &Response::new(response)) }?;
        Ok(Status::Ok)
    })
}

/// Returns the process that the responses of an alert are about: that of the event; of a correlation, that of its last event.
/// Its ID may belong to another process by the time that the program acts: hold it by a pidfd, then compare start and
/// executable.
///
/// @param alert the alert
/// @param out   receives the process; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING if the rule requests no response or the process is not known, _INVALID_ARGUMENT if
///         `size` is too small
///
/// # Safety
/// `alert` is NULL or valid; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_alert_process(alert: *const Alert, out: *mut Process) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let Some(process) = unsafe { data(alert) }?.process() else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &Process::new(process)) }?;
        Ok(Status::Ok)
    })
}
