//! Joins the rows of the families into one array by code. A gap or a duplicate code fails the build.

use super::events::FAMILIES;
use super::{Category, EVENT_COUNT, EventCode, EventFlags, EventInfo, Role};

/// Every event by its code: `EVENTS[307].name == "openat"`.
pub static EVENTS: [EventInfo; EVENT_COUNT] = assemble();

#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn assemble() -> [EventInfo; EVENT_COUNT] {
    let hole = EventInfo {
        code: EventCode(u16::MAX),
        name: "",
        constant: "",
        category: Category(0),
        flags: EventFlags(0),
        role: Role::None,
        params: &[],
    };
    let mut table = [hole; EVENT_COUNT];
    let mut seen = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            let info = FAMILIES[family][row];
            let at = info.code.0 as usize;
            assert!(table[at].code.0 == u16::MAX, "an event code is given twice");
            table[at] = info;
            seen += 1;
            row += 1;
        }
        family += 1;
    }
    assert!(seen == EVENT_COUNT, "an event code has no row");
    table
}
