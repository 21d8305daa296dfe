//! Values in state tables.

use std::ffi::CStr;

use falco_plugin_api::{ss_plugin_bool, ss_plugin_state_data, ss_plugin_state_type, ss_plugin_table_t};

pub(crate) const I8: ss_plugin_state_type = 1;
pub(crate) const I16: ss_plugin_state_type = 2;
pub(crate) const I32: ss_plugin_state_type = 3;
pub(crate) const I64: ss_plugin_state_type = 4;
pub(crate) const U8: ss_plugin_state_type = 5;
pub(crate) const U16: ss_plugin_state_type = 6;
pub(crate) const U32: ss_plugin_state_type = 7;
pub(crate) const U64: ss_plugin_state_type = 8;
pub(crate) const STRING: ss_plugin_state_type = 9;
pub(crate) const TABLE: ss_plugin_state_type = 10;
pub(crate) const BOOL: ss_plugin_state_type = 25;

/// A table that belongs to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sub {
    Fds,
    Args,
    Env,
    Cgroups,
}

impl Sub {
    pub(crate) fn name(self) -> &'static CStr {
        match self {
            Self::Fds => c"file_descriptors",
            Self::Args => c"args",
            Self::Env => c"env",
            Self::Cgroups => c"cgroups",
        }
    }

    /// Returns the type of its keys.
    pub(crate) fn key(self) -> ss_plugin_state_type {
        if self == Self::Fds { I64 } else { U64 }
    }
}

/// A value of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Data<'a> {
    /// An integer, or a boolean.
    Number(u64),
    Text(&'a [u8]),
    Table(Sub),
}

/// Returns whether fields of a type can be added to a table.
pub(crate) fn is_scalar(kind: ss_plugin_state_type) -> bool {
    matches!(kind, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 | STRING | BOOL)
}

/// Returns a number in the form of the plugin interface. The other bytes are zero.
pub(crate) fn number(kind: ss_plugin_state_type, number: u64) -> ss_plugin_state_data {
    let mut data = ss_plugin_state_data { u64_: 0 };
    match kind {
        I8 | U8 => data.u8_ = number as u8,
        I16 | U16 => data.u16_ = number as u16,
        I32 | U32 => data.u32_ = number as u32,
        BOOL => data.b = ss_plugin_bool::from(number != 0),
        _ => data.u64_ = number,
    }
    data
}

/// Returns a table in that form.
pub(crate) fn table(table: *mut ss_plugin_table_t) -> ss_plugin_state_data {
    ss_plugin_state_data { table }
}

/// A value that a plugin wrote to a field that was added.
#[derive(Debug, Default)]
pub(crate) enum Stored {
    #[default]
    Unset,
    Number(u64),
    Text(Box<[u8]>),
}

/// Data of plugins about a thread: the values of the added fields, in the order of the fields.
#[derive(Debug, Default)]
pub(crate) struct Added(Vec<Stored>);

impl Added {
    pub(crate) fn get(&self, place: usize) -> &Stored {
        self.0.get(place).unwrap_or(&Stored::Unset)
    }

    pub(crate) fn set(&mut self, place: usize, value: Stored) {
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Stored::default);
        }
        self.0[place] = value;
    }
}
