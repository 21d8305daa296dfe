//! The marks of fields. The bits are those of Falco's libraries, so that listings agree number by number.

/// A set of marks on a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldFlags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl FieldFlags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
        }

        impl std::fmt::Debug for FieldFlags {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut set = f.debug_set();
                $(if self.contains(Self::$name) {
                    set.entry(&stringify!($name));
                })*
                set.finish()
            }
        }
    };
}

flags! {
    /// Can be used in a condition but not printed.
    FILTER_ONLY = 0;
    /// Meant to be printed, not compared.
    PRINT_ONLY = 1;
    /// Requires an argument.
    ARG_REQUIRED = 2;
    /// A column for tables: left out of listings.
    TABLE_ONLY = 3;
    /// Has several values.
    IS_LIST = 6;
    /// Accepts an argument.
    ARG_ALLOWED = 7;
    /// Accepts a number as the argument.
    ARG_INDEX = 8;
    /// Accepts a text as the argument.
    ARG_KEY = 9;
    /// Deprecated; loading a rule with it logs a warning.
    DEPRECATED = 10;
    /// Does not accept a transformer.
    NO_TRANSFORMER = 11;
    /// Cannot be on the right of an operator, nor have a field on its right.
    NO_RHS = 12;
    /// Builds its value for each event, where others borrow from the state.
    NO_PTR_STABILITY = 13;
    /// Printed by outputs that request the suggested fields.
    FORMAT_SUGGESTED = 14;
}

impl FieldFlags {
    /// No mark.
    pub const NONE: Self = Self(0);

    /// Returns the marks as one number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether all marks of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether any mark of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the marks of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
