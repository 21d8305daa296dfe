//! The fields of events of plugins, as rules see them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bumpalo::Bump;
use rule_engine::event::generic::{self, GenericField, GenericGetter, Moment, Origin};
use rule_engine::event::text::value_text;
use rule_engine::event::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Key, ResolvedFields, Schema, Value, split_argument,
};

use crate::calls::Function;
use crate::error::Error;
use crate::extract::Request;
use crate::library;
use crate::set::SourcePlugins;
use crate::source::PluginEvent;

/// The names of the events of one source that a plugin provides: the generic fields, and those that plugins extract.
#[derive(Debug, Clone)]
pub struct PluginSchema {
    set: Arc<SourcePlugins>,
    hostname: String,
    fields: ResolvedFields<Getter>,
}

#[derive(Debug, Clone)]
enum Getter {
    Generic(GenericGetter),
    /// Whether the event is asynchronous.
    IsAsync,
    /// The type of an asynchronous event.
    AsyncType,
    Extracted(Request),
}

impl PluginSchema {
    /// Creates the schema of a source.
    pub fn new(set: &Arc<SourcePlugins>) -> Self {
        Self { set: Arc::clone(set), hostname: String::new(), fields: ResolvedFields::default() }
    }

    /// Sets the value of `evt.hostname`.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Returns the bytes of an event, counted from the start of [`PluginEvent::bytes`], that are the value of a field. `None` if
    /// the field has no value, its plugin does not say where it is, or it is not one of a plugin.
    ///
    /// # Errors
    /// If the event is not one of this schema.
    pub fn range(&self, field: FieldId, event: PluginEvent<'_>) -> Result<Option<Range<usize>>, Error> {
        let Fields { event, .. } = self.event(event)?;
        let Some(Getter::Extracted(request)) = self.fields.getter(field) else { return Ok(None) };
        let Some(plugin) = event.source().plugin(request.plugin) else { return Ok(None) };
        // SAFETY: the event was checked when it was read.
        Ok(unsafe { request.range(plugin, &event.seen()) })
    }

    /// Returns the getter and the description of a field, which has no number yet.
    fn find(&self, wanted: &str, arg: Option<&[u8]>) -> Result<(Getter, FieldInfo), FieldError> {
        let origin = Origin { source: &self.set.source, plugin: self.set.provider(), hostname: &self.hostname };
        if arg.is_none()
            && let Some((getter, info)) = GenericGetter::named(wanted, origin)
        {
            let getter = match wanted {
                "evt.is_async" => Getter::IsAsync,
                "evt.asynctype" => Getter::AsyncType,
                _ => Getter::Generic(getter),
            };
            return Ok((getter, info));
        }
        let request =
            Request::resolve(&self.set, wanted, arg).ok_or_else(|| FieldError::nonexistent(wanted, arg))??;
        let info = request.info(FieldId(0));
        Ok((Getter::Extracted(request), info))
    }
}

impl Schema for PluginSchema {
    fn source(&self) -> &str {
        &self.set.source
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        if let Some(info) = self.fields.known(name, arg) {
            return Ok(info.clone());
        }
        let (getter, info) = self.find(name, arg)?;
        Ok(self.fields.add(name, arg, getter, info).clone())
    }

    fn is_field(&self, text: &str) -> bool {
        split_argument(text).is_some_and(|(name, arg)| self.find(name, arg).is_ok())
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        let extracted = self.set.fields().map(|(_, field)| Cow::Owned(field.name.clone()));
        GenericField::names().map(Cow::Borrowed).chain(extracted).collect()
    }

    fn field_name(&self, field: FieldId) -> String {
        self.fields.name(field)
    }

    fn key_count(&self) -> usize {
        1
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        generic::keys_of(event_type).map(Cow::Borrowed)
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
        let _call = plugin.call(Function::EventToString);
        // SAFETY: the state is that of this plugin, and the event lives until the call returns.
        let text = library::bytes(unsafe { to_string(plugin.state(), &raw const event) })?;
        Some(Value::Bytes(arena.alloc_slice_copy(text)))
    }
}

impl Event for Fields<'_> {
    fn key(&self) -> Key {
        generic::KEY
    }

    fn number(&self) -> u64 {
        self.event.number()
    }

    fn time(&self) -> u64 {
        self.event.time()
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match self.schema.fields.getter(field)? {
            Getter::Generic(field) => {
                let (number, time, start) = (self.event.number(), self.event.time(), self.event.start());
                field.value(Moment { number, time, start }, arena, || self.plugin_info(arena))
            }
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
        let print = self.schema.fields.info(field)?.print;
        value_text(self.value(field, arena)?, print, arena)
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match self.schema.fields.getter(field)? {
            Getter::Generic(field) if field.is_clock() => Some(Value::U64(self.event.time())),
            _ => self.value(field, arena),
        }
    }
}
