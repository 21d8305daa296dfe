//! Opening this machine: live events by the probe.
//!
//! The probe takes clang to build, so it stands behind the feature `live`. Without it the function is there and says so.

use std::ffi::c_char;

use crate::engine::Engine;
use crate::error::Fault;
use crate::guard::call;
use crate::handle::give;
use crate::inspector::Inspector;
use crate::sized::{Input, given, grows};
use crate::status::Status;

/// What is captured of this machine, and how. Set `size` to `sizeof(peregrine_live_options)` and the rest to zero for every
/// call and Falco's defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Names of system calls and tracepoints to capture, such as `openat`, UTF-8 and ended by NULs. NULL: those of `rules`.
    pub calls: *const *const c_char,
    /// How many.
    pub ncalls: usize,
    /// Capture what the rules of this engine look at and what the state needs, beside `calls`. NULL: only `calls`; if there
    /// are none, everything.
    pub rules: *const Engine,
    /// Where the host's `/proc` and `/etc` lie, UTF-8 and ended by a NUL; NULL is `/`.
    pub host_root: *const c_char,
    /// Bytes kept of what is read and written; 0 is 80, 65,000 is the most.
    pub snaplen: u32,
    /// The size of each ring: 1 is 1 MiB, each further number twice as much, to 10; 0 is 4, which is 8 MiB.
    pub ring_preset: u32,
    /// How many processors share a ring; 0 is 2.
    pub cpus_per_ring: u32,
    /// The longest sleep in milliseconds of peregrine_inspector_next() before it says PEREGRINE_STATUS_IDLE; 0 is 30.
    pub max_wait_ms: u32,
    /// Leave calls out that failed.
    pub drop_failed: bool,
    /// Leave the events of this very process out.
    pub skip_own: bool,
}
grows!(LiveOptions, "peregrine_live_options", skip_own);
// SAFETY: NULL, 0 and false are what they are.
unsafe impl Input for LiveOptions {}

/// Opens this machine: loads the probe into the kernel and reads what runs already. It takes the rights of root, or
/// CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and a kernel of 5.8 or later with BTF.
///
/// @param options what and how; NULL is everything by the defaults
/// @param out     receives an inspector that the caller owns and gives back with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _UNSUPPORTED if this library was built without the feature `live` (see peregrine_features());
///         _INVALID_ARGUMENT if there is no such call or preset; _IO if the kernel refuses, the message says what
///
/// # Safety
/// `options` is NULL or valid for reading as many bytes as its `size` says, and all that it points at is valid; `out` is NULL
/// or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_live(
    options: *const LiveOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let options = unsafe { given(options) }?;
        if out.is_null() {
            return Err(Fault::null("the out-parameter"));
        }
        // SAFETY: by the caller's word.
        let inspector = unsafe { probe::open(options.as_ref()) }?;
        // SAFETY: by the caller's word.
        unsafe { give(inspector, out) }?;
        Ok(Status::Ok)
    })
}

#[cfg(not(feature = "live"))]
mod probe {
    use super::{Fault, Inspector, LiveOptions, Status};

    /// # Safety
    /// None.
    pub(super) unsafe fn open(_: Option<&LiveOptions>) -> Result<Inspector, Fault> {
        Err(Fault::new(Status::Unsupported, "this library was built without live capture (the cargo feature `live`)"))
    }
}

#[cfg(feature = "live")]
mod probe {
    use std::time::Duration;

    use bpf::{Probe, Selection};
    use rule_engine::event::sinsp::SinspSchema;
    use scap::schema::{SyscallCode, SyscallSet};
    use sinsp::ProcFs;

    use super::{Fault, Inspector, LiveOptions, Status};
    use crate::handle::{optional_text, shared, slice, text};
    use crate::origin::Origin;

    /// # Safety
    /// All that the options point at is valid.
    pub(super) unsafe fn open(options: Option<&LiveOptions>) -> Result<Inspector, Fault> {
        let mut builder = Probe::builder();
        let mut proc = ProcFs::new("/");
        if let Some(options) = options {
            // SAFETY: by the caller's word.
            if let Some(selection) = unsafe { selection(options) }? {
                builder = builder.select(selection);
            }
            // SAFETY: by the caller's word.
            let root = unsafe { optional_text(options.host_root, "host_root") }?;
            if !root.is_empty() {
                builder = builder.host_root(root);
                proc = ProcFs::new(root);
            }
            if options.snaplen > 0 {
                builder = builder.snaplen(options.snaplen);
            }
            if options.ring_preset > 0 {
                builder = builder
                    .ring_preset(options.ring_preset)
                    .map_err(|fault| Fault::new(Status::InvalidArgument, fault.to_string()))?;
            }
            if options.cpus_per_ring > 0 {
                builder = builder.cpus_per_ring(options.cpus_per_ring as usize);
            }
            if options.max_wait_ms > 0 {
                builder = builder.max_wait(Duration::from_millis(options.max_wait_ms.into()));
            }
            builder = builder.drop_failed(options.drop_failed).skip_own(options.skip_own);
        }
        let source = builder.open().map_err(|fault| Fault::new(Status::Io, format!("live capture: {fault}")))?;
        for refused in source.refused() {
            tracing::warn!("the kernel refused a part of the probe: {refused}");
        }
        for note in source.notes() {
            tracing::info!("{note}");
        }
        Ok(Inspector::build(Origin::Other(Box::new(source)), |builder| builder.proc(proc)))
    }

    /// # Safety
    /// All that the options point at is valid.
    unsafe fn selection(options: &LiveOptions) -> Result<Option<Selection>, Fault> {
        let mut set = SyscallSet::new();
        if !options.rules.is_null() {
            // SAFETY: by the caller's word.
            let engine = unsafe { shared(options.rules) }?;
            let wanted = engine.syscalls().map(|rules| SinspSchema::syscalls(rules.keys()));
            set = SyscallSet::state().union(wanted.unwrap_or_default());
        }
        // SAFETY: by the caller's word.
        for name in unsafe { slice(options.calls, options.ncalls, "calls") }? {
            // SAFETY: by the caller's word.
            let name = unsafe { text(*name, "the name of a call") }?;
            let call = SyscallCode::from_name(name)
                .ok_or_else(|| Fault::new(Status::InvalidArgument, format!("there is no system call '{name}'")))?;
            set.insert(call);
        }
        if set.is_empty() {
            return Ok(None);
        }
        // Without the ends of processes the state would grow for ever.
        set.insert(SyscallCode::SCHED_PROCESS_EXIT);
        let mut selection = Selection::none();
        set.iter().for_each(|call| selection.insert(call));
        Ok(Some(selection))
    }
}
