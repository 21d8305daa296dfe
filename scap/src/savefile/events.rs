//! Event blocks.
//!
//! ```text
//!  | type | L | cpu u16 | flags u32, in some types | event | padding | L |
//! ```
//!
//! From version 2 on, [`Event`](crate::Event) reads the bytes as they are. In version 1 the header lacks the number of
//! parameters, which has to be determined.

use super::block::EventBlock;
use crate::EventCode;
use crate::event::HEADER_LEN;

/// The size of a block's header: its type and length.
pub(super) const BLOCK_HEADER: usize = 8;
pub(super) const BLOCK_TRAILER: usize = 4;

/// The maximum number of bytes after the header of a block that is not large.
pub(super) const SMALL_BLOCK: u32 = 65_536;

/// The size of the number of parameters, which version 1 lacks.
const COUNT_LEN: usize = 4;

impl EventBlock {
    /// Returns the offset of the event in its block.
    #[inline]
    pub(super) fn event_at(self) -> usize {
        if self.flagged { BLOCK_HEADER + 6 } else { BLOCK_HEADER + 2 }
    }

    /// Returns the length of an event's header.
    #[inline]
    pub(super) fn header_len(self) -> usize {
        if self.counted { HEADER_LEN } else { HEADER_LEN - COUNT_LEN }
    }

    /// Returns the minimum length of the block.
    #[inline]
    pub(super) fn min_len(self) -> u32 {
        (BLOCK_HEADER + self.header_len() + BLOCK_TRAILER) as u32
    }
}

/// Events whose length version 1 wrote three bytes too large.
const LENGTH_TOO_GREAT: [EventCode; 2] = [EventCode::NOTIFICATION_E, EventCode::INFRASTRUCTURE_EVENT_E];

/// Converts an event of version 1 to the header of version 2. The number of parameters is the greatest for which
/// header, lengths and values fill the event exactly, starting from the number in the table.
pub(super) fn rebuild_v1(old: &[u8], event: &mut Vec<u8>) -> Result<(), String> {
    const SHORT_HEADER: usize = HEADER_LEN - COUNT_LEN;
    let Some(header) = old.first_chunk::<SHORT_HEADER>() else {
        return Err(format!("invalid event: {} bytes are too few for a header", old.len()));
    };
    let [time_and_thread @ .., l0, l1, l2, l3, t0, t1] = *header;
    let code = EventCode(u16::from_le_bytes([t0, t1]));
    let mut len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    if LENGTH_TOO_GREAT.contains(&code) {
        len = len.saturating_sub(3);
    }
    let there = usize::try_from(len).ok().and_then(|len| old.get(SHORT_HEADER..len));
    let Some(payload) = there else {
        return Err(format!("invalid event: len {len} is larger than the {} bytes available in the block", old.len()));
    };
    let most = code.info().map_or(0, |info| info.params.len());
    let Some(nparams) = (0..=most).rev().find_map(|count| fits(payload, count)) else {
        return Err("cannot convert v1 event block to v2 (corrupted trace file - can't calculate nparams) (2).".into());
    };
    let nparams =
        nparams.ok_or("cannot convert v1 event block to v2 (corrupted trace file - can't calculate nparams).")?;
    event.clear();
    event.extend_from_slice(&time_and_thread);
    event.extend_from_slice(&((HEADER_LEN + payload.len()) as u32).to_le_bytes());
    event.extend_from_slice(&[t0, t1]);
    event.extend_from_slice(&(nparams as u32).to_le_bytes());
    event.extend_from_slice(payload);
    Ok(())
}

/// Returns whether `count` parameters fill the payload: `None` if they would not fit, `Some(None)` if bytes remain.
fn fits(payload: &[u8], count: usize) -> Option<Option<usize>> {
    let lengths = payload.get(..count * 2)?;
    let values: usize = lengths.as_chunks().0.iter().map(|len| usize::from(u16::from_le_bytes(*len))).sum();
    match (lengths.len() + values).cmp(&payload.len()) {
        std::cmp::Ordering::Greater => None,
        std::cmp::Ordering::Equal => Some(Some(count)),
        std::cmp::Ordering::Less => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, EventBuilder};

    /// Returns the same event as version 1 wrote it.
    fn old(event: &[u8]) -> Vec<u8> {
        let mut old = event.to_vec();
        old.drain(22..26);
        let len = (old.len() as u32).to_le_bytes();
        old[16..20].copy_from_slice(&len);
        old
    }

    #[test]
    fn the_number_of_parameters_is_found_out() {
        let mut builder = EventBuilder::new();
        for count in 0..=6 {
            builder.start(EventCode::OPEN_X).ts(5).tid(6);
            for i in 0..count {
                builder.raw(&vec![1; 3 + i]);
            }
            let event = builder.finish().unwrap();
            let mut rebuilt = Vec::new();
            rebuild_v1(&old(event.bytes()), &mut rebuilt).unwrap();
            assert_eq!(rebuilt, event.bytes());
        }
    }

    #[test]
    fn notifications_say_three_bytes_too_many() {
        let mut builder = EventBuilder::new();
        let event = builder.start(EventCode::NOTIFICATION_E).text("id").text("what").finish().unwrap();
        let mut bytes = old(event.bytes());
        let len = (bytes.len() as u32 + 3).to_le_bytes();
        bytes[16..20].copy_from_slice(&len);
        let mut rebuilt = Vec::new();
        rebuild_v1(&bytes, &mut rebuilt).unwrap();
        assert_eq!(rebuilt, event.bytes());
        assert_eq!(Event::parse(0, 0, &rebuilt).unwrap().nparams(), 2);
    }

    #[test]
    fn bytes_left_over_are_corruption() {
        let mut builder = EventBuilder::new();
        let event = builder.start(EventCode::CLOSE_X).raw(&[0; 8]).raw(&[0; 8]).finish().unwrap();
        let mut bytes = old(event.bytes());
        bytes.push(0);
        let len = (bytes.len() as u32).to_le_bytes();
        bytes[16..20].copy_from_slice(&len);
        let error = rebuild_v1(&bytes, &mut Vec::new()).unwrap_err();
        assert!(error.contains("corrupted trace file"), "{error}");
        bytes[16..20].copy_from_slice(&500_u32.to_le_bytes());
        let error = rebuild_v1(&bytes, &mut Vec::new()).unwrap_err();
        assert!(error.contains("larger than the"), "{error}");
    }
}
