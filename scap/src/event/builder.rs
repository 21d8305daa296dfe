//! Writes an event's bytes: the counterpart of [`Event`].
//!
//! The upgrade of old events, the text form, sources other than files, and tests all make events. Only this module and
//! the view know the layout. One builder serves for many events, so its buffer is allocated once.

use super::{Event, EventError, HEADER_LEN};
use crate::schema::{EventCode, is_large};

/// Writes one event after another into the same buffer.
///
/// ```
/// use peregrine_scap::{EventBuilder, EventCode};
///
/// let mut builder = EventBuilder::new();
/// let event = builder.start(EventCode::CLOSE_X).ts(7).tid(42).i64(0).i64(3).finish()?;
/// assert_eq!(event.tid(), 42);
/// assert_eq!(event.param(1).and_then(|fd| fd.i64()), Some(3));
/// # Ok::<(), peregrine_scap::event::EventError>(())
/// ```
///
/// Parameters are pushed in the order of the schema; pushing fewer or more than the table has gives an event with fewer
/// or more, as an older or a newer driver would send it. Errors are kept until [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct EventBuilder {
    /// Header, room for `reserved` lengths, values.
    bytes: Vec<u8>,
    code: EventCode,
    large: bool,
    reserved: usize,
    nparams: usize,
    cpu: u16,
    flags: u32,
    error: Option<EventError>,
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! number {
    ($($name:ident)*) => {$(
        #[doc = concat!("Pushes a `", stringify!($name), "`.")]
        pub fn $name(&mut self, value: $name) -> &mut Self {
            self.raw(&value.to_le_bytes())
        }
    )*};
}

impl EventBuilder {
    /// Creates a builder; [`start`](Self::start) begins an event.
    pub fn new() -> Self {
        let mut builder = Self {
            bytes: Vec::new(),
            code: EventCode(0),
            large: false,
            reserved: 0,
            nparams: 0,
            cpu: 0,
            flags: 0,
            error: None,
        };
        builder.start(EventCode(0));
        builder
    }

    /// Begins an event with time 0, no thread, processor 0, no flags and no parameters.
    pub fn start(&mut self, code: EventCode) -> &mut Self {
        self.code = code;
        self.large = is_large(code);
        self.reserved = code.info().map_or(0, |info| info.params.len());
        self.nparams = 0;
        self.cpu = 0;
        self.flags = 0;
        self.error = None;
        self.bytes.clear();
        self.bytes.resize(HEADER_LEN + self.reserved * self.width(), 0);
        self.tid(-1)
    }

    /// Sets the time, in nanoseconds since 1970.
    pub fn ts(&mut self, ts: u64) -> &mut Self {
        self.put(0, &ts.to_le_bytes());
        self
    }

    /// Sets the thread; -1 for none.
    pub fn tid(&mut self, tid: i64) -> &mut Self {
        self.put(8, &tid.to_le_bytes());
        self
    }

    /// Sets the processor.
    pub fn cpu(&mut self, cpu: u16) -> &mut Self {
        self.cpu = cpu;
        self
    }

    /// Sets the flags of the block that the event will be stored in, such as [`Event::STATE_ONLY`].
    pub fn flags(&mut self, flags: u32) -> &mut Self {
        self.flags = flags;
        self
    }

    /// Pushes the bytes of one parameter.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.parts(&[value])
    }

    /// Pushes a parameter whose value is not known.
    pub fn empty(&mut self) -> &mut Self {
        self.parts(&[])
    }

    /// Pushes text and the NUL that ends it.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.parts(&[text.as_ref(), &[0]])
    }

    /// Pushes one parameter that consists of the given pieces, back to back.
    pub fn parts(&mut self, parts: &[&[u8]]) -> &mut Self {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let at = HEADER_LEN + self.nparams * self.width();
        let max = if self.large { u32::MAX as usize } else { usize::from(u16::MAX) };
        if len > max {
            self.error.get_or_insert(EventError::ParamTooLong { index: self.nparams, len });
            return self;
        }
        if self.nparams == self.reserved {
            self.reserve_more(at);
        }
        if self.large {
            self.put(at, &(len as u32).to_le_bytes());
        } else {
            self.put(at, &(len as u16).to_le_bytes());
        }
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.nparams += 1;
        self
    }

    number! { u8 i8 u16 i16 u32 i32 u64 i64 }

    /// Returns the code that was passed to [`start`](Self::start).
    pub fn code(&self) -> EventCode {
        self.code
    }

    /// Returns the number of parameters pushed since [`start`](Self::start).
    pub fn nparams(&self) -> usize {
        self.nparams
    }

    /// Returns the event, borrowed until the builder is used again.
    ///
    /// # Errors
    /// If a parameter was longer than the lengths of its event can say, or the whole longer than 4 GB.
    pub fn finish(&mut self) -> Result<Event<'_>, EventError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.nparams < self.reserved {
            let (unused, reserved) =
                (HEADER_LEN + self.nparams * self.width(), HEADER_LEN + self.reserved * self.width());
            self.bytes.drain(unused..reserved);
            self.reserved = self.nparams;
        }
        let Ok(len) = u32::try_from(self.bytes.len()) else {
            return Err(EventError::LengthTooLarge { said: u32::MAX, there: self.bytes.len() });
        };
        self.put(16, &len.to_le_bytes());
        self.put(20, &self.code.0.to_le_bytes());
        self.put(22, &(self.nparams as u32).to_le_bytes());
        self.event()
    }

    /// Returns the event that was last finished.
    ///
    /// # Errors
    /// If none was finished since [`start`](Self::start).
    pub fn event(&self) -> Result<Event<'_>, EventError> {
        Event::parse(self.cpu, self.flags, &self.bytes)
    }

    /// Returns the bytes that were last finished.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn width(&self) -> usize {
        if self.large { 4 } else { 2 }
    }

    /// Makes room for lengths that the table does not have; `at` is where the values start.
    fn reserve_more(&mut self, at: usize) {
        let lengths = 4;
        let end = self.bytes.len();
        let room = lengths * self.width();
        self.bytes.resize(end + room, 0);
        self.bytes.copy_within(at..end, at + room);
        self.reserved += lengths;
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_parameters_as_the_table_fewer_and_more() {
        let mut builder = EventBuilder::new();
        for count in 0..20 {
            builder.start(EventCode::CLOSE_X).ts(1).tid(2).cpu(3).flags(1);
            for i in 0..count {
                builder.raw(&vec![i as u8; i]);
            }
            let event = builder.finish().unwrap();
            assert_eq!((event.ts(), event.tid(), event.cpu(), event.flags()), (1, 2, 3, 1));
            assert_eq!(event.nparams(), count);
            let values: Vec<Vec<u8>> = event.raws().map(<[u8]>::to_vec).collect();
            let expected: Vec<Vec<u8>> = (0..count).map(|i| vec![i as u8; i]).collect();
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn a_value_too_long_is_an_error_unless_lengths_are_wide() {
        let long = vec![7; 70_000];
        let mut builder = EventBuilder::new();
        let error = builder.start(EventCode::CLOSE_X).i64(0).raw(&long).finish().unwrap_err();
        assert_eq!(error, EventError::ParamTooLong { index: 1, len: 70_000 });
        let error = builder.start(EventCode::CLOSE_X).text(&long).finish().unwrap_err();
        assert_eq!(error, EventError::ParamTooLong { index: 0, len: 70_001 });
        let event = builder.start(EventCode::PLUGINEVENT_E).u32(9).raw(&long).finish().unwrap();
        assert_eq!(event.raw(1), Some(&long[..]));
    }
}
