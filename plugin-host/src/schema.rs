//! The fields of events of plugins, as rules see them.

use std::borrow::Cow;
use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use falco_plugin_api::{
    ss_plugin_bool, ss_plugin_byte_buffer, ss_plugin_event_input, ss_plugin_extract_field,
    ss_plugin_extract_field__bindgen_ty_1, ss_plugin_field_extract_input, ss_plugin_rc_SS_PLUGIN_SUCCESS,
};
use hashbrown::HashMap;
use rule_engine::event::generic::{GenericField, Moment};
use rule_engine::event::json::Argument;
use rule_engine::event::text::value_text;
use rule_engine::event::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Key, Kind, Print, Schema, Special, Value,
};

use crate::error::Error;
use crate::fields::{Field, TYPES};
use crate::owner::last_error;
use crate::plugin::{Plugin, name};
use crate::set::SourcePlugins;
use crate::source::PluginEvent;
use crate::{library, tables};

/// The type that all events of plugins have in rules.
const EVENT_TYPE: &str = "pluginevent";
/// The most values that are read of one field.
const LONGEST_LIST: u64 = 1 << 16;

/// The names of the events of one source that a plugin provides: the generic fields, and those that plugins extract.
#[derive(Debug, Clone)]
pub struct PluginSchema {
    set: Arc<SourcePlugins>,
    hostname: String,
    fields: Vec<Resolved>,
    known: HashMap<(String, Option<Vec<u8>>), FieldId>,
}

#[derive(Debug, Clone)]
struct Resolved {
    getter: Getter,
    info: FieldInfo,
}

#[derive(Debug, Clone)]
enum Getter {
    Generic(GenericField),
    Text(String),
    /// The text of the plugin for an event.
    PluginInfo,
    Missing,
    Extracted(Request),
}

/// The arguments of a plugin's extraction of a field.
#[derive(Debug, Clone)]
struct Request {
    /// The place of the plugin in the set.
    plugin: usize,
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

impl PluginSchema {
    /// Creates the schema of a source.
    pub fn new(set: &Arc<SourcePlugins>) -> Self {
        Self { set: Arc::clone(set), hostname: String::new(), fields: Vec::new(), known: HashMap::new() }
    }

    /// Sets the value of `evt.hostname`.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    fn listed(&self, name: &str) -> Option<(usize, u32, &Field)> {
        self.set.extractors().find_map(|(plugin, library)| {
            let fields = &library.info().fields;
            let number = fields.iter().position(|field| field.name == name)?;
            Some((plugin, number as u32, &fields[number]))
        })
    }

    fn find(&self, wanted: &str, arg: Option<&[u8]>) -> Result<(Getter, Kind, bool, Print), FieldError> {
        if arg.is_none()
            && let Some((field, kind, print)) = GenericField::named(wanted)
        {
            let getter = match field {
                GenericField::Source => Getter::Text(self.set.source.clone()),
                GenericField::PluginName => Getter::Text(self.set.provider().to_owned()),
                GenericField::Hostname => Getter::Text(self.hostname.clone()),
                GenericField::PluginInfo => Getter::PluginInfo,
                GenericField::AsyncType => Getter::Missing,
                other => Getter::Generic(other),
            };
            return Ok((getter, kind, false, print));
        }
        let Some((plugin, number, field)) = self.listed(wanted) else {
            return Err(FieldError::nonexistent(wanted, arg));
        };
        field.argument.check(wanted, arg)?;
        let shown = || String::from_utf8_lossy(arg.unwrap_or_default()).into_owned();
        let indexed = matches!(field.argument, Argument::Index | Argument::RequiredIndex);
        let request = Request {
            plugin,
            number,
            name: name(wanted),
            key: arg.filter(|_| !indexed).map(|_| name(&shown())),
            index: if indexed { shown().parse().unwrap_or(0) } else { 0 },
            present: arg.is_some(),
            list: field.list,
            kind: field.kind,
            type_number: TYPES.iter().find(|(_, kind, _)| *kind == field.kind).map_or(0, |(.., number)| *number),
        };
        let print = if field.kind.number().is_some() { Print::Dec } else { Print::None };
        Ok((Getter::Extracted(request), field.kind, field.list, print))
    }
}

impl Schema for PluginSchema {
    fn source(&self) -> &str {
        &self.set.source
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        let key = (name.to_owned(), arg.map(<[u8]>::to_vec));
        if let Some(id) = self.known.get(&key) {
            return Ok(self.fields[id.0 as usize].info.clone());
        }
        let (getter, kind, list, print) = self.find(name, arg)?;
        let id = FieldId(self.fields.len() as u32);
        let mut info = FieldInfo::plain(id, name.to_owned(), kind);
        info.list = list;
        info.print = print;
        if name == "evt.num" {
            info.special = Special::EventNumber;
        }
        self.fields.push(Resolved { getter, info: info.clone() });
        self.known.insert(key, id);
        Ok(info)
    }

    fn is_field(&self, text: &str) -> bool {
        match text.split_once('[') {
            None => self.find(text, None).is_ok(),
            Some((name, arg)) => arg.strip_suffix(']').is_some_and(|arg| self.find(name, Some(arg.as_bytes())).is_ok()),
        }
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        let extracted = self.set.fields().map(|(_, field)| Cow::Owned(field.name.clone()));
        GenericField::names().map(Cow::Borrowed).chain(extracted).collect()
    }

    fn field_name(&self, field: FieldId) -> String {
        match self.known.iter().find(|(_, id)| **id == field) {
            Some(((name, Some(arg)), _)) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
            Some(((name, None), _)) => name.clone(),
            None => String::new(),
        }
    }

    fn key_count(&self) -> usize {
        1
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        (event_type == EVENT_TYPE).then_some(Cow::Borrowed(&[Key(0)]))
    }

    fn has_event_types(&self) -> bool {
        false
    }

    fn suggested_output(&self) -> Vec<Cow<'static, str>> {
        let suggested = self.set.fields().filter(|(_, field)| field.suggested);
        suggested.map(|(_, field)| Cow::Owned(format!("{}=%{}", field.name.replace('.', "_"), field.name))).collect()
    }
}

impl EventSchema for PluginSchema {
    type Input<'a> = PluginEvent<'a>;
    type Event<'a> = Fields<'a>;
    type Error = Error;

    fn event<'a>(&'a self, event: PluginEvent<'a>) -> Result<Fields<'a>, Error> {
        if event.source().set().schema != self.set.schema {
            return Err(Error::ForeignEvent);
        }
        Ok(Fields { schema: self, event })
    }
}

/// An event of a plugin, with the schema that numbered its fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    schema: &'a PluginSchema,
    event: PluginEvent<'a>,
}

impl Fields<'_> {
    fn input(&self) -> ss_plugin_event_input {
        let source = self.event.source().source.as_ptr();
        ss_plugin_event_input { evt: self.event.raw(), evtnum: self.event.number(), evtsrc: source }
    }

    /// Calls the plugin for a field and copies the values, which belong to the plugin until its next call.
    fn extract<'e>(&self, request: &Request, arena: &'e Bump) -> Option<Value<'e>> {
        let plugin = self.event.source().plugin(request.plugin)?;
        let extract = plugin.library().api().__bindgen_anon_2.extract_fields?;
        let mut field = ss_plugin_extract_field {
            res: ss_plugin_extract_field__bindgen_ty_1 { u64_: std::ptr::null_mut() },
            res_len: 0,
            field_id: request.number,
            field: request.name.as_ptr(),
            arg_key: request.key.as_ref().map_or(std::ptr::null(), |key| key.as_ptr()),
            arg_index: request.index,
            arg_present: request.present.into(),
            ftype: request.type_number,
            flist: request.list.into(),
        };
        let input = ss_plugin_field_extract_input {
            owner: plugin.owner.pointer(),
            get_owner_last_error: Some(last_error),
            num_fields: 1,
            fields: &raw mut field,
            table_reader: tables::READER,
            table_reader_ext: (&raw const plugin.tables.reader).cast_mut(),
            value_offsets: std::ptr::null_mut(),
        };
        let event = self.input();
        // SAFETY: the state is that of this plugin; event, field and input live until the call returns, and only the
        // field is written to. The presence of the function was checked when the library was loaded.
        let rc = unsafe { extract(plugin.state(), &raw const event, &raw const input) };
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            plugin.count_failure();
            return None;
        }
        // SAFETY: the plugin returned success, so that the result is of the type and the length that it says.
        unsafe { result(&field, request, plugin, arena) }
    }

    /// Returns the text of the plugin that provides the events for this one.
    fn plugin_info<'e>(&self, arena: &'e Bump) -> Option<Value<'e>> {
        let plugin = self.event.source().plugin(0)?;
        let to_string = plugin.library().api().__bindgen_anon_1.event_to_string?;
        let event = self.input();
        // SAFETY: the state is that of this plugin, and the event lives until the call returns.
        let text = library::bytes(unsafe { to_string(plugin.state(), &raw const event) })?;
        Some(Value::Bytes(arena.alloc_slice_copy(text)))
    }
}

/// Copies the values of a field.
///
/// # Safety
/// The result must be null, or point to as many values as it says, of the type that was requested.
unsafe fn result<'e>(
    field: &ss_plugin_extract_field,
    request: &Request,
    plugin: &Plugin,
    arena: &'e Bump,
) -> Option<Value<'e>> {
    // SAFETY: all members of the union are pointers.
    let values = unsafe { field.res.u64_ };
    if field.res_len == 0 {
        return None;
    }
    if values.is_null() || field.res_len > LONGEST_LIST || !request.list && field.res_len > 1 {
        plugin.count_failure();
        return None;
    }
    // SAFETY: not null, and the caller says how many there are and of which type.
    let value = |place: usize| unsafe {
        Some(match request.kind {
            Kind::CharBuf => {
                let text = library::bytes(field.res.str_.add(place).read_unaligned())?;
                Value::Bytes(arena.alloc_slice_copy(text))
            }
            Kind::Bool => Value::Bool(field.res.boolean.add(place).read_unaligned() != ss_plugin_bool::from(false)),
            Kind::IpAddr | Kind::IpNet => Value::Ip(address(&field.res.buf.add(place).read_unaligned())?),
            _ => Value::U64(values.add(place).read_unaligned()),
        })
    };
    if !request.list {
        return value(0);
    }
    let mut list = BumpVec::with_capacity_in(field.res_len as usize, arena);
    list.extend((0..field.res_len as usize).filter_map(value));
    Some(Value::List(list.into_bump_slice()))
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

impl Event for Fields<'_> {
    fn key(&self) -> Key {
        Key(0)
    }

    fn number(&self) -> u64 {
        self.event.number()
    }

    fn time(&self) -> u64 {
        self.event.time()
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match &self.schema.fields.get(field.0 as usize)?.getter {
            Getter::Generic(field) => {
                let (number, time, start) = (self.event.number(), self.event.time(), self.event.start());
                field.value(Moment { number, time, start }, arena)
            }
            Getter::Text(text) => Some(Value::Bytes(text.as_bytes())),
            Getter::PluginInfo => self.plugin_info(arena),
            Getter::Missing => None,
            Getter::Extracted(request) => self.extract(request, arena),
        }
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        let print = self.schema.fields.get(field.0 as usize)?.info.print;
        value_text(self.value(field, arena)?, print, arena)
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match &self.schema.fields.get(field.0 as usize)?.getter {
            Getter::Generic(field) if field.is_clock() => Some(Value::U64(self.event.time())),
            _ => self.value(field, arena),
        }
    }
}
