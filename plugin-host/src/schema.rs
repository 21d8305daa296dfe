//! The fields of events of plugins, as rules see them.

use std::borrow::Cow;
use std::sync::Arc;

use bumpalo::Bump;
use hashbrown::HashMap;
use rule_engine::event::generic::{GenericField, Moment};
use rule_engine::event::text::value_text;
use rule_engine::event::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Key, Kind, Print, Schema, Special, Value,
};

use crate::error::Error;
use crate::extract::Request;
use crate::library;
use crate::set::SourcePlugins;
use crate::source::PluginEvent;

/// The type that all events of plugins have in rules.
const EVENT_TYPE: &str = "pluginevent";

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
    /// Whether the event is asynchronous.
    IsAsync,
    /// The type of an asynchronous event.
    AsyncType,
    Extracted(Request),
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

    fn find(&self, wanted: &str, arg: Option<&[u8]>) -> Result<(Getter, Kind, bool, Print), FieldError> {
        if arg.is_none()
            && let Some((field, kind, print)) = GenericField::named(wanted)
        {
            let getter = match field {
                GenericField::Source => Getter::Text(self.set.source.clone()),
                GenericField::PluginName => Getter::Text(self.set.provider().to_owned()),
                GenericField::Hostname => Getter::Text(self.hostname.clone()),
                GenericField::PluginInfo => Getter::PluginInfo,
                GenericField::IsAsync => Getter::IsAsync,
                GenericField::AsyncType => Getter::AsyncType,
                other => Getter::Generic(other),
            };
            return Ok((getter, kind, false, print));
        }
        let request =
            Request::resolve(&self.set, wanted, arg).ok_or_else(|| FieldError::nonexistent(wanted, arg))??;
        let info = request.info(FieldId(0));
        Ok((Getter::Extracted(request), info.kind, info.list, info.print))
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
    /// Returns the text of the plugin that provides the events for this one.
    fn plugin_info<'e>(&self, arena: &'e Bump) -> Option<Value<'e>> {
        if self.event.is_async() {
            return None;
        }
        let plugin = self.event.source().plugin(0)?;
        let to_string = plugin.library().api().__bindgen_anon_1.event_to_string?;
        let event = self.event.seen().input();
        // SAFETY: the state is that of this plugin, and the event lives until the call returns.
        let text = library::bytes(unsafe { to_string(plugin.state(), &raw const event) })?;
        Some(Value::Bytes(arena.alloc_slice_copy(text)))
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
            Getter::IsAsync => Some(Value::Bool(self.event.is_async())),
            Getter::AsyncType => self.event.async_type().map(Value::Bytes),
            Getter::Extracted(request) => {
                let plugin = self.event.source().plugin(request.plugin)?;
                // SAFETY: the event was checked when it was read.
                unsafe { request.extract(plugin, &self.event.seen(), arena) }
            }
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
