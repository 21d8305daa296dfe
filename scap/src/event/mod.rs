//! A view of one event's bytes.
//!
//! ```text
//!  0        8        16     20     22        26
//!  | ts u64 | tid i64 | len | type | nparams | u16 or u32 lengths [nparams] | values, back to back |
//! ```
//!
//! The layout is that of the driver's ring, of `.scap` files and of the probe (docs/savefile.md), so an event
//! travels from any of them to a rule without being copied. [`Event::parse`] checks once that the lengths stay within
//! the bytes; after that every access is a plain slice that cannot fail.

use crate::schema::{EventCode, EventInfo, ParamInfo};

mod builder;
mod fd_list;
mod kernel_file;
mod param;
mod shape;
mod sockaddr;
mod value;

pub use builder::EventBuilder;
pub use fd_list::FdList;
pub use kernel_file::{KernelFile, PathState};
pub use param::Param;
pub use sockaddr::{AF_INET, AF_INET6, AF_UNIX, SockAddr, SockTuple, embedded_v4};
pub use value::{ParamValue, Strings};

pub(crate) use shape::Shape;

/// Bytes before the lengths.
pub const HEADER_LEN: usize = 26;

/// The reason why bytes are not an event. The messages are those that users of Falco know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a header")]
    TooShort(usize),
    /// The length in the header is less than the header's own.
    #[error("len {0} is smaller than the event header size {HEADER_LEN}")]
    LengthTooSmall(u32),
    /// The length in the header is greater than the bytes that are there.
    #[error("len {said} is larger than the {there} bytes available in the block")]
    LengthTooLarge {
        /// The length in the header.
        said: u32,
        /// The bytes available.
        there: usize,
    },
    /// The lengths of the parameters do not fit in the event.
    #[error("nparams {nparams} does not fit in event len {len}")]
    TooManyParams {
        /// The number of parameters in the header.
        nparams: u32,
        /// Bytes of the event.
        len: usize,
    },
    /// The value of a parameter reaches past the end.
    #[error("param {index} len {param_len} exceeds event len {len}")]
    ParamPastEnd {
        /// The index of the parameter.
        index: usize,
        /// The length of the parameter in bytes.
        param_len: u32,
        /// Bytes of the event.
        len: usize,
    },
    /// A value is longer than the event's length fields can express.
    #[error("parameter {index} has {len} bytes, more than its event can hold")]
    ParamTooLong {
        /// The index of the parameter.
        index: usize,
        /// Bytes of the value.
        len: usize,
    },
}

/// One event, borrowed from its source.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    bytes: &'a [u8],
    shape: Shape,
    flags: u32,
    cpu: u16,
}

impl<'a> Event<'a> {
    /// Flag of an event that only carries state: the state engine reads it, rules do not see it.
    pub const STATE_ONLY: u32 = 1;

    /// Parses `bytes` as one event. Bytes after the length in the header are ignored.
    ///
    /// # Errors
    /// If the header or the parameters' lengths reach past the end.
    #[inline]
    pub fn parse(cpu: u16, flags: u32, bytes: &'a [u8]) -> Result<Self, EventError> {
        Ok(Self::new(cpu, flags, bytes, Shape::check(bytes)?))
    }

    /// Returns an event whose bytes were checked.
    #[inline]
    pub(crate) fn new(cpu: u16, flags: u32, bytes: &'a [u8], shape: Shape) -> Self {
        Self::whole(cpu, flags, bytes.get(..shape.len as usize).unwrap_or(bytes), shape)
    }

    /// Returns an event whose bytes were checked and end with it.
    #[inline]
    pub(crate) fn whole(cpu: u16, flags: u32, bytes: &'a [u8], shape: Shape) -> Self {
        Self { bytes, shape, flags, cpu }
    }

    /// Returns the time in nanoseconds since 1970.
    #[inline]
    pub fn ts(&self) -> u64 {
        self.header_u64(0)
    }

    /// Returns the thread as numbered in the host's pid namespace; -1 if there is none.
    #[inline]
    pub fn tid(&self) -> i64 {
        self.header_u64(8) as i64
    }

    /// Returns the processor, or the device, that it came from.
    #[inline]
    pub fn cpu(&self) -> u16 {
        self.cpu
    }

    /// Returns the flags of the block that it came in, such as [`STATE_ONLY`](Self::STATE_ONLY).
    #[inline]
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Returns its type.
    #[inline]
    pub fn code(&self) -> EventCode {
        self.shape.code
    }

    /// Returns its row of the table, unless it comes from a newer driver.
    #[inline]
    pub fn info(&self) -> Option<&'static EventInfo> {
        self.shape.code.info()
    }

    /// Returns the number of its parameters; the table may have more (an older driver) or fewer (a newer one).
    #[inline]
    pub fn nparams(&self) -> usize {
        self.shape.nparams as usize
    }

    /// Returns header, lengths and values.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the value of one parameter; empty if its length is 0, `None` if the event does not have it.
    // The index is nearly always a constant, for which little is left of the sum.
    #[inline(always)]
    pub fn raw(&self, index: usize) -> Option<&'a [u8]> {
        if self.shape.width == 4 {
            return self.raw_wide(index);
        }
        let len = u16::from_le_bytes(*self.lens::<2>().get(index)?);
        let before = if index == 0 { 0 } else { shape::sum_narrow(self.bytes, index, HEADER_LEN + 2 * index)? };
        let at = self.shape.values as usize + before as usize;
        self.bytes.get(at..at + usize::from(len))
    }

    /// Returns the value of one parameter of an event with lengths of 32 bits.
    #[cold]
    fn raw_wide(&self, index: usize) -> Option<&'a [u8]> {
        let (before, [len, ..]) = self.lens::<4>().split_at_checked(index)? else { return None };
        let before = before.iter().map(|len| u32::from_le_bytes(*len) as usize).sum::<usize>();
        let at = self.shape.values as usize + before;
        self.bytes.get(at..at + u32::from_le_bytes(*len) as usize)
    }

    /// Returns one parameter as the table describes it, or `None` if the event or the table does not have it.
    #[inline]
    pub fn param(&self, index: usize) -> Option<Param<'a>> {
        let info = self.info()?.params.get(index)?;
        Some(Param::new(info, self.raw(index)?))
    }

    /// Returns the values of all parameters, in order.
    #[inline]
    pub fn raws(&self) -> Raws<'a> {
        Raws { event: *self, next: 0, at: self.shape.values as usize }
    }

    /// Returns the values of the first `N` parameters: cheaper than [`raw`](Self::raw) for each where several are
    /// needed.
    #[inline]
    pub fn first_raws<const N: usize>(&self) -> [Option<&'a [u8]>; N] {
        let mut values = [None; N];
        for (value, raw) in values.iter_mut().zip(self.raws()) {
            *value = Some(raw);
        }
        values
    }

    /// Returns a parameter after those of the table, where the probe reports more than the schema; see
    /// [`kernel_file`](Self::kernel_file). Older readers skip these parameters.
    #[inline]
    pub fn beyond(&self, index: usize) -> Option<&'a [u8]> {
        let listed = self.info()?.params.len();
        if self.nparams() <= listed { None } else { self.raw(listed + index) }
    }

    /// Returns all parameters that both the event and the table have, in order.
    pub fn params(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let infos: &'static [ParamInfo] = self.info().map_or(&[], |info| info.params);
        infos.iter().zip(self.raws()).map(|(info, raw)| Param::new(info, raw))
    }

    #[inline]
    fn header_u64(&self, at: usize) -> u64 {
        match self.bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(word) => u64::from_le_bytes(*word),
            None => 0,
        }
    }

    /// Returns the lengths, each of `WIDTH` bytes.
    #[inline]
    fn lens<const WIDTH: usize>(&self) -> &'a [[u8; WIDTH]] {
        self.bytes.get(HEADER_LEN..self.shape.values as usize).unwrap_or_default().as_chunks().0
    }

    #[inline]
    fn length(&self, index: usize) -> Option<usize> {
        if self.shape.width == 4 {
            self.lens::<4>().get(index).map(|len| u32::from_le_bytes(*len) as usize)
        } else {
            self.lens::<2>().get(index).map(|len| usize::from(u16::from_le_bytes(*len)))
        }
    }
}

impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("ts", &self.ts())
            .field("tid", &self.tid())
            .field("cpu", &self.cpu)
            .field("code", &self.code())
            .field("nparams", &self.nparams())
            .finish()
    }
}

/// The values of an event's parameters; see [`Event::raws`].
#[derive(Debug, Clone)]
pub struct Raws<'a> {
    event: Event<'a>,
    next: usize,
    at: usize,
}

impl<'a> Iterator for Raws<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let len = self.event.length(self.next)?;
        let value = self.event.bytes.get(self.at..self.at + len)?;
        self.at += len;
        self.next += 1;
        Some(value)
    }
}
