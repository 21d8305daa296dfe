//! The check that bytes are a valid event. Its result is small and owned, so that a source can check first and let the
//! event borrow later.

use super::{EventError, HEADER_LEN};
use crate::EventCode;
use crate::schema::wire::{Wire, wire};

/// The result of checking the header and the lengths of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes of the event.
    pub(crate) len: u32,
    /// The offset of the values.
    pub(super) values: u32,
    pub(crate) nparams: u32,
    pub(crate) code: EventCode,
    /// The size of a length field in bytes: 2 or 4. A number rather than a bool: the compiler would place the tag of an
    /// enum around an event in the unused values of a bool, and events would be copied in odd pieces.
    pub(super) width: u8,
    /// The number of parameters from which on the event is of the current schema unchanged; [`u8::MAX`] for never.
    current_from: u8,
}

impl Shape {
    /// Checks that all parameters of the event at the start of `bytes` lie in it, and it in `bytes`.
    // The caller takes the result apart at once: without inlining it would go through memory.
    #[inline(always)]
    pub(crate) fn check(bytes: &[u8]) -> Result<Self, EventError> {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(EventError::TooShort(bytes.len()));
        };
        let [.., l0, l1, l2, l3, t0, t1, n0, n1, n2, n3] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let code = EventCode(u16::from_le_bytes([t0, t1]));
        let nparams = u32::from_le_bytes([n0, n1, n2, n3]);
        let Wire { large, current_from } = wire(code);
        let width: u8 = if large { 4 } else { 2 };
        let values = HEADER_LEN as u64 + u64::from(nparams) * u64::from(width);
        // The event is at least as long as its header and lengths, and lies in the bytes.
        if values > u64::from(len) || len as usize > bytes.len() {
            return Err(unfit(len, nparams, bytes.len()));
        }
        let lens = bytes.get(HEADER_LEN..values as usize).unwrap_or_default();
        let sum = if large { Some(sum_wide(lens)) } else { sum_narrow(bytes, nparams as usize, values as usize) };
        let end = values + sum.unwrap_or(u64::MAX >> 1);
        if end > u64::from(len) {
            return Err(past_end(large, lens, len, values));
        }
        Ok(Self { len, values: values as u32, nparams, code, width, current_from })
    }

    /// Returns whether the event is of the current schema unchanged.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.nparams >= u32::from(self.current_from) && self.current_from != u8::MAX
    }
}

/// Adds up `count` lengths of 16 bits that end at `end`, four at a time. A header precedes them, so whole words can be
/// read and the bytes that are not lengths shifted out. Returns `None` if they are not there.
// Inlined with the check, also where that is done twice: in the C library it was a call for each event.
#[inline(always)]
pub(super) fn sum_narrow(event: &[u8], count: usize, end: usize) -> Option<u64> {
    let mut sum = sum_last(event.get(..end)?, count)?;
    if count > 4 {
        sum += sum_last(event.get(..end.checked_sub(8)?)?, count - 4)?;
    }
    if count > 8 {
        sum += sum_many(event.get(end.checked_sub(count * 2)?..end.checked_sub(16)?)?);
    }
    Some(sum)
}

/// Adds up the last `count` lengths of 16 bits in `lens`, at most four. A function and not a closure, for only a function
/// can be inlined always.
#[inline(always)]
fn sum_last(lens: &[u8], count: usize) -> Option<u64> {
    let word = u64::from_le_bytes(*lens.last_chunk()?);
    Some(sum_four(word.checked_shr(64 - 16 * count.min(4) as u32).unwrap_or(0)))
}

#[cold]
fn sum_many(lens: &[u8]) -> u64 {
    lens.as_chunks().0.iter().map(|len| u64::from(u16::from_le_bytes(*len))).sum()
}

#[inline]
fn sum_four(lens: u64) -> u64 {
    let pairs = (lens & 0x0000_ffff_0000_ffff) + (lens >> 16 & 0x0000_ffff_0000_ffff);
    (pairs & 0xffff_ffff) + (pairs >> 32)
}

#[cold]
fn sum_wide(lens: &[u8]) -> u64 {
    lens.as_chunks().0.iter().map(|len| u64::from(u32::from_le_bytes(*len))).sum()
}

#[cold]
fn unfit(len: u32, nparams: u32, there: usize) -> EventError {
    if (len as usize) < HEADER_LEN {
        EventError::LengthTooSmall(len)
    } else if len as usize > there {
        EventError::LengthTooLarge { said: len, there }
    } else {
        EventError::TooManyParams { nparams, len: len as usize }
    }
}

/// Finds the first parameter that reaches past the end.
#[cold]
fn past_end(large: bool, lens: &[u8], len: u32, values: u64) -> EventError {
    let wide = |lens: &[u8]| lens.as_chunks().0.iter().map(|len| u32::from_le_bytes(*len)).collect::<Vec<_>>();
    let narrow = |lens: &[u8]| lens.as_chunks().0.iter().map(|len| u16::from_le_bytes(*len).into()).collect();
    let lens = if large { wide(lens) } else { narrow(lens) };
    let len = len as usize;
    let mut end = values;
    for (index, param_len) in lens.into_iter().enumerate() {
        end += u64::from(param_len);
        if end > len as u64 {
            return EventError::ParamPastEnd { index, param_len, len };
        }
    }
    EventError::TooManyParams { nparams: 0, len }
}
