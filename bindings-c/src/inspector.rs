//! An inspector: a source of events, with the state of the host.

use std::ffi::{c_char, c_int};
use std::fs::File;
use std::io::Cursor;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use bumpalo::Bump;
use scap::savefile::Reader;
use scap::{HostState, Source as _};

use crate::error::Error;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{self, Handle, borrow, borrow_mut, bytes, give, take, text, write};
use crate::options::{InspectorOptions, Setup};
use crate::origin::Origin;
use crate::recording::{Recorder, Tee};
use crate::status::Status;

/// Events of a source in time order, with the state of the host. Opaque. Used by one thread at a time.
pub struct Inspector {
    /// The current event. It borrows from `inner`, which is only changed after this was cleared, and is dropped first.
    current: Option<sinsp::Event<'static>>,
    /// The number of the current event, which a stale [`Event`] does not have.
    pub(crate) generation: u64,
    /// Holds the values that were built for the current event.
    pub(crate) arena: Bump,
    inner: Box<sinsp::Inspector<Tee>>,
    /// The recording of what is read.
    pub(crate) recorder: Rc<Recorder>,
    /// Whether the first event was requested from the source.
    started: bool,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Handle for Inspector {
    const NAME: &'static str = "peregrine_inspector";
}

impl Inspector {
    pub(crate) fn new(origin: Origin, setup: Setup) -> Self {
        let (tee, recorder) = Tee::new(origin);
        let proc = setup.proc();
        let builder = sinsp::Inspector::builder(tee).config(setup.config);
        let builder = if let Some(proc) = proc { builder.proc(proc) } else { builder };
        let builder = if let Some(extension) = setup.extension { builder.extension(extension) } else { builder };
        let inner = Box::new(builder.build());
        Self { current: None, generation: 0, arena: Bump::new(), inner, recorder, started: false }
    }

    /// Borrows the inspector to change it. The current event borrows from it, so it becomes stale.
    #[inline]
    pub(crate) fn change(&mut self) -> &mut sinsp::Inspector<Tee> {
        self.current = None;
        self.generation += 1;
        // Most events have no values built, and then there is nothing to reset.
        if self.arena.allocated_bytes() > 0 {
            self.arena.reset();
        }
        &mut self.inner
    }

    /// Moves to the next event that is shown.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<Status, Error> {
        self.started = true;
        self.change();
        loop {
            match self.inner.next() {
                Ok(sinsp::Next::Event(event)) => {
                    // SAFETY: the event borrows from `*self.inner`, which is boxed and so stays where it is. It is only
                    // changed through `change`, which clears `current`, and dropped after it.
                    self.current =
                        Some(unsafe { std::mem::transmute::<sinsp::Event<'_>, sinsp::Event<'static>>(event) });
                    return Ok(Status::Ok);
                }
                Ok(sinsp::Next::Hidden) => {}
                Ok(sinsp::Next::Idle) => return Ok(Status::Idle),
                Ok(sinsp::Next::End) => return Ok(Status::End),
                Err(error) => return Err(self.refine(error)),
            }
        }
    }

    /// Converts an error of the source. That of a callback has the status that the callback returned.
    #[cold]
    fn refine(&self, error: sinsp::Error) -> Error {
        self.inner.source().failure().unwrap_or_else(|| error.into())
    }

    /// Returns the current event.
    #[inline]
    pub(crate) fn current(&self) -> Option<&sinsp::Event<'_>> {
        self.current.as_ref()
    }

    pub(crate) fn state(&self) -> &sinsp::state::State {
        self.inner.state()
    }

    /// Returns the host as the source describes it, before the first event was requested.
    pub(crate) fn untouched_host(&self) -> Option<&HostState> {
        (!self.started).then(|| self.inner.source().host())
    }

    pub(crate) fn stats(&self) -> scap::SourceStats {
        self.inner.stats()
    }
}

/// Opens a capture file, compressed or not, of any version, and reads the state that it begins with.
///
/// @param path    the name of the file, UTF-8
/// @param options limits and other options; NULL for the defaults
/// @param out     receives an inspector that the caller owns and frees with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _IO if the file cannot be read; _FORMAT if it is not a capture
///
/// # Safety
/// `path` is NULL or NUL-terminated; `options` is NULL or valid, with everything that it points at; `out` is NULL or valid
/// for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_file(
    path: *const c_char,
    options: *const InspectorOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: guaranteed by the caller.
        let setup = unsafe { Setup::read(options, false) }?;
        let reader = Reader::open_with_limits(path, setup.limits)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Inspector::new(Origin::File(reader), setup), out) }?;
        Ok(Status::Ok)
    })
}

/// Opens a capture from a file descriptor: a file, a pipe or a socket, read from its current position on. `fd` is
/// duplicated, so the caller may close its own at once; the two share the position in the file.
///
/// @param fd      the file descriptor
/// @param options limits and other options; NULL for the defaults
/// @param out     receives an inspector that the caller owns and frees with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _IO if `fd` is not open or cannot be read; _FORMAT if it is not a capture
///
/// # Safety
/// `options` is NULL or valid, with everything that it points at; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_fd(
    fd: c_int,
    options: *const InspectorOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let setup = unsafe { Setup::read(options, false) }?;
        if fd < 0 {
            return Err(Error::new(Status::InvalidArgument, format!("{fd} is not a valid file descriptor")));
        }
        // SAFETY: not -1; it is only borrowed for the duplication, which fails if it is not open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let file = borrowed.try_clone_to_owned().map_err(|error| {
            Error::caused(Status::Io, format!("can't duplicate file descriptor {fd}: {error}"), &error)
        })?;
        let reader = Reader::from_file(File::from(file), setup.limits)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Inspector::new(Origin::File(reader), setup), out) }?;
        Ok(Status::Ok)
    })
}

/// Opens a capture in memory. The bytes are copied.
///
/// @param data    the first byte of the capture
/// @param len     the number of bytes
/// @param options limits and other options; NULL for the defaults
/// @param out     receives an inspector that the caller owns and frees with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _FORMAT if it is not a capture
///
/// # Safety
/// `data` is NULL or valid for reading `len` bytes; `options` is NULL or valid, with everything that it points at; `out` is
/// NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_memory(
    data: *const u8,
    len: usize,
    options: *const InspectorOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let data = unsafe { bytes(data, len, "data") }?;
        // SAFETY: guaranteed by the caller.
        let setup = unsafe { Setup::read(options, false) }?;
        let reader = Reader::with_limits(Cursor::new(data.to_vec()), setup.limits)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Inspector::new(Origin::Other(Box::new(reader)), setup), out) }?;
        Ok(Status::Ok)
    })
}

/// Moves to the next event. The previous event, and everything borrowed from it, becomes stale.
///
/// @param inspector the inspector
/// @param out       receives the event, valid until the next call
/// @return PEREGRINE_STATUS_OK; _END at the end of the source; _IDLE if a live source has no event at the moment; an error
///         if the source is broken, after which every further call returns _END
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_next(inspector: *mut Inspector, out: *mut Event) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inner = unsafe { borrow_mut(inspector) }?;
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        let status = inner.step()?;
        if status == Status::Ok {
            // SAFETY: guaranteed by the caller.
            unsafe { write(out, Event { inspector, generation: inner.generation }) }?;
        }
        Ok(status)
    })
}

/// Returns how far a capture file was read.
///
/// @param inspector the inspector
/// @param position  receives the number of bytes read so far
/// @param size      receives the size of the file
/// @return PEREGRINE_STATUS_OK, or _MISSING if the source is not a file
///
/// # Safety
/// `inspector` is NULL or a live inspector; `position` and `size` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_progress(
    inspector: *const Inspector,
    position: *mut u64,
    size: *mut u64,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inner = unsafe { borrow(inspector) }?;
        let Some((done, whole)) = inner.inner.source().progress() else { return Ok(Status::Missing) };
        if position.is_null() || size.is_null() {
            return Err(Error::null("an out-parameter"));
        }
        // SAFETY: guaranteed by the caller.
        unsafe { handle::write(position, done) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { handle::write(size, whole) }?;
        Ok(Status::Ok)
    })
}

/// Frees an inspector. Passing NULL is a no-op. Its events, and everything borrowed from them, become invalid.
///
/// # Safety
/// `inspector` is NULL or a live inspector that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_free(inspector: *mut Inspector) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(inspector) }));
}
