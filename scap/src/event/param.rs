//! One decoded parameter.

use super::value::{self, ParamValue, Strings};
use crate::schema::ParamInfo;

/// One parameter: its row of the table and its bytes. Typed getters give `None` for a value that is empty or too
/// short, which is how drivers say "unknown".
#[derive(Debug, Clone, Copy)]
pub struct Param<'a> {
    info: &'static ParamInfo,
    raw: &'a [u8],
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident $ty:ty;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&self) -> Option<$ty> {
            self.raw.first_chunk().map(|bytes| <$ty>::from_le_bytes(*bytes))
        }
    )*};
}

impl<'a> Param<'a> {
    /// A parameter of the given row with the given value.
    #[inline]
    pub fn new(info: &'static ParamInfo, raw: &'a [u8]) -> Self {
        Self { info, raw }
    }

    /// Its row of the table.
    #[inline]
    pub fn info(&self) -> &'static ParamInfo {
        self.info
    }

    /// Its bytes; empty when unknown.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    number! {
        /// The first byte.
        u8 u8;
        /// The first two bytes.
        u16 u16;
        /// The first four bytes.
        u32 u32;
        /// The first four bytes, signed.
        i32 i32;
        /// The first eight bytes.
        u64 u64;
        /// The first eight bytes, signed.
        i64 i64;
    }

    /// Text without the NUL that ends it; `None` when it is empty or unreadable (`(NULL)` in old captures).
    #[inline]
    pub fn text(&self) -> Option<&'a [u8]> {
        value::text(self.raw)
    }

    /// Texts that stand one after the other, each ended by a NUL: arguments, environment, cgroups.
    #[inline]
    pub fn strings(&self) -> Strings<'a> {
        Strings::new(self.raw)
    }

    /// Its value, typed as the table says; `None` when it is empty or of a length that its type cannot have.
    pub fn value(&self) -> Option<ParamValue<'a>> {
        ParamValue::decode(self.info, self.raw)
    }
}
