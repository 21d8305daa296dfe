//! Recording: the events that an inspector reads are written to a capture file.
//!
//! The recording is between the source and the inspector, so that it gets the events that the inspector hides: without these
//! a reader could not follow the state of the recorded host. If only selected events are kept, each event is held back until
//! the next is read, because it is selected in between.

use std::cell::{Cell, RefCell};
use std::ffi::c_char;
use std::fs::File;
use std::rc::Rc;

use scap::savefile::{Compression, Writer};
use scap::schema::EventFlags;
use scap::{Event as RawEvent, EventBuilder, HostState, Next, Source, SourceStats};

use crate::error::Error;
use crate::event::Event;
use crate::guard::call;
use crate::handle::{borrow_mut, text};
use crate::inspector::Inspector;
use crate::origin::Origin;
use crate::sized::{Input, grows, read};
use crate::status::Status;

/// Options of a recording. Set `size` to `sizeof(peregrine_recording_options)` and everything else to zero for the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RecordingOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Compress the file with gzip.
    pub gzip: bool,
    /// Keep only the events that peregrine_event_record() selects, and those that change the state, which are marked so
    /// that readers apply but do not show them. Otherwise every event is kept.
    pub selected_only: bool,
}
grows!(RecordingOptions, "peregrine_recording_options", selected_only);
// SAFETY: false is valid.
unsafe impl Input for RecordingOptions {}

/// An active recording.
struct Recording {
    writer: Writer<File>,
    selected_only: bool,
    /// The event that was read last and is not written yet, if only selected events are kept.
    held: Option<Held>,
    /// Whether that event was selected.
    keep: bool,
    marked: EventBuilder,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    cpu: u16,
    flags: u32,
}

/// The recording that the inspector shares with its source, if there is one.
#[derive(Default)]
pub(crate) struct Recorder {
    /// Whether there is one: the only cost of an event without a recording.
    on: Cell<bool>,
    /// Whether the source has restarted and the new state is not recorded yet: it can only be read while no event of the
    /// source is borrowed.
    restarted: Cell<bool>,
    active: RefCell<Option<Recording>>,
    /// The error that ended it early.
    error: RefCell<Option<Error>>,
}

impl Recording {
    fn event(&mut self, event: &RawEvent<'_>) -> scap::Result<()> {
        if !self.selected_only {
            return self.writer.write(event);
        }
        self.settle()?;
        let mut held = self.held.take().unwrap_or_default();
        held.bytes.clear();
        held.bytes.extend_from_slice(event.bytes());
        (held.cpu, held.flags) = (event.cpu(), event.flags());
        self.held = Some(held);
        Ok(())
    }

    /// Writes the event that was held back.
    fn settle(&mut self) -> scap::Result<()> {
        let keep = std::mem::take(&mut self.keep);
        let Some(held) = &self.held else { return Ok(()) };
        // It was a valid event when it was read.
        let Ok(event) = RawEvent::parse(held.cpu, held.flags, &held.bytes) else { return Ok(()) };
        if keep {
            return self.writer.write(&event);
        }
        if event.info().is_some_and(|info| !info.flags.contains(EventFlags::MODIFIES_STATE)) {
            return Ok(());
        }
        self.marked.start(event.code()).ts(event.ts()).tid(event.tid()).cpu(event.cpu());
        self.marked.flags(event.flags() | RawEvent::STATE_ONLY);
        for value in event.raws() {
            self.marked.raw(value);
        }
        // An event that the current schema cannot express does not change the state either.
        let Ok(marked) = self.marked.finish() else { return Ok(()) };
        self.writer.write(&marked)
    }

    fn restart(&mut self, host: &HostState) -> scap::Result<()> {
        self.settle()?;
        self.held = None;
        self.writer.restart(host)
    }

    fn end(mut self) -> Result<u64, Error> {
        self.settle()?;
        let events = self.writer.events();
        self.writer.finish()?;
        Ok(events)
    }
}

impl Recorder {
    /// Returns an error if a recording is active.
    fn is_free(&self) -> Result<(), Error> {
        if self.on.get() || self.error.borrow().is_some() {
            return Err(Error::new(Status::InvalidArgument, "a recording is active; stop it first"));
        }
        Ok(())
    }

    fn begin(&self, recording: Recording) {
        *self.active.borrow_mut() = Some(recording);
        self.on.set(true);
        self.restarted.set(false);
    }

    /// Runs an action on the recording. If it fails, the recording ends; the events go on.
    fn with(&self, act: impl FnOnce(&mut Recording) -> scap::Result<()>) {
        let mut active = self.active.borrow_mut();
        if let Some(recording) = &mut *active
            && let Err(error) = act(recording)
        {
            tracing::error!("recording stopped: {error}");
            *self.error.borrow_mut() = Some(error.into());
            *active = None;
            self.on.set(false);
        }
    }

    #[cold]
    fn event(&self, cpu: u16, flags: u32, bytes: &[u8]) {
        // It is a valid event of the source.
        if let Ok(event) = RawEvent::parse(cpu, flags, bytes) {
            self.with(|recording| recording.event(&event));
        }
    }

    /// Writes the state that a source restarted with.
    #[cold]
    fn restart(&self, host: &HostState) {
        self.restarted.set(false);
        self.with(|recording| recording.restart(host));
    }

    fn select(&self) -> Result<(), Error> {
        if let Some(error) = self.error.borrow().as_ref() {
            return Err(error.clone());
        }
        match &mut *self.active.borrow_mut() {
            Some(recording) if recording.held.is_some() => {
                recording.keep = true;
                Ok(())
            }
            // Every event is kept.
            Some(recording) if !recording.selected_only => Ok(()),
            Some(_) => Err(Error::new(Status::InvalidArgument, "the event was read before the recording started")),
            None => Err(Error::new(Status::InvalidArgument, "no recording is active")),
        }
    }

    fn end(&self) -> Result<u64, Error> {
        self.on.set(false);
        let recording = self.active.borrow_mut().take();
        if let Some(error) = self.error.borrow_mut().take() {
            return Err(error);
        }
        recording.ok_or_else(|| Error::new(Status::InvalidArgument, "no recording is active"))?.end()
    }
}

/// A source whose events are recorded as they are read.
pub(crate) struct Tee {
    origin: Origin,
    recorder: Rc<Recorder>,
}

impl Tee {
    pub(crate) fn new(origin: Origin) -> (Self, Rc<Recorder>) {
        let recorder = Rc::<Recorder>::default();
        (Self { origin, recorder: Rc::clone(&recorder) }, recorder)
    }

    /// Returns the error that a callback ended the source with.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.origin.failure()
    }
}

impl Source for Tee {
    #[inline(always)]
    fn next(&mut self) -> scap::Result<Next<'_>> {
        // Read once: neither starts nor stops while an event is read.
        let on = self.recorder.on.get();
        if on && self.recorder.restarted.get() {
            self.recorder.restart(self.origin.host());
        }
        // Matched by value, never by reference, so that without a recording the event stays in registers.
        match self.origin.next() {
            Ok(Next::Event(event)) => {
                if on {
                    self.recorder.event(event.cpu(), event.flags(), event.bytes());
                }
                Ok(Next::Event(event))
            }
            Ok(Next::Restart) => {
                self.recorder.restarted.set(on);
                Ok(Next::Restart)
            }
            Ok(Next::Idle) => Ok(Next::Idle),
            Ok(Next::End) => Ok(Next::End),
            Err(error) => Err(error),
        }
    }

    fn host(&self) -> &HostState {
        self.origin.host()
    }

    fn stats(&self) -> SourceStats {
        self.origin.stats()
    }

    fn is_live(&self) -> bool {
        self.origin.is_live()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.origin.progress()
    }
}

/// Starts to record what an inspector reads: the current state of the host, then every event from the next one on, shown or
/// not. If writing fails later, the recording ends and the events go on; peregrine_inspector_stop_recording() returns the
/// error.
///
/// @param inspector the inspector
/// @param path      the file to create, UTF-8
/// @param options   options; NULL for all events, not compressed
/// @return PEREGRINE_STATUS_OK, _IO if the file cannot be written, _INVALID_ARGUMENT if a recording is active
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `path` is NULL or NUL-terminated; `options` is NULL
/// or valid for reading the number of bytes that its `size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_start_recording(
    inspector: *mut Inspector,
    path: *const c_char,
    options: *const RecordingOptions,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow_mut(inspector) }?;
        // SAFETY: guaranteed by the caller.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: guaranteed by the caller.
        let options = unsafe { read(options) }?;
        let (gzip, selected_only) = options.map_or((false, false), |options| (options.gzip, options.selected_only));
        inspector.recorder.is_free()?;
        let compression = if gzip { Compression::Gzip } else { Compression::Plain };
        let mut writer = match inspector.untouched_host() {
            // Before the first event the source has more than the state keeps.
            Some(host) => Writer::create(path, host, compression)?,
            None => Writer::create(path, &inspector.state().export(), compression)?,
        };
        let now = inspector.current().map_or(0, sinsp::Event::ts);
        inspector.state().export_users(now, |user| writer.write(user))?;
        inspector.recorder.begin(Recording {
            writer,
            selected_only,
            held: None,
            keep: false,
            marked: EventBuilder::new(),
        });
        Ok(Status::Ok)
    })
}

/// Selects an event for a recording with `selected_only`.
///
/// @param event the event
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if no recording has this event; the error that ended the recording, if one did
///
/// # Safety
/// The inspector of the event is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_record(event: Event) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (inspector, _) = unsafe { event.look() }?;
        inspector.recorder.select()?;
        Ok(Status::Ok)
    })
}

/// Stops a recording and completes its file. Freeing an inspector stops its recording too, but reports no error.
///
/// @param inspector the inspector
/// @param events    receives the number of events written; may be NULL
/// @return PEREGRINE_STATUS_OK; _IO if something could not be written; _INVALID_ARGUMENT if no recording is active
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `events` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_stop_recording(inspector: *mut Inspector, events: *mut u64) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let written = unsafe { borrow_mut(inspector) }?.recorder.end()?;
        // SAFETY: guaranteed by the caller.
        if let Some(events) = unsafe { events.as_mut() } {
            *events = written;
        }
        Ok(Status::Ok)
    })
}
