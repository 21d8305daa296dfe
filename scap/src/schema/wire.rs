//! Metadata for the check of an event header: four bytes per code, so that the whole table stays in the first-level
//! cache while events stream by.

use super::{EVENT_COUNT, EVENTS, EventCode, EventFlags};

/// The metadata of one code.
#[derive(Clone, Copy)]
pub(crate) struct Wire {
    /// Whether lengths are 32 bits wide.
    pub(crate) large: bool,
    /// The number of parameters from which on the event is of the current schema unchanged; `u8::MAX` for never.
    pub(crate) current_from: u8,
}

static WIRE: [Wire; EVENT_COUNT] = assemble();

/// Returns the metadata of `code`; one of a newer driver has small lengths and is not of the current schema.
#[inline]
pub(crate) fn wire(code: EventCode) -> Wire {
    WIRE.get(usize::from(code.0)).copied().unwrap_or(Wire { large: false, current_from: u8::MAX })
}

/// Returns whether the lengths of an event's parameters are 32 bits wide.
#[inline]
pub(crate) fn is_large(code: EventCode) -> bool {
    wire(code).large
}

/// An event that was never converted is current unless it is old or unused. One that is converted is current on the
/// exit side with all current parameters (or more: it comes from a newer driver); its enter side always consults the
/// upgrade table.
#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn assemble() -> [Wire; EVENT_COUNT] {
    let mut table = [Wire { large: false, current_from: 0 }; EVENT_COUNT];
    let mut at = 0;
    while at < EVENT_COUNT {
        let info = &EVENTS[at];
        let retired = info.flags.intersects(EventFlags(EventFlags::UNUSED.0 | EventFlags::OLD_VERSION.0));
        let converted = info.flags.contains(EventFlags::CONVERTED);
        assert!(info.params.len() < u8::MAX as usize);
        table[at] = Wire {
            large: info.flags.contains(EventFlags::LARGE_PAYLOAD),
            current_from: if retired || (converted && info.code.is_enter()) {
                u8::MAX
            } else if converted {
                info.params.len() as u8
            } else {
                0
            },
        };
        at += 1;
    }
    table
}
