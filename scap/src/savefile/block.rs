//! The types of blocks: one row each, with the number that was frozen in version 1.2 of the format and the unofficial
//! one of the first years.

/// The number of a block's type. Any value can come from a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockType(pub u32);

/// The content of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Section,
    Machine,
    /// Processes, in this version.
    Threads(u8),
    /// File descriptors; from version 2 on each entry has its length.
    Fds(u8),
    Interfaces(u8),
    Users(u8),
    Event(EventBlock),
}

/// The layout of an event in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventBlock {
    /// Whether the header has the number of parameters; version 1 left it out.
    pub(super) counted: bool,
    /// Whether 32 bits of flags precede the event.
    pub(super) flagged: bool,
    /// Whether the block may be longer than 64 KB.
    pub(super) large: bool,
}

const fn event(version: u8, flagged: bool, large: bool) -> Kind {
    Kind::Event(EventBlock { counted: version > 1, flagged, large })
}

macro_rules! blocks {
    ($($number:literal $(| $old:literal)? $konst:ident = $kind:expr, $name:literal;)*) => {
        impl BlockType {
            $(
                #[doc = concat!("`", $name, "`.")]
                pub const $konst: Self = Self($number);
            )*

            /// Returns its name, if it is known.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number $(| $old)? => Some($name),)*
                    _ => None,
                }
            }

            /// Returns its content, if it is known.
            #[inline]
            pub(super) const fn kind(self) -> Option<Kind> {
                match self.0 {
                    $($number $(| $old)? => Some($kind),)*
                    _ => None,
                }
            }
        }
    };
}

blocks! {
    0x0a0d_0d0a SECTION = Kind::Section, "section header";
    0x201 | 0x8002_abcd MACHINE = Kind::Machine, "machine info";
    0x202 | 0x8000_abcd THREADS_V1 = Kind::Threads(1), "process list v1";
    0x207 | 0x8013_abcd THREADS_V2 = Kind::Threads(2), "process list v2";
    0x209 | 0x8014_abcd THREADS_V3 = Kind::Threads(3), "process list v3";
    0x210 THREADS_V4 = Kind::Threads(4), "process list v4";
    0x211 THREADS_V5 = Kind::Threads(5), "process list v5";
    0x212 THREADS_V6 = Kind::Threads(6), "process list v6";
    0x213 THREADS_V7 = Kind::Threads(7), "process list v7";
    0x214 THREADS_V8 = Kind::Threads(8), "process list v8";
    0x215 THREADS_V9 = Kind::Threads(9), "process list v9";
    0x203 | 0x8001_abcd FDS_V1 = Kind::Fds(1), "fd list v1";
    0x218 FDS_V2 = Kind::Fds(2), "fd list v2";
    0x205 | 0x8011_abcd INTERFACES_V1 = Kind::Interfaces(1), "interface list v1";
    0x219 INTERFACES_V2 = Kind::Interfaces(2), "interface list v2";
    0x206 | 0x8012_abcd USERS_V1 = Kind::Users(1), "user list v1";
    0x220 USERS_V2 = Kind::Users(2), "user list v2";
    0x204 | 0x8010_abcd EVENT_V1 = event(1, false, false), "event v1";
    0x216 EVENT_V2 = event(2, false, false), "event v2";
    0x221 EVENT_V2_LARGE = event(2, false, true), "event v2 large";
    0x208 EVENT_FLAGS_V1 = event(1, true, false), "event with flags v1";
    0x217 EVENT_FLAGS_V2 = event(2, true, false), "event with flags v2";
    0x222 EVENT_FLAGS_V2_LARGE = event(2, true, true), "event with flags v2 large";
}

impl std::fmt::Debug for BlockType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "BlockType({name})"),
            None => write!(f, "BlockType({:#x})", self.0),
        }
    }
}

impl std::fmt::Display for BlockType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown {:#x}", self.0),
        }
    }
}
