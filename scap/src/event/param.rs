//! One decoded parameter.

use super::value::{self, ParamValue, Strings};
use crate::schema::ParamInfo;

/// One parameter: its row of the table and its bytes. Typed getters return `None` for a value that is empty or too
/// short, which is how drivers mark an unknown value.
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
    /// Returns a parameter of the given row with the given value.
    #[inline]
    pub fn new(info: &'static ParamInfo, raw: &'a [u8]) -> Self {
        Self { info, raw }
    }

    /// Returns its row of the table.
    #[inline]
    pub fn info(&self) -> &'static ParamInfo {
        self.info
    }

    /// Returns its bytes; empty if unknown.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    number! {
        /// Returns the first byte.
        u8 u8;
        /// Returns the first two bytes.
        u16 u16;
        /// Returns the first four bytes.
        u32 u32;
        /// Returns the first four bytes, signed.
        i32 i32;
        /// Returns the first eight bytes.
        u64 u64;
        /// Returns the first eight bytes, signed.
        i64 i64;
    }

    /// Returns the text without the NUL that ends it; `None` if it is empty or unreadable (`(NULL)` in old captures).
    #[inline]
    pub fn text(&self) -> Option<&'a [u8]> {
        value::text(self.raw)
    }

    /// Returns the texts of a list, each ended by a NUL: arguments, environment, cgroups.
    #[inline]
    pub fn strings(&self) -> Strings<'a> {
        Strings::new(self.raw)
    }

    /// Returns its value, typed as the table says; `None` if it is empty or of a length that its type cannot have.
    pub fn value(&self) -> Option<ParamValue<'a>> {
        ParamValue::decode(self.info, self.raw)
    }
}
