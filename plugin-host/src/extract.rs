//! The extraction of a field by a plugin.

use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use falco_plugin_api::{
    ss_plugin_bool, ss_plugin_byte_buffer, ss_plugin_event, ss_plugin_event_input, ss_plugin_extract_field,
    ss_plugin_extract_field__bindgen_ty_1, ss_plugin_extract_value_offsets, ss_plugin_field_extract_input,
    ss_plugin_rc_SS_PLUGIN_SUCCESS,
};
use rule_engine::event::json::Argument;
use rule_engine::event::{FieldError, FieldId, FieldInfo, Kind, Print, Value};

use crate::calls::Function;
use crate::fields::TYPES;
use crate::library;
use crate::owner::last_error;
use crate::plugin::{Plugin, name};
use crate::set::SourcePlugins;
use crate::tables::{self, Access, enter};

/// The most values that are read of one field.
const LONGEST_LIST: u64 = 1 << 16;

/// The arguments of a plugin's extraction of a field.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The place of the plugin in the set.
    pub(crate) plugin: usize,
    number: u32,
    name: CString,
    key: Option<CString>,
    index: u64,
    present: bool,
    list: bool,
    kind: Kind,
    /// The kind as the plugin interface numbers it.
    type_number: u32,
}

/// An event as a plugin sees it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// Its bytes.
    pub(crate) event: *const ss_plugin_event,
    pub(crate) code: u16,
    pub(crate) number: u64,
    pub(crate) source: &'a CStr,
    /// State that plugins may access with it.
    pub(crate) access: Access,
}

impl Seen<'_> {
    pub(crate) fn input(&self) -> ss_plugin_event_input {
        ss_plugin_event_input { evt: self.event, evtnum: self.number, evtsrc: self.source.as_ptr() }
    }
}

impl Request {
    /// Resolves a field of the plugins of a source; `None` if there is none of that name.
    pub(crate) fn resolve(set: &SourcePlugins, wanted: &str, arg: Option<&[u8]>) -> Option<Result<Self, FieldError>> {
        let (plugin, number, field) = set.extractors().find_map(|(plugin, library)| {
            let fields = &library.info().fields;
            let number = fields.iter().position(|field| field.name == wanted)?;
            Some((plugin, number as u32, &fields[number]))
        })?;
        if let Err(error) = field.argument.check(wanted, arg) {
            return Some(Err(error));
        }
        let shown = || String::from_utf8_lossy(arg.unwrap_or_default()).into_owned();
        let indexed = matches!(field.argument, Argument::Index | Argument::RequiredIndex);
        Some(Ok(Self {
            plugin,
            number,
            name: name(wanted),
            key: arg.filter(|_| !indexed).map(|_| name(&shown())),
            index: if indexed { shown().parse().unwrap_or(0) } else { 0 },
            present: arg.is_some(),
            list: field.list,
            kind: field.kind,
            type_number: TYPES.iter().find(|(_, kind, _)| *kind == field.kind).map_or(0, |(.., number)| *number),
        }))
    }

    /// Returns the description of the field, with a number of the caller's.
    pub(crate) fn info(&self, id: FieldId) -> FieldInfo {
        let mut info = FieldInfo::plain(id, self.name.to_string_lossy().into_owned(), self.kind);
        info.list = self.list;
        info.print = self.print();
        info
    }

    /// Returns whether both have values of the same kind.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.kind, self.list) == (other.kind, other.list)
    }

    pub(crate) fn print(&self) -> Print {
        if self.kind.number().is_some() { Print::Dec } else { Print::None }
    }

    /// Calls the plugin and copies the values, which belong to the plugin until its next call.
    ///
    /// # Safety
    /// The event must be one with its length.
    pub(crate) unsafe fn extract<'e>(&self, plugin: &Plugin, seen: &Seen<'_>, arena: &'e Bump) -> Option<Value<'e>> {
        // SAFETY: as the caller says; a result is of the type and the length that it says, as the plugin returned success.
        unsafe { self.result(&self.call(plugin, seen, std::ptr::null_mut())?, plugin, arena) }
    }

    /// Calls the plugin and returns the bytes of the event that are the value, if it says which.
    ///
    /// # Safety
    /// The event must be one with its length.
    pub(crate) unsafe fn range(&self, plugin: &Plugin, seen: &Seen<'_>) -> Option<Range<usize>> {
        let mut offsets = ss_plugin_extract_value_offsets { start: std::ptr::null_mut(), length: std::ptr::null_mut() };
        // SAFETY: as the caller says; the offsets live until the call returns.
        let field = unsafe { self.call(plugin, seen, &raw mut offsets) }?;
        if field.res_len == 0 || offsets.start.is_null() || offsets.length.is_null() {
            return None;
        }
        // SAFETY: not null; the interface says that there is one number for each field, and an event is there.
        let (start, length, whole) = unsafe {
            let number = |first: *mut u32| first.read_unaligned() as usize;
            (number(offsets.start), number(offsets.length), seen.event.read_unaligned().len as usize)
        };
        // A value that has no place in the event has no length, or one that cannot be.
        let range = start..start.checked_add(length).filter(|end| *end <= whole)?;
        Some(range).filter(|range| !range.is_empty())
    }

    /// Calls the plugin for the field, and returns what it wrote. Each field is a call: version 0.5.1 of the Rust SDK returns
    /// overwritten values for several fields.
    ///
    /// # Safety
    /// The event must be one with its length; the offsets must be null or writable.
    unsafe fn call(
        &self,
        plugin: &Plugin,
        seen: &Seen<'_>,
        offsets: *mut ss_plugin_extract_value_offsets,
    ) -> Option<ss_plugin_extract_field> {
        if !plugin.extracted.contains(seen.code) {
            return None;
        }
        let extract = plugin.library().api().__bindgen_anon_2.extract_fields?;
        let mut field = ss_plugin_extract_field {
            res: ss_plugin_extract_field__bindgen_ty_1 { u64_: std::ptr::null_mut() },
            res_len: 0,
            field_id: self.number,
            field: self.name.as_ptr(),
            arg_key: self.key.as_ref().map_or(std::ptr::null(), |key| key.as_ptr()),
            arg_index: self.index,
            arg_present: self.present.into(),
            ftype: self.type_number,
            flist: self.list.into(),
        };
        let input = ss_plugin_field_extract_input {
            owner: plugin.owner.pointer(),
            get_owner_last_error: Some(last_error),
            num_fields: 1,
            fields: &raw mut field,
            table_reader: tables::READER,
            table_reader_ext: tables::reader(),
            value_offsets: offsets,
        };
        let event = seen.input();
        let _call = plugin.call(Function::Extract);
        // SAFETY: the state is that of this plugin; event, field and input live until the call returns, and only the
        // field and the offsets are written to. The presence of the function was checked when the library was loaded.
        let extract = || unsafe { extract(plugin.state(), &raw const event, &raw const input) };
        if enter(plugin.registry(), seen.access, extract) == ss_plugin_rc_SS_PLUGIN_SUCCESS {
            return Some(field);
        }
        plugin.count_failure();
        None
    }

    /// Copies the values of a field.
    ///
    /// # Safety
    /// The result must be null, or point to as many values as it says, of the type that was requested.
    unsafe fn result<'e>(
        &self,
        field: &ss_plugin_extract_field,
        plugin: &Plugin,
        arena: &'e Bump,
    ) -> Option<Value<'e>> {
        // SAFETY: all members of the union are pointers.
        let values = unsafe { field.res.u64_ };
        if field.res_len == 0 {
            return None;
        }
        if values.is_null() || field.res_len > LONGEST_LIST || !self.list && field.res_len > 1 {
            plugin.count_failure();
            return None;
        }
        // SAFETY: not null, and the caller says how many there are and of which type.
        let value = |place: usize| unsafe {
            Some(match self.kind {
                Kind::CharBuf => {
                    let text = library::bytes(field.res.str_.add(place).read_unaligned())?;
                    Value::Bytes(arena.alloc_slice_copy(text))
                }
                Kind::Bool => Value::Bool(field.res.boolean.add(place).read_unaligned() != ss_plugin_bool::from(false)),
                Kind::IpAddr | Kind::IpNet => Value::Ip(address(&field.res.buf.add(place).read_unaligned())?),
                _ => Value::U64(values.add(place).read_unaligned()),
            })
        };
        if !self.list {
            return value(0);
        }
        let mut list = BumpVec::with_capacity_in(field.res_len as usize, arena);
        list.extend((0..field.res_len as usize).filter_map(value));
        Some(Value::List(list.into_bump_slice()))
    }
}

/// Returns the address in a buffer of 4 or 16 bytes.
///
/// # Safety
/// The buffer must be null, or as long as it says.
unsafe fn address(buffer: &ss_plugin_byte_buffer) -> Option<IpAddr> {
    if buffer.ptr.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller says that it is as long as it says.
    unsafe {
        match buffer.len {
            4 => Some(Ipv4Addr::from(buffer.ptr.cast::<[u8; 4]>().read_unaligned()).into()),
            16 => Some(Ipv6Addr::from(buffer.ptr.cast::<[u8; 16]>().read_unaligned()).into()),
            _ => None,
        }
    }
}
