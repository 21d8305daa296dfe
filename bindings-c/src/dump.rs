//! Recording: what an inspector reads goes to a capture as well.
//!
//! The recording sits between the source and the inspector, so that it sees what the inspector hides: without these
//! events the state of the recorded machine could not be followed. Where only chosen events are kept, one event is held
//! back until the next is read, for the choice comes in between.

use std::cell::{Cell, RefCell};
use std::ffi::c_char;
use std::fs::File;
use std::rc::Rc;

use scap::savefile::{Compression, Writer};
use scap::schema::EventFlags;
use scap::{Event as RawEvent, EventBuilder, HostState, Next, Source, SourceStats};

use crate::error::Fault;
use crate::event::Event;
use crate::guard::call;
use crate::handle::{text, unique};
use crate::inspector::Inspector;
use crate::origin::Origin;
use crate::sized::{Input, given, grows};
use crate::status::Status;

/// How a recording is made. Set `size` to `sizeof(peregrine_dump_options)` and the rest to zero for the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DumpOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The file is compressed with gzip.
    pub gzip: bool,
    /// Only events that peregrine_event_dump() chooses are kept as they are; of the others, those that change the state
    /// are kept too, marked so that readers apply and do not show them. Else every event is kept.
    pub chosen: bool,
}
grows!(DumpOptions, "peregrine_dump_options", chosen);
// SAFETY: false is what it is.
unsafe impl Input for DumpOptions {}

/// A recording at work.
struct Dump {
    writer: Writer<File>,
    chosen: bool,
    /// The event that was read last and is not written yet, where events are chosen.
    held: Option<Held>,
    /// Whether that event was chosen.
    keep: bool,
    marked: EventBuilder,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    cpu: u16,
    flags: u32,
}

/// What the inspector and its source share: the recording, if there is one.
#[derive(Default)]
pub(crate) struct Deck {
    /// Whether there is one: all that an event without a recording costs.
    on: Cell<bool>,
    /// Whether the source began anew and the recording does not have the new state yet: it can only be asked for when
    /// nothing of the source is lent.
    restarted: Cell<bool>,
    dump: RefCell<Option<Dump>>,
    /// Why it ended before its time.
    fault: RefCell<Option<Fault>>,
}

impl Dump {
    fn event(&mut self, event: &RawEvent<'_>) -> scap::Result<()> {
        if !self.chosen {
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

    /// Writes the event that was held back, as it was chosen or not.
    fn settle(&mut self) -> scap::Result<()> {
        let keep = std::mem::take(&mut self.keep);
        let Some(held) = &self.held else { return Ok(()) };
        // It was an event when it came.
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
        // What has no form in today's schema has no influence on the state either.
        let Ok(marked) = self.marked.finish() else { return Ok(()) };
        self.writer.write(&marked)
    }

    fn restart(&mut self, host: &HostState) -> scap::Result<()> {
        self.settle()?;
        self.held = None;
        self.writer.restart(host)
    }

    fn end(mut self) -> Result<u64, Fault> {
        self.settle()?;
        let events = self.writer.events();
        self.writer.finish()?;
        Ok(events)
    }
}

impl Deck {
    /// Whether a recording can begin.
    fn is_free(&self) -> Result<(), Fault> {
        if self.on.get() || self.fault.borrow().is_some() {
            return Err(Fault::new(Status::InvalidArgument, "there is a recording already; end it first"));
        }
        Ok(())
    }

    fn begin(&self, dump: Dump) {
        *self.dump.borrow_mut() = Some(dump);
        self.on.set(true);
        self.restarted.set(false);
    }

    /// Does something with the recording. If that fails, the recording is over; the events go on.
    fn with(&self, act: impl FnOnce(&mut Dump) -> scap::Result<()>) {
        let mut dump = self.dump.borrow_mut();
        if let Some(at_work) = &mut *dump
            && let Err(fault) = act(at_work)
        {
            tracing::error!("the recording ends here: {fault}");
            *self.fault.borrow_mut() = Some(fault.into());
            *dump = None;
            self.on.set(false);
        }
    }

    #[cold]
    fn event(&self, cpu: u16, flags: u32, bytes: &[u8]) {
        // It is an event where it comes from.
        if let Ok(event) = RawEvent::parse(cpu, flags, bytes) {
            self.with(|dump| dump.event(&event));
        }
    }

    /// Writes the state that a source began anew with.
    #[cold]
    fn restart(&self, host: &HostState) {
        self.restarted.set(false);
        self.with(|dump| dump.restart(host));
    }

    fn choose(&self) -> Result<(), Fault> {
        if let Some(fault) = self.fault.borrow().as_ref() {
            return Err(Fault::new(fault.status, fault.message.clone()));
        }
        match &mut *self.dump.borrow_mut() {
            Some(dump) if dump.held.is_some() => {
                dump.keep = true;
                Ok(())
            }
            // Every event is kept anyhow.
            Some(dump) if !dump.chosen => Ok(()),
            Some(_) => Err(Fault::new(Status::InvalidArgument, "the event was read before the recording began")),
            None => Err(Fault::new(Status::InvalidArgument, "there is no recording")),
        }
    }

    fn end(&self) -> Result<u64, Fault> {
        self.on.set(false);
        let dump = self.dump.borrow_mut().take();
        if let Some(fault) = self.fault.borrow_mut().take() {
            return Err(fault);
        }
        dump.ok_or_else(|| Fault::new(Status::InvalidArgument, "there is no recording"))?.end()
    }
}

/// A source whose events can be recorded as they are read.
pub(crate) struct Tee {
    origin: Origin,
    deck: Rc<Deck>,
}

impl Tee {
    pub(crate) fn new(origin: Origin) -> (Self, Rc<Deck>) {
        let deck = Rc::<Deck>::default();
        (Self { origin, deck: Rc::clone(&deck) }, deck)
    }
}

impl Source for Tee {
    #[inline]
    fn next(&mut self) -> scap::Result<Next<'_>> {
        if self.deck.restarted.get() {
            self.deck.restart(self.origin.host());
        }
        // Looked at at once, and never by reference, so that where there is no recording the event stays in registers.
        match self.origin.next() {
            Ok(Next::Event(event)) => {
                if self.deck.on.get() {
                    self.deck.event(event.cpu(), event.flags(), event.bytes());
                }
                Ok(Next::Event(event))
            }
            Ok(Next::Restart) => {
                self.deck.restarted.set(self.deck.on.get());
                Ok(Next::Restart)
            }
            Ok(Next::Idle) => Ok(Next::Idle),
            Ok(Next::End) => Ok(Next::End),
            Err(fault) => Err(fault),
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

/// Begins to record what an inspector reads: the state of the machine as it is now, then every event from the next one on,
/// shown or not. If writing fails later, the recording is over and the events go on; peregrine_inspector_dump_end() says why.
///
/// @param inspector the inspector
/// @param path      the file to create, UTF-8
/// @param options   how; NULL is all events, not compressed
/// @return PEREGRINE_STATUS_OK, _IO if the file cannot be written, _INVALID_ARGUMENT if there is a recording already
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `path` is NULL or ended by a NUL; `options` is NULL or
/// valid for reading as many bytes as its `size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_dump_begin(
    inspector: *mut Inspector,
    path: *const c_char,
    options: *const DumpOptions,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inspector = unsafe { unique(inspector) }?;
        // SAFETY: by the caller's word.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: by the caller's word.
        let options = unsafe { given(options) }?;
        let (gzip, chosen) = options.map_or((false, false), |options| (options.gzip, options.chosen));
        inspector.deck.is_free()?;
        let compression = if gzip { Compression::Gzip } else { Compression::Plain };
        let mut writer = match inspector.untouched_host() {
            // Before the first event the source knows best: some of it is not part of the state.
            Some(host) => Writer::create(path, host, compression)?,
            None => Writer::create(path, &inspector.state().export(), compression)?,
        };
        let now = inspector.current().map_or(0, sinsp::Event::ts);
        inspector.state().export_users(now, |user| writer.write(user))?;
        inspector.deck.begin(Dump { writer, chosen, held: None, keep: false, marked: EventBuilder::new() });
        Ok(Status::Ok)
    })
}

/// Chooses an event for the recording that was begun with `chosen`.
///
/// @param event the event
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if no recording saw this event; what made it end, if it ended
///
/// # Safety
/// The inspector of the event is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_dump(event: Event) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let (inspector, _) = unsafe { event.look() }?;
        inspector.deck.choose()?;
        Ok(Status::Ok)
    })
}

/// Ends a recording and completes its file. An inspector that is freed ends its recording too, but cannot say how that went.
///
/// @param inspector the inspector
/// @param events    receives how many events were written; may be NULL
/// @return PEREGRINE_STATUS_OK; _IO if something could not be written; _INVALID_ARGUMENT if there was no recording
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `events` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_dump_end(inspector: *mut Inspector, events: *mut u64) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let written = unsafe { unique(inspector) }?.deck.end()?;
        // SAFETY: by the caller's word.
        if let Some(events) = unsafe { events.as_mut() } {
            *events = written;
        }
        Ok(Status::Ok)
    })
}
