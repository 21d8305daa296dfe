//! Lifts events of older drivers to today's schema.
//!
//! What becomes of which event stands in the table of [`schema::upgrade`](crate::schema); this is the machine that
//! applies it. Events that are current, that is all events of today's captures, cost one look into a small table.

use super::entries::Entries;
use crate::event::{Event, EventBuilder, EventError};
use crate::schema::upgrade::{Action, Row, Take, is_dropped, row};
use crate::schema::wire::wire;
use crate::schema::{EventCode, ParamInfo, ParamType};

/// No event that has to be lifted is longer than a driver could send. What it becomes may be a little longer.
const MAX_LEN: usize = 65_536;

/// Rounds through the table after which something is wrong with the table. The longest way today is 12.
const MAX_ROUNDS: usize = 50;

/// Why an event cannot be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// No driver ever sent this code with so many parameters.
    #[error(
        "Required conversion for event (type: {}, nparams: {nparams}), but we don't handle it in the table.", code.0
    )]
    NoRow {
        /// The code.
        code: EventCode,
        /// How many parameters.
        nparams: usize,
    },
    /// The event is longer than any driver could have sent it.
    #[error("invalid event: len {0} is larger than the maximum event size 65536")]
    TooLong(usize),
    /// The lifted event does not hold together.
    #[error("invalid event: {0}")]
    Event(#[from] EventError),
}

/// What [`Upgrade::apply`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgraded {
    /// The event is current as it stands.
    Same,
    /// The event has become another one: [`Upgrade::event`].
    Changed,
    /// The event is not to be delivered: it was stored for the exit of its call, or says nothing.
    Dropped,
}

/// Lifts the events of one capture, which must pass in order: the entry of a call is kept for its thread until the
/// exit. What is kept is bounded.
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
    /// The event so far, and the one that is being made of it.
    made: EventBuilder,
    making: EventBuilder,
}

impl Upgrade {
    /// Nothing stored yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether events of this code with so many parameters are current as they stand. More parameters than the schema
    /// has come from a newer driver and are no reason to change an event.
    #[inline]
    pub fn is_current(code: EventCode, nparams: u32) -> bool {
        nparams >= u32::from(wire(code).current_from) && wire(code).current_from != u8::MAX
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// If it is of an old code but not of a shape that any driver ever sent. Codes of newer drivers are left as they are.
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
                // What was made of the event is passed on.
                Round::Passed => return Ok(Upgraded::Changed),
                done => done,
            };
        }
        Err(UpgradeError::NoRow { code: event.code(), nparams: event.nparams() })
    }

    /// The event that the last [`Changed`](Upgraded::Changed) one has become.
    ///
    /// # Errors
    /// If there was none.
    pub fn event(&self) -> Result<Event<'_>, EventError> {
        self.made.event()
    }

    /// The bytes of [`event`](Self::event).
    pub(super) fn bytes(&self) -> &[u8] {
        self.made.bytes()
    }

    /// Forgets all stored entries, as when a new section begins.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// What one row did.
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

/// Pushes what the row says. An entry that was asked for and found has served its purpose.
fn make(row: &Row, takes: &[Take], event: &Event<'_>, entries: &mut Entries, making: &mut EventBuilder) {
    let mut entry_used = false;
    let target = making.code().info().map_or(&[][..], |info| info.params);
    // An entry of another call says nothing of this one: the right one was lost.
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

/// Pushes a value, cut to what its new type can hold.
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

/// The four parameters of the first container events, as the JSON text of those that came after.
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
