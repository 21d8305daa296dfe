//! The state of the machine: threads and their descriptors.

use crate::event::Event;
use crate::guard::call;
use crate::handle::{shared, write};
use crate::inspector::Inspector;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::{List, Value};
use crate::view::Bytes;

/// A thread as the inspector knows it. Numbers are -1 where they are not known. What it points at is lent until the
/// inspector is asked for its next event. Set `size` to `sizeof(peregrine_thread)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// The thread, its process and its parent, in the host's pid namespace.
    pub tid: i64,
    /// The process.
    pub pid: i64,
    /// The thread that it is a child of.
    pub ptid: i64,
    /// The session.
    pub sid: i64,
    /// The process group, in the host's pid namespace.
    pub pgid: i64,
    /// The thread, in its own pid namespace.
    pub vtid: i64,
    /// The process, in its own pid namespace.
    pub vpid: i64,
    /// Effective user; UINT32_MAX unknown.
    pub uid: u32,
    /// Effective group; UINT32_MAX unknown.
    pub gid: u32,
    /// The user who logged in; UINT32_MAX unset.
    pub loginuid: u32,
    /// The terminal; 0 none.
    pub tty: u32,
    /// When it was cloned, in nanoseconds since 1970; 0 unknown.
    pub clone_ts: u64,
    /// The name that the kernel shows.
    pub comm: Bytes,
    /// The first argument.
    pub exe: Bytes,
    /// The path of the executable, resolved.
    pub exepath: Bytes,
    /// The working directory, ended by a slash.
    pub cwd: Bytes,
    /// The container; empty on the host.
    pub container_id: Bytes,
    /// The arguments after the first, each of kind PEREGRINE_VALUE_KIND_BYTES.
    pub args: List,
}
grows!(Thread, "peregrine_thread", args);

/// A descriptor. It and what it points at are lent until the inspector is asked for its next event.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Fd {
    /// The size of this struct as the library has it.
    pub size: usize,
    /// Its number.
    pub num: i64,
    /// Inode; 0 unknown.
    pub ino: u64,
    /// A path, a pair of addresses, a label.
    pub name: Bytes,
    /// The type as rules write it, such as `file` or `ipv4`; empty where there is none. A constant.
    pub type_name: Bytes,
    /// Flags of `open`, as the schema numbers them.
    pub open_flags: u32,
    /// Device number; 0 unknown.
    pub dev: u32,
}

/// The descriptors of a process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FdList {
    /// The first of the pointers to them; never NULL, even where `len` is 0.
    pub items: *const *const Fd,
    /// How many.
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

/// The thread that an event belongs to.
///
/// @param event the event
/// @param out   receives the thread; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING for events of the capture itself
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_thread(event: Event, out: *mut Thread) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, inner) = unsafe { event.look() }?;
        let Some(thread) = inner.thread() else { return Ok(Status::Missing) };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &inspector.thread(thread)) }?;
        Ok(Status::Ok)
    })
}

/// A thread by its tid, in the host's pid namespace, as it is after the current event.
///
/// @param inspector the inspector
/// @param tid       the thread
/// @param out       receives the thread; set its `size` first
/// @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_thread(inspector: *const Inspector, tid: i64, out: *mut Thread) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inspector = unsafe { shared(inspector) }?;
        let Some(thread) = inspector.state().thread(tid) else { return Ok(Status::Missing) };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &inspector.thread(thread)) }?;
        Ok(Status::Ok)
    })
}

/// The descriptors that a thread sees, in no particular order.
///
/// @param inspector the inspector
/// @param tid       the thread, in the host's pid namespace
/// @param out       receives the list, lent until the next event is asked for
/// @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
///
/// # Safety
/// `inspector` is NULL or a live inspector; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_fds(inspector: *const Inspector, tid: i64, out: *mut FdList) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inspector = unsafe { shared(inspector) }?;
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
        // SAFETY: by the caller's word.
        unsafe { write(out, FdList { items: fds.as_ptr(), len: fds.len() }) }?;
        Ok(Status::Ok)
    })
}

/// How many threads the inspector knows.
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
        // SAFETY: by the caller's word.
        let inspector = unsafe { shared(inspector) }?;
        // SAFETY: by the caller's word.
        unsafe { write(out, inspector.state().metrics().threads) }?;
        Ok(Status::Ok)
    })
}
