//! A source of the caller's own: events from a callback.

use std::ffi::c_void;

use scap::savefile::{Upgrade, Upgraded};
use scap::source::Drop as Lost;
use scap::{Event as ScapEvent, HostState, Next, Result, Source, SourceStats, procfs};

use crate::error::Error;
use crate::event::Event;
use crate::guard::call;
use crate::handle::{borrow, give, slice};
use crate::inspector::Inspector;
use crate::options::{InspectorOptions, Setup};
use crate::origin::Origin;
use crate::sized::{Input, fill, grows, read};
use crate::status::Status;

/// An event as a driver writes it: header, lengths of the parameters, parameters. Set `size` to
/// `sizeof(peregrine_raw_event)` before peregrine_event_raw(); the library sets it before peregrine_next_callback.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RawEvent {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The first byte of the event.
    pub data: *const u8,
    /// The number of bytes.
    pub len: usize,
    /// Flags of the event block; 1 marks an event that only changes the state and is not shown.
    pub flags: u32,
    /// The CPU that the event came from.
    pub cpu: u16,
}
grows!(RawEvent, "peregrine_raw_event", cpu);

/// Returns the raw bytes of an event, for instance to send them to another host. They are what peregrine_next_callback
/// returns there.
///
/// @param event the event
/// @param out   receives the bytes, valid until the next event is requested; set its `size` first
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// The inspector of the event is alive; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_event_raw(event: Event, out: *mut RawEvent) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let (_, inner) = unsafe { event.look() }?;
        let raw = inner.raw();
        let bytes = raw.bytes();
        let raw = RawEvent {
            size: size_of::<RawEvent>(),
            data: bytes.as_ptr(),
            len: bytes.len(),
            flags: raw.flags(),
            cpu: raw.cpu(),
        };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &raw) }?;
        Ok(Status::Ok)
    })
}

/// Returns the next event of a source: a peregrine_status. PEREGRINE_STATUS_OK with `event` filled in; _END at the end;
/// _IDLE if there is no event at the moment; any other status is an error that ends the source and that
/// peregrine_inspector_next() returns. The bytes of the event must stay valid until the next call or until the inspector is
/// freed. Called from peregrine_inspector_next(); must not use that inspector and must not throw.
pub type NextCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, event: *mut RawEvent) -> i32>;

/// Returns the number of events that a source has lost so far.
pub type DroppedCallback = Option<unsafe extern "C" fn(userdata: *mut c_void) -> u64>;

/// Releases the `userdata` of a source.
pub type ReleaseCallback = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// A source of events of the caller's own. Set `size` to `sizeof(peregrine_callback_source)` and unused members to zero.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct CallbackSource {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Returns the next event. Required.
    pub next: NextCallback,
    /// The number of lost events, reported by peregrine_inspector_get_stats(); NULL if the source loses none.
    pub dropped: DroppedCallback,
    /// Called once with `userdata` when the inspector is freed, or when it cannot be opened; NULL for nothing to release.
    pub release: ReleaseCallback,
    /// Passed to the callbacks.
    pub userdata: *mut c_void,
    /// An inspector whose state the new one starts with. It is copied during the call. NULL: no threads are known.
    pub initial_state: *const Inspector,
    /// Start with the processes in `/proc` under `host_root` of the options instead.
    pub scan_proc: bool,
    /// Events come from this host as it runs: exited threads are swept, and `host_root` is `/` by default.
    pub live: bool,
}
grows!(CallbackSource, "peregrine_callback_source", live);
// SAFETY: NULL and false are valid.
unsafe impl Input for CallbackSource {}

/// A [`CallbackSource`] as a [`Source`].
pub(crate) struct Callbacks {
    raw: CallbackSource,
    host: HostState,
    upgrade: Upgrade,
    seen: u64,
    delivered: u64,
    ended: bool,
    /// The error that the callback returned.
    failure: Option<Error>,
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        if let Some(release) = self.raw.release {
            // SAFETY: guaranteed by the caller of peregrine_inspector_open_callback; called once.
            unsafe { release(self.raw.userdata) };
        }
    }
}

impl Callbacks {
    /// Returns the error that the callback returned, if one ended the source.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.clone()
    }

    /// Calls back for an event; returns `None`, or what there is in its place.
    fn pull(&mut self, raw: &mut RawEvent) -> Result<Option<Next<'static>>> {
        let number = match self.raw.next {
            // SAFETY: guaranteed by the caller of peregrine_inspector_open_callback.
            Some(next) => unsafe { next(self.raw.userdata, raw) },
            None => Status::End as i32,
        };
        match Status::from_number(number) {
            Some(Status::Ok) => Ok(None),
            Some(Status::Idle) => Ok(Some(Next::Idle)),
            Some(Status::End) => {
                self.ended = true;
                Ok(Some(Next::End))
            }
            other => {
                self.ended = true;
                let status = other.filter(|status| *status != Status::Missing).unwrap_or(Status::InvalidArgument);
                let message = format!("the callback of the source returned {number}");
                self.failure = Some(Error::new(status, message.clone()));
                Err(scap::Error::Unsupported(message))
            }
        }
    }

    /// Ends the source with an error.
    #[cold]
    fn broken<T>(&mut self, error: impl Into<scap::Error>) -> Result<T> {
        self.ended = true;
        Err(error.into())
    }
}

impl Source for Callbacks {
    fn next(&mut self) -> Result<Next<'_>> {
        while !self.ended {
            let mut raw = RawEvent { size: size_of::<RawEvent>(), data: std::ptr::null(), len: 0, flags: 0, cpu: 0 };
            if let Some(other) = self.pull(&mut raw)? {
                return Ok(other);
            }
            // SAFETY: the callback guarantees that the bytes are valid until its next call.
            let Ok(bytes) = (unsafe { slice(raw.data, raw.len, "data of peregrine_raw_event") }) else {
                return self.broken(scap::Error::Unsupported("data of peregrine_raw_event is NULL".to_owned()));
            };
            let event = match ScapEvent::parse(raw.cpu, raw.flags, bytes) {
                Ok(event) => event,
                Err(error) => return self.broken(error),
            };
            self.seen += 1;
            match self.upgrade.apply(&event) {
                Ok(Upgraded::Same) => {
                    self.delivered += 1;
                    return Ok(Next::Event(event));
                }
                Ok(Upgraded::Dropped) => {}
                Ok(Upgraded::Changed) => {
                    self.delivered += 1;
                    return Ok(Next::Event(self.upgrade.event()?));
                }
                Err(error) => return self.broken(scap::Error::format(error.to_string(), 0)),
            }
        }
        Ok(Next::End)
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        // SAFETY: guaranteed by the caller of peregrine_inspector_open_callback.
        let lost = self.raw.dropped.map_or(0, |dropped| unsafe { dropped(self.raw.userdata) });
        let drops = (lost > 0).then_some(Lost { cause: "source", family: "", count: lost });
        SourceStats {
            seen: self.seen + lost,
            delivered: self.delivered,
            drops: drops.into_iter().collect(),
            unknown: 0,
        }
    }

    fn is_live(&self) -> bool {
        self.raw.live
    }
}

/// Opens a source of the caller's own, for instance events that come over the network or from another driver.
///
/// @param source  the callbacks; see peregrine_callback_source
/// @param options limits and other options; NULL for the defaults
/// @param out     receives an inspector that the caller owns and frees with peregrine_inspector_free()
/// @return PEREGRINE_STATUS_OK; _NULL_POINTER if `next` is NULL; _IO if `/proc` cannot be read
///
/// # Safety
/// `source` is NULL or valid for reading; its callbacks may be called with its `userdata` by the thread that uses the
/// inspector, and `initial_state` is NULL or a live inspector; `options` is NULL or valid, with everything that it points
/// at; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_open_callback(
    source: *const CallbackSource,
    options: *const InspectorOptions,
    out: *mut *mut Inspector,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let raw = unsafe { read(source) }?.ok_or_else(|| Error::null("source"))?;
        let mut callbacks = Callbacks {
            raw,
            host: HostState::default(),
            upgrade: Upgrade::new(),
            seen: 0,
            delivered: 0,
            ended: false,
            failure: None,
        };
        if raw.next.is_none() {
            return Err(Error::null("next of peregrine_callback_source"));
        }
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        // SAFETY: guaranteed by the caller.
        let mut setup = unsafe { Setup::read(options, raw.live) }?;
        if raw.live {
            setup.host_root.get_or_insert_with(|| "/".into());
        }
        if raw.scan_proc {
            let root = setup.host_root.as_deref().unwrap_or(std::path::Path::new("/"));
            callbacks.host = procfs::scan(root, &procfs::Config::default())?.host;
        } else if !raw.initial_state.is_null() {
            // SAFETY: guaranteed by the caller.
            let initial = unsafe { borrow(raw.initial_state) }?;
            callbacks.host = initial.untouched_host().cloned().unwrap_or_else(|| initial.state().export());
        }
        // SAFETY: guaranteed by the caller.
        unsafe { give(Inspector::new(Origin::Callbacks(Box::new(callbacks)), setup), out) }?;
        Ok(Status::Ok)
    })
}
