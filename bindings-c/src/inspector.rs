//! An inspector: a source of events with the state of the machine.

use std::ffi::c_char;
use std::io::Cursor;
use std::rc::Rc;

use bumpalo::Bump;
use scap::savefile::Reader;
use scap::{HostState, Source as _};

use crate::dump::{Deck, Tee};
use crate::error::Fault;
use crate::event::Event;
use crate::guard::{call, value};
use crate::handle::{self, Handle, bytes, give, shared, take, text, unique, write};
use crate::origin::Origin;
use crate::status::Status;

/// Events of a source, in time order, with what is known of the machine. Opaque. To be used by one thread at a time.
pub struct Inspector {
    /// The current event. It borrows from `inner`, which is only changed after this was cleared, and is dropped first.
    current: Option<sinsp::Event<'static>>,
    /// Which event is the current one; tells a stale [`Event`] from it.
    pub(crate) generation: u64,
    /// What the values of the current event are built in.
    pub(crate) arena: Bump,
    inner: Box<sinsp::Inspector<Tee>>,
    /// The recording of what is read.
    pub(crate) deck: Rc<Deck>,
    /// Whether the source was asked for an event.
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
    pub(crate) fn new(origin: Origin) -> Self {
        Self::build(origin, |builder| builder)
    }

    /// Creates an inspector whose builder `set` completes.
    pub(crate) fn build(
        origin: Origin,
        set: impl FnOnce(sinsp::InspectorBuilder<Tee>) -> sinsp::InspectorBuilder<Tee>,
    ) -> Self {
        let (tee, deck) = Tee::new(origin);
        let inner = Box::new(set(sinsp::Inspector::builder(tee)).build());
        Self { current: None, generation: 0, arena: Bump::new(), inner, deck, started: false }
    }

    /// The inspector, in order to change it: the current event borrows from it, so that is void.
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
    pub(crate) fn step(&mut self) -> Result<Status, Fault> {
        self.started = true;
        self.change();
        loop {
            match self.inner.next() {
                Ok(sinsp::Next::Event(event)) => {
                    // SAFETY: the event borrows from `*self.inner`, which lives in a box of its own and so stays where
                    // it is. It is only changed through `change`, which clears `current`, and dropped after it.
                    self.current =
                        Some(unsafe { std::mem::transmute::<sinsp::Event<'_>, sinsp::Event<'static>>(event) });
                    return Ok(Status::Ok);
                }
                Ok(sinsp::Next::Hidden) => {}
                Ok(sinsp::Next::Idle) => return Ok(Status::Idle),
                Ok(sinsp::Next::End) => return Ok(Status::End),
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// The current event, lent as long as the inspector is.
    #[inline]
    pub(crate) fn current(&self) -> Option<&sinsp::Event<'_>> {
        self.current.as_ref()
    }

    pub(crate) fn state(&self) -> &sinsp::state::State {
        self.inner.state()
    }

    /// The machine as the source tells of it, before the first event was asked for.
    pub(crate) fn untouched_host(&self) -> Option<&HostState> {
        (!self.started).then(|| self.inner.source().host())
    }

    pub(crate) fn stats(&self) -> scap::SourceStats {
        self.inner.stats()
    }
}

/// Opens a capture file, compressed or not, of any version, and reads the state that it begins with.
///
/// @param path the file's name, UTF-8
/// @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK, _IO if the file cannot be read, _FORMAT if it is no capture
///
/// # Safety
/// `path` is NULL or ended by a NUL; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_file(path: *const c_char, out: *mut *mut Inspector) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let path = unsafe { text(path, "path") }?;
        let reader = Reader::open(path)?;
        // SAFETY: by the caller's word.
        unsafe { give(Inspector::new(Origin::File(reader)), out) }?;
        Ok(Status::Ok)
    })
}

/// Opens a capture that is in memory. The bytes are copied.
///
/// @param data the first byte of the capture
/// @param len  how many bytes
/// @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK, _FORMAT if it is no capture
///
/// # Safety
/// `data` is NULL or valid for reading `len` bytes; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_memory(
    data: *const u8,
    len: usize,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let data = unsafe { bytes(data, len, "data") }?;
        let reader = Reader::new(Cursor::new(data.to_vec()))?;
        // SAFETY: by the caller's word.
        unsafe { give(Inspector::new(Origin::Other(Box::new(reader))), out) }?;
        Ok(Status::Ok)
    })
}

/// Moves to the next event. The event before, and all that was lent with it, is void from here on.
///
/// @param inspector the inspector
/// @param out       receives the event, lent until the next call
/// @return PEREGRINE_STATUS_OK; _END when there is no more; _IDLE when a live source has nothing just now; an error
///         when the source is broken, after which every further call gives _END
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_next(inspector: *mut Inspector, out: *mut Event) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inner = unsafe { unique(inspector) }?;
        if out.is_null() {
            return Err(Fault::null("the out-parameter"));
        }
        let status = inner.step()?;
        if status == Status::Ok {
            // SAFETY: by the caller's word.
            unsafe { write(out, Event { inspector, generation: inner.generation }) }?;
        }
        Ok(status)
    })
}

/// How far a capture file was read.
///
/// @param inspector the inspector
/// @param position  receives the bytes read so far
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
        // SAFETY: by the caller's word.
        let inner = unsafe { shared(inspector) }?;
        let Some((done, whole)) = inner.inner.source().progress() else { return Ok(Status::Missing) };
        if position.is_null() || size.is_null() {
            return Err(Fault::null("an out-parameter"));
        }
        // SAFETY: by the caller's word.
        unsafe { handle::write(position, done) }?;
        // SAFETY: by the caller's word.
        unsafe { handle::write(size, whole) }?;
        Ok(Status::Ok)
    })
}

/// Gives an inspector back. NULL is fine. Its events, and all that was lent with them, are void.
///
/// # Safety
/// `inspector` is NULL or a live inspector that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_free(inspector: *mut Inspector) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(inspector) }));
}
