//! Live capture: events of this host from the probe.
//!
//! The probe requires clang to build, so it is behind the feature `live`. Without it the function returns
//! `PEREGRINE_STATUS_UNSUPPORTED`.

use std::ffi::c_char;

use crate::error::Error;
use crate::guard::call;
use crate::handle::give;
use crate::inspector::Inspector;
use crate::options::{InspectorOptions, Setup};
use crate::ruleset::Ruleset;
use crate::sized::{Input, grows, read};
use crate::status::Status;

/// Options of live capture. Set `size` to `sizeof(peregrine_live_options)` and everything else to zero for every system call
/// and the defaults of Falco.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Names of system calls and tracepoints to capture, such as `openat`, UTF-8 and NUL-terminated.
    pub calls: *const *const c_char,
    /// The number of `calls`.
    pub ncalls: usize,
    /// Capture the system calls that these rules match and that the state needs, in addition to `calls`. NULL: only `calls`;
    /// everything if there are none.
    pub ruleset: *const Ruleset,
    /// Maximum number of bytes kept of data that is read and written; 0 is 80, at most 65,000.
    pub snaplen: u32,
    /// The size of each ring buffer: 1 is 1 MiB, each further number is twice as much, at most 10; 0 is 4, which is 8 MiB.
    pub ring_preset: u32,
    /// The number of CPUs that share a ring buffer; 0 is 2.
    pub cpus_per_ring: u32,
    /// Maximum time that peregrine_inspector_next() waits before it returns PEREGRINE_STATUS_IDLE, in milliseconds; 0 is 30.
    pub max_wait_ms: u32,
    /// Leave out failed system calls.
    pub drop_failed: bool,
    /// Leave out events of this process.
    pub skip_own: bool,
}
grows!(LiveOptions, "peregrine_live_options", skip_own);
// SAFETY: NULL, 0 and false are valid.
unsafe impl Input for LiveOptions {}

/// Starts live capture on this host: loads the probe into the kernel and reads the running processes. Requires root, or
/// CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and Linux 5.8 or later with BTF.
///
/// @param live    what to capture; NULL for every system call and the defaults
/// @param options limits and other options; NULL for the defaults
/// @param out     receives an inspector that the caller owns and frees with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _UNSUPPORTED if this library was built without the feature `live` (see peregrine_features());
///         _INVALID_ARGUMENT if a system call or a preset does not exist; _IO if the kernel rejects the probe
///
/// # Safety
/// `live` and `options` are NULL or valid for reading, with everything that they point at; `out` is NULL or valid for
/// writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_live(
    live: *const LiveOptions,
    options: *const InspectorOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let live = unsafe { read(live) }?;
        // SAFETY: guaranteed by the caller.
        let setup = unsafe { Setup::read(options, true) }?;
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { probe::open(live.as_ref(), setup) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(inspector, out) }?;
        Ok(Status::Ok)
    })
}

#[cfg(not(feature = "live"))]
mod probe {
    use super::{Error, Inspector, LiveOptions, Setup, Status};

    /// # Safety
    /// None.
    pub(super) unsafe fn open(_: Option<&LiveOptions>, _: Setup) -> Result<Inspector, Error> {
        Err(Error::new(Status::Unsupported, "this library was built without live capture (cargo feature `live`)"))
    }
}

#[cfg(feature = "live")]
mod probe {
    use std::time::Duration;

    use super::{Error, Inspector, LiveOptions, Setup, Status};
    use crate::handle::{borrow, slice, text};
    use crate::origin::Origin;
    use bpf::{Probe, Selection};
    use scap::schema::{SyscallCode, SyscallSet};

    /// # Safety
    /// Everything that the options point at is valid.
    pub(super) unsafe fn open(options: Option<&LiveOptions>, mut setup: Setup) -> Result<Inspector, Error> {
        let root = setup.host_root.get_or_insert_with(|| "/".into());
        let mut builder = Probe::builder().host_root(root.clone());
        if let Some(options) = options {
            // SAFETY: guaranteed by the caller.
            if let Some(selection) = unsafe { selection(options, setup.parsed) }? {
                builder = builder.select(selection);
            }
            if options.snaplen > 0 {
                builder = builder.snaplen(options.snaplen);
            }
            if options.ring_preset > 0 {
                builder = builder
                    .ring_preset(options.ring_preset)
                    .map_err(|error| Error::new(Status::InvalidArgument, error.to_string()))?;
            }
            if options.cpus_per_ring > 0 {
                builder = builder.cpus_per_ring(options.cpus_per_ring as usize);
            }
            if options.max_wait_ms > 0 {
                builder = builder.max_wait(Duration::from_millis(options.max_wait_ms.into()));
            }
            builder = builder.drop_failed(options.drop_failed).skip_own(options.skip_own);
        }
        let source =
            builder.open().map_err(|error| Error::caused(Status::Io, format!("live capture: {error}"), &error))?;
        for refused in source.refused() {
            tracing::warn!("the kernel rejected a program of the probe: {refused}");
        }
        for note in source.notes() {
            tracing::info!("{note}");
        }
        Ok(Inspector::new(Origin::Other(Box::new(source)), setup))
    }

    /// # Safety
    /// Everything that the options point at is valid.
    unsafe fn selection(options: &LiveOptions, parsed: SyscallSet) -> Result<Option<Selection>, Error> {
        let mut set = SyscallSet::new();
        if !options.ruleset.is_null() {
            // SAFETY: guaranteed by the caller.
            let ruleset = unsafe { borrow(options.ruleset) }?;
            set = ruleset.0.rules.captured();
        }
        // SAFETY: guaranteed by the caller.
        for name in unsafe { slice(options.calls, options.ncalls, "calls") }? {
            // SAFETY: guaranteed by the caller.
            let name = unsafe { text(*name, "a name in calls") }?;
            let call = SyscallCode::from_name(name)
                .ok_or_else(|| Error::new(Status::InvalidArgument, format!("unknown system call '{name}'")))?;
            set.insert(call);
        }
        if set.is_empty() {
            return Ok(None);
        }
        set = set.union(parsed);
        // Without the exits of processes the state would grow forever.
        set.insert(SyscallCode::SCHED_PROCESS_EXIT);
        let mut selection = Selection::none();
        set.iter().for_each(|call| selection.insert(call));
        Ok(Some(selection))
    }
}
