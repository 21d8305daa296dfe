//! The state of the host: threads and their file descriptors.

use crate::event::Event;
use crate::guard::call;
use crate::handle::{borrow, write};
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::{List, Value};
use crate::view::Bytes;

/// A thread. Unknown numbers are -1. What it points at is valid until the next event is requested from the inspector. Set
/// `size` to `sizeof(peregrine_thread)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The thread ID, in the host's PID namespace, as are the next three.
    pub tid: i64,
    /// The process ID.
    pub pid: i64,
    /// The thread ID of the parent.
    pub ptid: i64,
    /// The session ID.
    pub sid: i64,
    /// The process group ID, in the host's PID namespace.
    pub pgid: i64,
    /// The thread ID, in the PID namespace of the thread.
    pub vtid: i64,
    /// The process ID, in the PID namespace of the thread.
    pub vpid: i64,
    /// The effective user ID; UINT32_MAX if unknown.
    pub uid: u32,
    /// The effective group ID; UINT32_MAX if unknown.
    pub gid: u32,
    /// The login user ID; UINT32_MAX if unset.
    pub loginuid: u32,
    /// The terminal; 0 if there is none.
    pub tty: u32,
    /// The time of the clone, in nanoseconds since 1970; 0 if unknown.
    pub clone_ts: u64,
    /// The name of the thread (`comm`).
    pub comm: Bytes,
    /// The first argument (`argv[0]`).
    pub exe: Bytes,
    /// The resolved path of the executable.
    pub exepath: Bytes,
    /// The working directory, with a trailing slash.
    pub cwd: Bytes,
    /// The short ID of the container; empty on the host.
    pub container_id: Bytes,
    /// The arguments after the first, each of type PEREGRINE_VALUE_KIND_BYTES.
    pub args: List,
}
grows!(Thread, "peregrine_thread", args);

/// A file descriptor. It and what it points at are valid until the next event is requested from the inspector.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Fd {
    /// The size of this struct in the library.
    pub size: usize,
    /// The number of the file descriptor.
    pub num: i64,
    /// The inode; 0 if unknown.
    pub ino: u64,
    /// The name: a path, a pair of addresses or a label.
    pub name: Bytes,
    /// The type as in rules, such as `file` or `ipv4`; empty if there is none. A constant.
    pub type_name: Bytes,
    /// The flags of `open`, in the numbering of the schema.
    pub open_flags: u32,
    /// The device number; 0 if unknown.
    pub dev: u32,
}

/// The file descriptors of a process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FdList {
    /// Pointers to the file descriptors; never NULL, even where `len` is 0.
    pub items: *const *const Fd,
    /// The number of file descriptors.
    pub len: usize,
}

impl Inspector {
    fn thread(&self, thread: &sinsp::state::Thread) -> Thread {
        let mut args = bumpalo::collections::Vec::new_in(&self.arena);
        args.extend(thread.args().map(Value::bytes));
        let args = args.into_bump_slice();
        Thread {
            size: size_of::<Thread>(),
            tid: thread.tid,
            pid: thread.pid,
            ptid: thread.ptid,
            sid: thread.sid,
            pgid: thread.pgid,
            vtid: thread.vtid,
            vpid: thread.vpid,
            uid: thread.uid,
            gid: thread.gid,
            loginuid: thread.loginuid,
            tty: thread.tty,
            clone_ts: thread.clone_ts,
            comm: thread.comm[..].into(),
            exe: thread.exe[..].into(),
            exepath: thread.exepath[..].into(),
            cwd: self.state().cwd(thread).into(),
            container_id: thread.container_id[..].into(),
            args: List::of(args),
        }
    }
}

/// Returns the thread of an event.
///
/// @param event the event
/// @param out   receives the thread; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING if the event has no thread
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_thread(event: Event, out: *mut Thread) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, inner) = unsafe { event.look() }?;
        let Some(thread) = inner.thread() else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &inspector.thread(thread)) }?;
        Ok(Status::Ok)
    })
}

/// Returns a thread by its ID, as it is after the current event.
///
/// @param inspector the inspector
/// @param tid       the thread ID, in the host's PID namespace
/// @param out       receives the thread; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_thread(inspector: *const Inspector, tid: i64, out: *mut Thread) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow(inspector) }?;
        let Some(thread) = inspector.state().thread(tid) else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &inspector.thread(thread)) }?;
        Ok(Status::Ok)
    })
}

/// Returns the file descriptors of a thread, in no particular order.
///
/// @param inspector the inspector
/// @param tid       the thread ID, in the host's PID namespace
/// @param out       receives the list, valid until the next event is requested
/// @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_fds(inspector: *const Inspector, tid: i64, out: *mut FdList) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow(inspector) }?;
        let state = inspector.state();
        let Some(thread) = state.thread(tid) else { return Ok(Status::Missing) };
        let mut fds = bumpalo::collections::Vec::new_in(&inspector.arena);
        fds.extend(state.fds(thread).into_iter().flat_map(|table| table.iter()).map(|(num, fd)| {
            let fd = Fd {
                size: size_of::<Fd>(),
                num,
                ino: fd.ino,
                name: fd.name[..].into(),
                type_name: fd.kind.type_name().unwrap_or_default().into(),
                open_flags: fd.open_flags,
                dev: fd.dev,
            };
            std::ptr::from_ref(inspector.arena.alloc(fd))
        }));
        let fds = fds.into_bump_slice();
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, FdList { items: fds.as_ptr(), len: fds.len() }) }?;
        Ok(Status::Ok)
    })
}

/// Returns the number of threads in the state.
///
/// @param inspector the inspector
/// @param out       receives the number
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_thread_count(inspector: *const Inspector, out: *mut u64) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow(inspector) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, inspector.state().metrics().threads) }?;
        Ok(Status::Ok)
    })
}
