//! Events of the inspector: system calls, with the threads and file descriptors that they are about.

use std::borrow::Cow;
use std::convert::Infallible;

use bumpalo::Bump;
use hashbrown::HashMap;
use sinsp::fields::{FieldRef, Fields};
use sinsp::scap::EventCode;
use sinsp::scap::schema::SyscallSet;
use sinsp::state::ProcessId;

use super::text::value_text;
use super::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Host, Hosts, Identity, Key, Kind, Lifetime, Print,
    ResolvedFields, Schema, Scope, ScopeSource, Special, Value,
};
use crate::response::Process;

/// The name of the source of system calls.
const SOURCE: &str = "syscall";

/// The names of the inspector's fields and events.
#[derive(Debug)]
pub struct SinspSchema {
    fields: Fields,
    resolved: ResolvedFields<Resolved>,
    added: Option<Box<dyn AddedFields>>,
    /// The prefixes of the names of fields, up to the first dot.
    classes: Vec<&'static str>,
    types: HashMap<&'static str, Vec<Key>>,
    async_events: Vec<String>,
    hosts: Option<Hosts>,
}

/// A field that was numbered.
#[derive(Debug)]
enum Resolved {
    BuiltIn(FieldRef),
    /// One of [`AddedFields`], with its number there.
    Added(FieldId),
}

/// Fields of system calls that another crate adds, such as those that plugins extract.
pub trait AddedFields: std::fmt::Debug + Send + Sync {
    /// Resolves a field, as [`Schema::field`]; the id is a number of this trait. `None` if there is no such field.
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Option<Result<FieldInfo, FieldError>>;

    /// Returns whether there is a field of that name.
    fn is_field(&self, name: &str) -> bool;

    /// Returns the names of all fields, for hints.
    fn names(&self) -> Vec<String>;

    /// Returns the output fields that are suggested, as [`Schema::suggested_output`].
    fn suggested_output(&self) -> Vec<String>;

    /// Returns the value of a field for an event.
    fn value<'e>(&'e self, field: FieldId, event: &'e sinsp::Event<'_>, arena: &'e Bump) -> Option<Value<'e>>;
}

impl SinspSchema {
    /// Adds the fields of another crate. Those of this schema come first where names are equal.
    #[must_use]
    pub fn with_added(mut self, fields: Box<dyn AddedFields>) -> Self {
        self.added = Some(fields);
        self
    }

    /// Creates a schema of the built-in fields, and those that the caller defined.
    pub fn new(fields: Fields) -> Self {
        use sinsp::scap::schema::{EVENTS, SYSCALLS};
        let mut types: HashMap<&'static str, Vec<Key>> = HashMap::new();
        for info in EVENTS {
            // The name of the generic events is known, but it is never that of an event.
            let keys = types.entry(info.name).or_default();
            if !info.code.is_generic() {
                keys.push(Key(info.code.0));
            }
        }
        let generic = [Key(EventCode::GENERIC_E.0), Key(EventCode::GENERIC_X.0)];
        for info in SYSCALLS {
            types.entry(info.name).or_insert_with(|| generic.to_vec());
        }
        let names = sinsp::fields::CLASSES.iter().flat_map(|class| class.fields).map(|field| field.name);
        let mut classes: Vec<&str> = names.filter_map(|name| name.split('.').next()).collect();
        classes.dedup();
        Self {
            fields,
            resolved: ResolvedFields::default(),
            added: None,
            classes,
            types,
            async_events: Vec::new(),
            hosts: Some(Hosts::default()),
        }
    }

    /// Returns the system calls that these types of events are about: a live source has to capture them for rules or a
    /// filter with these keys, in addition to those that the state needs ([`SyscallSet::state`]).
    pub fn syscalls(keys: impl IntoIterator<Item = Key>) -> SyscallSet {
        keys.into_iter().flat_map(|key| EventCode(key.0).syscalls()).collect()
    }

    /// Makes the name of an asynchronous event known, such as `container`.
    #[must_use]
    pub fn async_event(mut self, name: impl Into<String>) -> Self {
        self.async_events.push(name.into());
        self
    }

    /// Leaves the names of hosts in conditions unresolved: such checks never match.
    #[must_use]
    pub fn without_host_names(mut self) -> Self {
        self.hosts = None;
        self
    }

    /// Returns the fields.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Returns the description of a field, which has no number yet.
    fn info(field: &FieldRef) -> FieldInfo {
        use scap_types::{kind, print};
        use sinsp::fields::FieldFlags as F;
        let def = field.def();
        let flags = def.flags;
        let special = match def.name {
            "evt.type" => Special::EventType,
            "syscall.type" => Special::SyscallType,
            "evt.num" => Special::EventNumber,
            "evt.rawarg" => Special::RawArg,
            "evt.around" => Special::Around,
            "fd.cip.name" | "fd.sip.name" | "fd.lip.name" | "fd.rip.name" => Special::DnsName,
            _ if field.is_any_end() => Special::AnyEnd,
            _ if field.is_any_ancestor() => Special::AnyAncestor,
            _ => Special::None,
        };
        FieldInfo {
            id: FieldId(0),
            name: Cow::Borrowed(def.name),
            kind: kind(field),
            list: field.is_list(),
            print: print(def.format),
            lifetime: lifetime(field),
            no_rhs: flags.contains(F::NO_RHS),
            no_transformer: flags.contains(F::NO_TRANSFORMER),
            special,
            numbered: field.is_numbered(),
        }
    }

    /// Returns whether a field is one of the inspector's.
    pub(crate) fn is_built_in(&self, id: FieldId) -> bool {
        self.built_in(id).is_some()
    }

    fn built_in(&self, id: FieldId) -> Option<&FieldRef> {
        match self.resolved.getter(id)? {
            Resolved::BuiltIn(field) => Some(field),
            Resolved::Added(_) => None,
        }
    }
}

/// Returns the life time of a value. The leaders of sessions and process groups change with every job of a shell, so
/// values that depend on them are not worth caching.
fn lifetime(field: &FieldRef) -> Lifetime {
    use sinsp::fields::Lifetime as Of;
    match field.lifetime() {
        Of::Event | Of::Leaders => Lifetime::Event,
        Of::Fd => Lifetime::Fd,
        Of::Thread => Lifetime::Thread,
        Of::Lineage => Lifetime::Lineage,
    }
}

/// The types of the table of events, by their names.
mod scap_types {
    use super::{FieldRef, Kind, Print};

    pub(super) fn kind(field: &FieldRef) -> Kind {
        Kind::from_name(field.kind().name()).unwrap_or(Kind::Dyn)
    }

    pub(super) fn print(format: impl std::fmt::Debug) -> Print {
        match format!("{format:?}").as_str() {
            "Dec" | "Id" => Print::Dec,
            "Hex" => Print::Hex,
            "Oct" => Print::Oct,
            "PaddedDec" => Print::PaddedDec,
            _ => Print::None,
        }
    }
}

impl Schema for SinspSchema {
    fn source(&self) -> &str {
        SOURCE
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        if let Some(info) = self.resolved.known(name, arg) {
            return Ok(info.clone());
        }
        let (resolved, info) = match self.fields.resolve(name, arg) {
            Ok(field) => {
                let info = Self::info(&field);
                (Resolved::BuiltIn(field), info)
            }
            Err(error) => match self.added.as_mut().and_then(|added| added.field(name, arg)) {
                Some(info) => {
                    let info = info?;
                    (Resolved::Added(info.id), info)
                }
                None => return Err(field_error(name, arg, &error)),
            },
        };
        Ok(self.resolved.add(name, arg, resolved, info).clone())
    }

    fn print_field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        let info = self.field(name, arg)?;
        if self.built_in(info.id).is_some_and(FieldRef::is_filter_only) {
            return Err(FieldError::FilterOnly { field: name.to_owned() });
        }
        Ok(info)
    }

    fn is_field(&self, text: &str) -> bool {
        // Called for every constant of every condition: most do not even look like a field.
        let Some((class, _)) = text.split_once('.') else { return false };
        (class == "static" || self.classes.contains(&class)) && self.fields.parse(text).is_ok()
            || self.added.as_ref().is_some_and(|added| added.is_field(text.split('[').next().unwrap_or(text)))
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        let built_in = sinsp::fields::CLASSES.iter().flat_map(|class| class.fields);
        let built_in = built_in.filter(|field| !field.is_hidden()).map(|field| Cow::Borrowed(field.name));
        built_in.chain(self.added.iter().flat_map(|added| added.names()).map(Cow::Owned)).collect()
    }

    fn type_names(&self, keys: &[Key]) -> Vec<String> {
        use sinsp::scap::schema::EventCode;
        let mut names: Vec<String> = Vec::new();
        for code in keys.iter().map(|key| EventCode(key.0)) {
            // A call without a specific event has its own name.
            if code.is_generic() {
                names.extend(code.syscalls().filter_map(|call| call.info()).map(|info| info.name.to_owned()));
            } else {
                names.extend(code.info().map(|info| info.name.to_owned()));
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn field_name(&self, field: FieldId) -> String {
        match self.built_in(field) {
            Some(field) => field.name().to_owned(),
            None => self.resolved.name(field),
        }
    }

    fn key_count(&self) -> usize {
        sinsp::scap::schema::EVENT_COUNT
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        if let Some(keys) = self.types.get(event_type) {
            return Some(Cow::Borrowed(keys));
        }
        let known = self.async_events.iter().any(|name| name == event_type);
        known.then(|| Cow::Owned(vec![Key(sinsp::scap::schema::EventCode::ASYNCEVENT_E.0)]))
    }

    fn common_keys(&self) -> Vec<Key> {
        vec![Key(sinsp::scap::schema::EventCode::ASYNCEVENT_E.0)]
    }

    fn constant(&self, field: FieldId, key: Key) -> Option<Value<'_>> {
        use sinsp::scap::schema::EventCode;
        let code = EventCode(key.0);
        match self.built_in(field)?.name() {
            "evt.type" if code.is_generic() || code == EventCode::ASYNCEVENT_E => None,
            "evt.type" => code.info().map(|info| Value::Bytes(info.name.as_bytes())),
            "evt.dir" => Some(Value::Bytes(if code.is_enter() { b">" } else { b"<" })),
            _ => None,
        }
    }

    fn host(&mut self, name: &str) -> Host {
        self.hosts.as_mut().map_or_else(|| Host::unknown(name), |hosts| hosts.host(name))
    }

    fn utc_offset(&self) -> fn(i64) -> i64 {
        |seconds| sinsp::fields::utc_offset(seconds).into()
    }

    fn scope(&self, scope: Scope) -> ScopeSource {
        match scope {
            Scope::Process | Scope::Tree | Scope::Session => ScopeSource::Processes,
            Scope::Container => ScopeSource::Field("container.id"),
            Scope::User => ScopeSource::Field("user.uid"),
            Scope::Host => ScopeSource::None,
        }
    }

    fn suggested_output(&self) -> Vec<Cow<'static, str>> {
        let added = self.added.iter().flat_map(|added| added.suggested_output());
        self.fields.suggested_output().into_iter().chain(added).map(Cow::Owned).collect()
    }
}

/// An event of the inspector, with the schema that numbered its fields.
///
/// Only what was compiled with the schema can be evaluated with it. An event of another one, for which every condition
/// would be false silently, does not compile:
///
/// ```compile_fail
/// use peregrine_rule_engine::event::EventSchema;
/// use peregrine_rule_engine::event::sinsp::SinspSchema;
/// use peregrine_rule_engine::filter::Filter;
/// use sinsp::fields::Fields;
///
/// fn count(inspector: &mut sinsp::Inspector<sinsp::scap::savefile::Reader<std::fs::File>>) {
///     let mut filter = Filter::compile("proc.name = cat", SinspSchema::new(Fields::new())).unwrap();
///     let other = SinspSchema::new(Fields::new());
///     inspector.for_each(|event| drop(filter.matches(&other.event(&event).unwrap()))).unwrap();
/// }
/// ```
///
/// This does: every filter makes its own event.
///
/// ```
/// use peregrine_rule_engine::event::sinsp::SinspSchema;
/// use peregrine_rule_engine::filter::Filter;
/// use sinsp::fields::Fields;
///
/// fn count(inspector: &mut sinsp::Inspector<sinsp::scap::savefile::Reader<std::fs::File>>) {
///     let mut filter = Filter::compile("proc.name = cat", SinspSchema::new(Fields::new())).unwrap();
///     inspector.for_each(|event| drop(filter.matches(&event))).unwrap();
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SinspEvent<'a> {
    event: &'a sinsp::Event<'a>,
    schema: &'a SinspSchema,
}

impl EventSchema for SinspSchema {
    // An event is large for a value: it is read where it is.
    type Input<'a> = &'a sinsp::Event<'a>;
    type Event<'a> = SinspEvent<'a>;
    type Error = Infallible;

    #[inline]
    fn event<'a>(&'a self, event: &'a sinsp::Event<'a>) -> Result<SinspEvent<'a>, Infallible> {
        Ok(SinspEvent { event, schema: self })
    }
}

impl<'a> SinspEvent<'a> {
    #[inline(never)]
    fn added<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        self.schema.added.as_ref()?.value(field, self.event, arena)
    }
}

#[inline]
fn value<'e>(value: sinsp::fields::Value<'e>, arena: &'e Bump) -> Value<'e> {
    use sinsp::fields::Value as Of;
    match value {
        Of::Bool(truth) => Value::Bool(truth),
        Of::I64(number) => Value::I64(number),
        Of::U64(number) => Value::U64(number),
        Of::F64(number) => Value::F64(number),
        Of::Bytes(bytes) => Value::Bytes(bytes),
        Of::Ip(ip) | Of::Net(ip, _) => Value::Ip(ip),
        Of::List(items) => list(items, arena),
    }
}

#[inline(never)]
fn list<'e>(items: &[sinsp::fields::Value<'e>], arena: &'e Bump) -> Value<'e> {
    Value::List(arena.alloc_slice_fill_iter(items.iter().map(|item| value(*item, arena))))
}

impl Event for SinspEvent<'_> {
    #[inline]
    fn key(&self) -> Key {
        Key(self.event.code().0)
    }

    #[inline]
    fn number(&self) -> u64 {
        self.event.num()
    }

    #[inline]
    fn time(&self) -> u64 {
        self.event.ts()
    }

    #[inline]
    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match self.schema.resolved.getter(field)? {
            Resolved::BuiltIn(field) => Some(value(field.value(self.event, arena)?, arena)),
            Resolved::Added(field) => self.added(*field, arena),
        }
    }

    fn number_of(&self, field: FieldId) -> Option<u32> {
        self.schema.built_in(field)?.number(self.event)
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        match self.schema.resolved.getter(field)? {
            Resolved::BuiltIn(field) => field.text(self.event, arena),
            Resolved::Added(added) => {
                let print = self.schema.resolved.info(field)?.print;
                value_text(self.added(*added, arena)?, print, arena)
            }
        }
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match self.schema.resolved.getter(field)? {
            Resolved::BuiltIn(field) => Some(value(field.json(self.event, arena)?, arena)),
            Resolved::Added(field) => self.added(*field, arena),
        }
    }

    fn process(&self) -> Option<Process> {
        let thread = self.event.thread()?;
        // Of a placeholder nothing is known but its tid.
        let pid = i32::try_from(thread.pid).ok().filter(|pid| *pid > 0)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let paths = || thread.cgroups().map(|(_, path)| path);
        let cgroup = paths().find(|path| *path != b"/").or_else(|| paths().next());
        Some(Process {
            pid,
            start: self.event.state().process(thread).start,
            exe: text(&thread.exepath),
            cgroup: text(cgroup.unwrap_or_default()),
            container: text(&thread.container_id),
        })
    }

    fn identities(&self, scope: Scope, each: &mut dyn FnMut(Identity)) {
        let Some(thread) = self.event.thread() else { return };
        let state = self.event.state();
        let mut each = |process: ProcessId| each(Identity { pid: process.pid, start: process.start });
        if scope == Scope::Session {
            return state.session(thread).into_iter().for_each(each);
        }
        // Of a placeholder nothing is known but its tid.
        if thread.pid >= 0 {
            each(state.process(thread));
        }
        if scope == Scope::Tree {
            state.creators(thread).for_each(each);
        }
    }

    #[inline]
    fn stamp(&self, lifetime: Lifetime) -> Option<u128> {
        let thread = self.event.thread()?;
        match lifetime {
            // A file that is opened again, by any process, has the stamp that it had before.
            Lifetime::Fd => self.event.fd_stamp().map(u128::from),
            Lifetime::Thread => Some(self.event.state().stamp(thread)),
            Lifetime::Lineage => Some(self.event.state().lineage_stamp(thread)),
            Lifetime::Event => None,
        }
    }
}

/// Converts the error of a field, for callers that do not use the inspector.
fn field_error(name: &str, arg: Option<&[u8]>, error: &sinsp::fields::FieldError) -> FieldError {
    use sinsp::fields::FieldErrorKind;
    let (field, message) = (name.to_owned(), error.to_string());
    match error.kind() {
        FieldErrorKind::Unknown => match error.unknown_field() {
            Some(whole) => FieldError::Unknown { field: whole.to_owned() },
            None => FieldError::nonexistent(name, arg),
        },
        FieldErrorKind::MissingArgument => FieldError::MissingArgument { field, message },
        _ => FieldError::BadArgument { field, message },
    }
}
