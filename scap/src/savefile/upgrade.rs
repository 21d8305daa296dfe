//! Upgrades events of older drivers to the current schema.
//!
//! The rules are in the table of [`schema::upgrade`](crate::schema); this module applies them. Current events, that is
//! all events of new captures, cost one look-up in a small table.

use super::entries::Entries;
use crate::event::{Event, EventBuilder, EventError};
use crate::schema::upgrade::{Action, Row, Take, is_dropped, row};
use crate::schema::wire::wire;
use crate::schema::{EventCode, ParamInfo, ParamType};

/// The maximum length of an event to be upgraded, which is the maximum that a driver could send. The result may be a
/// little longer.
const MAX_LEN: usize = 65_536;

/// The maximum number of rounds through the table; more means an error in the table. The longest path today is 12.
const MAX_ROUNDS: usize = 50;

/// The reason why an event cannot be upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// A number of parameters that no driver ever sent with this code.
    #[error(
        "Required conversion for event (type: {}, nparams: {nparams}), but we don't handle it in the table.", code.0
    )]
    NoRow {
        /// The code.
        code: EventCode,
        /// The number of parameters.
        nparams: usize,
    },
    /// An event that is longer than any driver could have sent it.
    #[error("invalid event: len {0} is larger than the maximum event size 65536")]
    TooLong(usize),
    /// An upgraded event that is not valid.
    #[error("invalid event: {0}")]
    Event(#[from] EventError),
}

/// The result of [`Upgrade::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgraded {
    /// The event is current already.
    Same,
    /// The event was changed: see [`Upgrade::event`].
    Changed,
    /// The event is not to be delivered: it was stored for the exit of its call, or carries no information.
    Dropped,
}

/// Upgrades the events of one capture, which must pass in order: the enter event of a call is stored for its thread
/// until the exit. The memory is bounded.
///
/// ```
/// use peregrine_scap::savefile::{Upgrade, Upgraded};
/// use peregrine_scap::{EventBuilder, EventCode};
///
/// let mut upgrade = Upgrade::new();
/// let mut builder = EventBuilder::new();
///
/// let enter = builder.start(EventCode::CLOSE_E).tid(42).i64(3).finish()?;
/// assert_eq!(upgrade.apply(&enter)?, Upgraded::Dropped);
///
/// let exit = builder.start(EventCode::CLOSE_X).tid(42).i64(0).finish()?;
/// assert_eq!(upgrade.apply(&exit)?, Upgraded::Changed);
/// assert_eq!(upgrade.event()?.param(1).and_then(|fd| fd.i64()), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Upgrade {
    entries: Entries,
    /// The event so far, and the one being built from it.
    made: EventBuilder,
    making: EventBuilder,
}

impl Upgrade {
    /// Creates an upgrade without stored entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether events of this code with this number of parameters are current. Additional parameters come from
    /// a newer driver and do not require an upgrade.
    #[inline]
    pub fn is_current(code: EventCode, nparams: u32) -> bool {
        nparams >= u32::from(wire(code).current_from) && wire(code).current_from != u8::MAX
    }

    /// Upgrades or stores one event.
    ///
    /// # Errors
    /// If it has an old code but a shape that no driver ever sent. Codes of newer drivers are left unchanged.
    pub fn apply(&mut self, event: &Event<'_>) -> Result<Upgraded, UpgradeError> {
        if event.info().is_none() || Self::is_current(event.code(), event.nparams() as u32) {
            return Ok(Upgraded::Same);
        }
        let mut done = round(event, &mut self.entries, &mut self.making)?;
        for _ in 0..MAX_ROUNDS {
            match done {
                Round::Passed => return Ok(Upgraded::Same),
                Round::Dropped => return Ok(Upgraded::Dropped),
                Round::Made => std::mem::swap(&mut self.made, &mut self.making),
            }
            let event = self.made.event()?;
            if Self::is_current(event.code(), event.nparams() as u32) {
                return Ok(Upgraded::Changed);
            }
            done = match round(&event, &mut self.entries, &mut self.making)? {
                // The event built so far is delivered.
                Round::Passed => return Ok(Upgraded::Changed),
                done => done,
            };
        }
        Err(UpgradeError::NoRow { code: event.code(), nparams: event.nparams() })
    }

    /// Returns the event that the last call with the result [`Changed`](Upgraded::Changed) built.
    ///
    /// # Errors
    /// If there was none.
    pub fn event(&self) -> Result<Event<'_>, EventError> {
        self.made.event()
    }

    /// Returns the bytes of [`event`](Self::event).
    pub(super) fn bytes(&self) -> &[u8] {
        self.made.bytes()
    }

    /// Forgets all stored entries, as at the start of a new section.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// The result of one row.
enum Round {
    Passed,
    Dropped,
    Made,
}

/// Applies one row.
fn round(event: &Event<'_>, entries: &mut Entries, making: &mut EventBuilder) -> Result<Round, UpgradeError> {
    let (code, nparams) = (event.code(), event.nparams());
    if is_dropped(code) {
        return Ok(Round::Dropped);
    }
    if event.bytes().len() > MAX_LEN {
        return Err(UpgradeError::TooLong(event.bytes().len()));
    }
    let Some(row) = row(code, nparams) else { return Err(UpgradeError::NoRow { code, nparams }) };
    match row.action {
        Action::Pass => return Ok(Round::Passed),
        Action::Store => {
            entries.store(event);
            return Ok(Round::Dropped);
        }
        Action::StoreAndPass => {
            entries.store(event);
            return Ok(Round::Passed);
        }
        Action::Add(takes) => {
            start(making, code, event);
            for value in event.raws() {
                making.raw(value);
            }
            make(row, takes, event, entries, making);
        }
        Action::Become(target, takes) => {
            start(making, target, event);
            make(row, takes, event, entries, making);
        }
    }
    making.finish()?;
    Ok(Round::Made)
}

fn start(making: &mut EventBuilder, code: EventCode, event: &Event<'_>) {
    making.start(code).ts(event.ts()).tid(event.tid()).cpu(event.cpu()).flags(event.flags());
}

/// Pushes the parameters of the row. An entry that was used is released.
fn make(row: &Row, takes: &[Take], event: &Event<'_>, entries: &mut Entries, making: &mut EventBuilder) {
    let mut entry_used = false;
    let target = making.code().info().map_or(&[][..], |info| info.params);
    // An entry of another call does not belong to this exit: the right one was lost.
    let entry = entries.find(event.tid()).filter(|entry| entry.code().0 + 1 == row.code.0);
    for take in takes {
        let info = target.get(making.nparams());
        match *take {
            Take::Old(index) => push(making, info, event.raw(usize::from(index))),
            Take::Olds(first, last) => {
                for index in first..=last {
                    let info = target.get(making.nparams());
                    push(making, info, event.raw(usize::from(index)));
                }
            }
            Take::Enter(index) | Take::MaybeEnter(index) => {
                match entry.and_then(|entry| entry.raw(usize::from(index))) {
                    Some(value) => {
                        entry_used = true;
                        push(making, info, Some(value));
                    }
                    None if matches!(take, Take::Enter(_)) => push_zero(making, info),
                    None => push(making, info, None),
                }
            }
            Take::Zero => push_zero(making, info),
            Take::Unknown(count) => {
                for _ in 0..count {
                    making.empty();
                }
            }
            Take::ContainerJson => push_container_json(event, making),
        }
    }
    if entry_used {
        entries.release(event.tid());
    }
}

/// Pushes a value, cut to the maximum length of its new type.
fn push(making: &mut EventBuilder, info: Option<&ParamInfo>, value: Option<&[u8]>) {
    let value = value.unwrap_or_default();
    let max = match info {
        Some(info) if !info.ty.is_variable() => info.ty.min_len(),
        _ => usize::from(u16::MAX),
    };
    making.raw(value.get(..max).unwrap_or(value));
}

fn push_zero(making: &mut EventBuilder, info: Option<&ParamInfo>) {
    const ZEROS: [u8; 32] = [0; 32];
    match info.map(|info| info.ty) {
        Some(ParamType::Uid | ParamType::Gid) => making.u32(u32::MAX),
        Some(ty) => making.raw(ZEROS.get(..ty.min_len()).unwrap_or_default()),
        None => making.empty(),
    };
}

/// Pushes the four parameters of the first container events as the JSON text of the later ones.
fn push_container_json(event: &Event<'_>, making: &mut EventBuilder) {
    let text = |index| {
        let value = event.raw(index).unwrap_or_default();
        json_escaped(value.strip_suffix(&[0]).unwrap_or(value))
    };
    let ty = event.raw(1).and_then(|value| value.first_chunk()).map_or(0, |value| u32::from_le_bytes(*value));
    let (id, name, image) = (text(0), text(2), text(3));
    let json = [
        &b"{\"id\":\""[..],
        &id,
        b"\",\"type\":",
        ty.to_string().as_bytes(),
        b",\"name\":\"",
        &name,
        b"\",\"image\":\"",
        &image,
        b"\"}",
    ]
    .concat();
    making.text(json);
}

fn json_escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' | b'\\' => escaped.extend([b'\\', *byte]),
            0..=0x1f => escaped.extend(format!("\\u{byte:04x}").bytes()),
            _ => escaped.push(*byte),
        }
    }
    escaped
}
