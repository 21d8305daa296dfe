//! A schema for tests: some fields of system call events, their types, and no values.

use std::borrow::Cow;
use std::convert::Infallible;

use peregrine_rule_engine::event::record::Record;
use peregrine_rule_engine::event::{EventSchema, FieldError, FieldId, FieldInfo, Key, Kind, Schema, Special};

/// Name, type, whether it has an argument.
const FIELDS: [(&str, Kind, Arg); 22] = [
    ("evt.type", Kind::CharBuf, Arg::None),
    ("evt.num", Kind::UInt64, Arg::None),
    ("evt.dir", Kind::CharBuf, Arg::None),
    ("evt.arg", Kind::CharBuf, Arg::Needed),
    ("evt.res", Kind::CharBuf, Arg::None),
    ("evt.rawres", Kind::Int64, Arg::None),
    ("evt.is_open_write", Kind::Bool, Arg::None),
    ("proc.name", Kind::CharBuf, Arg::None),
    ("proc.pname", Kind::CharBuf, Arg::None),
    ("proc.aname", Kind::CharBuf, Arg::Allowed),
    ("proc.cmdline", Kind::CharBuf, Arg::None),
    ("proc.exepath", Kind::CharBuf, Arg::None),
    ("proc.pid", Kind::Int64, Arg::None),
    ("proc.args", Kind::CharBuf, Arg::Allowed),
    ("user.name", Kind::CharBuf, Arg::None),
    ("user.uid", Kind::UInt32, Arg::None),
    ("fd.name", Kind::CharBuf, Arg::None),
    ("fd.num", Kind::Int64, Arg::None),
    ("fd.sip", Kind::IpAddr, Arg::None),
    ("fd.sport", Kind::Port, Arg::None),
    ("container.id", Kind::CharBuf, Arg::None),
    ("ka.verb", Kind::CharBuf, Arg::None),
];

const EVENTS: [&str; 6] = ["open", "openat", "execve", "connect", "close", "clone"];

/// As many types as the schema of system calls has.
const KEYS: usize = 200;

#[derive(Clone, Copy, PartialEq)]
enum Arg {
    None,
    Allowed,
    Needed,
}

/// The schema.
#[derive(Debug, Default)]
pub(crate) struct TestSchema {
    known: Vec<(String, Option<Vec<u8>>)>,
}

impl Schema for TestSchema {
    fn source(&self) -> &str {
        "syscall"
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        let row = FIELDS.iter().find(|(known, ..)| *known == name).filter(|row| arg.is_none() || row.2 != Arg::None);
        let Some((field, kind, takes)) = row else { return Err(FieldError::nonexistent(name, arg)) };
        if *takes == Arg::Needed && arg.is_none() {
            return Err(FieldError::MissingArgument {
                field: name.to_owned(),
                message: format!("filter syntax error: {name}"),
            });
        }
        let key = (name.to_owned(), arg.map(<[u8]>::to_vec));
        let at = self.known.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.known.push(key);
            self.known.len() - 1
        });
        let mut info = FieldInfo::plain(FieldId(at as u32), *field, *kind);
        info.special = match *field {
            "evt.type" => Special::EventType,
            "evt.num" => Special::EventNumber,
            _ => Special::None,
        };
        Ok(info)
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        FIELDS.iter().map(|(name, ..)| Cow::Borrowed(*name)).collect()
    }

    fn is_field(&self, text: &str) -> bool {
        let (name, arg) = text.split_once('[').map_or((text, false), |(name, rest)| (name, rest.ends_with(']')));
        FIELDS
            .iter()
            .any(|(known, _, takes)| *known == name && (*takes == Arg::Allowed || arg == (*takes == Arg::Needed)))
    }

    fn key_count(&self) -> usize {
        KEYS
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        let at = EVENTS.iter().position(|name| *name == event_type)?;
        Some(Cow::Owned(vec![Key(at as u16 * 2), Key(at as u16 * 2 + 1)]))
    }

    fn type_names(&self, keys: &[Key]) -> Vec<String> {
        let named = |key: &Key| EVENTS.get(usize::from(key.0) / 2).map(|name| (*name).to_owned());
        let mut names: Vec<String> = keys.iter().filter_map(named).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// It has names only: there are no events of it.
impl EventSchema for TestSchema {
    type Input<'a> = Infallible;
    type Event<'a> = &'a Record<'a>;
    type Error = Infallible;

    fn event<'a>(&'a self, input: Infallible) -> Result<&'a Record<'a>, Infallible> {
        match input {}
    }
}
