//! The event schema: every event that a driver sends or ever sent, and its parameters.
//!
//! One table is the source of everything. Event codes, parameter indices, decoding, the text form of an event, the
//! probe's C header, listings and fuzz generators are derived from [`EVENTS`]; nothing else knows the shape of an
//! event. Codes, parameter order and encodings are those of Falco's driver schema 4.5.1, so that `.scap` files of any
//! age, the probe and the state engine use one format.
//!
//! ```
//! use peregrine_scap::schema::{param::openat_2_x, EventCode, ParamType};
//!
//! let info = EventCode::OPENAT_2_X.info().expect("in the table");
//! assert_eq!(info.name, "openat");
//! assert_eq!(info.params[openat_2_x::name].ty, ParamType::FsRelPath);
//! ```

mod assemble;
mod category;
mod code;
pub mod dynamic;
mod events;
pub mod flags;
pub(crate) mod macros;
mod names;
mod roles;
mod sets;
mod syscalls;
mod types;
pub(crate) mod upgrade;
pub(crate) mod wire;

pub use assemble::EVENTS;
pub use category::{Category, EventFlags, SyscallFlags};
pub use code::{EventCode, SyscallCode};
pub use events::param;
pub use names::{ERRNOS, SIGNALS, errno_name, errno_number, signal_name, signal_number};
pub use roles::{ParamRole, Role};
pub use sets::SyscallSet;
pub use syscalls::SYSCALLS;
pub use types::{Format, ParamInfo, ParamType};
pub(crate) use wire::is_large;

/// The version of the driver schema that the table contains.
pub const SCHEMA_VERSION: &str = "4.5.1";

/// The number of event codes; a greater code comes from a newer driver.
pub const EVENT_COUNT: usize = 454;

/// One event of the schema.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EventInfo {
    /// Its number on the wire: even on entry to a call, odd on exit.
    pub code: EventCode,
    /// Its name in rules, such as `openat`; several codes may share it.
    pub name: &'static str,
    /// The name of its constant on [`EventCode`], such as `OPENAT_2_X`.
    pub constant: &'static str,
    /// Its category.
    pub category: Category,
    /// Its effects on the state, and whether drivers still send it.
    pub flags: EventFlags,
    /// The role of the call, where several calls do the same.
    pub role: Role,
    /// Its parameters in wire order. An event of an older driver may have fewer, of a newer one more.
    pub params: &'static [ParamInfo],
}

impl EventInfo {
    /// Returns the index of the parameter called `name`.
    pub fn param_index(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|param| param.name == name)
    }

    /// Returns whether drivers still send it: neither retired nor of an old version.
    pub const fn is_live(&self) -> bool {
        !self.flags.intersects(EventFlags::UNUSED) && !self.flags.intersects(EventFlags::OLD_VERSION)
    }
}

/// Names for the values of a flag or enumeration parameter. The order of the rows is the order of printing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FlagTable {
    /// The name of the table.
    pub name: &'static str,
    /// Name and value.
    pub entries: &'static [(&'static str, u32)],
}

/// One system call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SyscallInfo {
    /// Its number in the schema, the same on every architecture.
    pub code: SyscallCode,
    /// Its name.
    pub name: &'static str,
    /// The pair of events (entry, exit) that it produces today; the generic pair if it does not have its own.
    pub events: Option<(EventCode, EventCode)>,
    /// Its treatment by drivers.
    pub flags: SyscallFlags,
    /// Its number on x86_64, if it exists there.
    pub x86_64: Option<u16>,
    /// Its number on aarch64, if it exists there.
    pub aarch64: Option<u16>,
}
