//! Fields of every event as JSON lines, in the manner of the dump that Falco's libraries were made to print.
//!
//! That dump has three oddities. A few fields, which are dear, were asked for only on events that begin, end or change a
//! process. There was no container plugin, so everything is on the host. And its first version, of which the older
//! captures' dumps are, printed Falco's error where the result of a call has a text and no JSON form.

use std::fs::File;
use std::io::Write;

use bumpalo::Bump;
use peregrine_sinsp::fields::{FieldRef, Fields, Value, write_json_text};
use peregrine_sinsp::{Config, Event, Inspector};
use scap::EventCode;

/// How a dump is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Every field of every event.
    Plain,
    /// As the reference was made.
    Reference,
    /// As the first version of it was.
    EarlyReference,
}

/// Fields that the reference has only where [`turns`] says so.
const SPARSE: [&str; 8] = [
    "proc.acmdline[3]",
    "proc.env",
    "thread.cap_effective",
    "thread.cap_inheritable",
    "thread.cap_permitted",
    "thread.cgroups",
    "user.homedir",
    "user.shell",
];

/// Events that begin, end or change a process.
fn turns(code: EventCode) -> bool {
    const NAMES: [&str; 19] = [
        "capset",
        "chroot",
        "clone",
        "clone3",
        "execve",
        "execveat",
        "fork",
        "prctl",
        "procexit",
        "ptrace",
        "setgid",
        "setns",
        "setregid",
        "setresgid",
        "setresuid",
        "setreuid",
        "setuid",
        "unshare",
        "vfork",
    ];
    code.info().is_some_and(|info| NAMES.contains(&info.name))
}

/// The field that the first version of the reference has an error for: Falco cannot put the result of a call into JSON.
const NO_JSON: (&str, &[u8]) = ("evt.rawarg.res", b"!EXC wrong param type 11");

/// A dump of some fields.
pub(crate) struct Dump<'n> {
    fields: Vec<(&'n str, FieldRef, bool)>,
    manner: Manner,
}

impl<'n> Dump<'n> {
    /// A dump of the fields of these names.
    ///
    /// # Errors
    /// If there is no such field.
    pub(crate) fn new(names: &'n [String], manner: Manner) -> Result<Self, Box<dyn std::error::Error>> {
        let known = Fields::new();
        let mut fields = Vec::new();
        for name in names {
            // As in a template, what cannot be an argument of the field is no part of it.
            let len = known.prefix_len(name).ok_or_else(|| format!("no field {name}"))?;
            let sparse = manner != Manner::Plain && SPARSE.contains(&name.as_str());
            fields.push((name.as_str(), known.parse(&name[..len])?, sparse));
        }
        Ok(Self { fields, manner })
    }

    /// Writes the dump of a capture.
    ///
    /// # Errors
    /// If the capture is broken, or `out` takes no more.
    pub(crate) fn write(&self, capture: File, mut out: impl Write) -> std::io::Result<()> {
        let mut config = Config::default();
        config.containers = self.manner == Manner::Plain;
        let reader = scap::savefile::Reader::new(capture).map_err(std::io::Error::other)?;
        let mut inspector = Inspector::with_config(reader, config);
        let mut arena = Bump::new();
        let (mut line, mut texts) = (Vec::new(), Vec::new());
        let mut written = Ok(());
        let read = inspector.for_each(|event| {
            if written.is_ok() {
                self.line(&event, &arena, &mut line, &mut texts);
                written = out.write_all(&line);
            }
            arena.reset();
        });
        read.map_err(std::io::Error::other)?;
        written?;
        out.flush()
    }

    fn line(&self, event: &Event<'_>, arena: &Bump, line: &mut Vec<u8>, texts: &mut Vec<u8>) {
        line.clear();
        texts.clear();
        let turns = turns(event.code());
        for (name, field, _) in self.fields.iter().filter(|(_, _, sparse)| !sparse || turns) {
            let json = field.json(event, arena);
            let text = field.text(event, arena);
            match json {
                Some(json) => put(line, name, json),
                None if text.is_some() && *name == NO_JSON.0 && self.manner == Manner::EarlyReference => {
                    put(line, name, Value::Bytes(NO_JSON.1));
                }
                None => {}
            }
            if let Some(text) = text.filter(|text| json.is_none_or(|json| plain(json) != *text)) {
                put(texts, name, Value::Bytes(text));
            }
        }
        if !texts.is_empty() {
            line.extend_from_slice(if line.is_empty() { b"\"_s\":{" } else { b",\"_s\":{" });
            line.append(texts);
            line.push(b'}');
        }
        line.insert(0, b'{');
        line.extend_from_slice(b"}\n");
    }
}

fn put(line: &mut Vec<u8>, name: &str, value: Value<'_>) {
    if !line.is_empty() {
        line.push(b',');
    }
    write_json_text(name.as_bytes(), line);
    line.push(b':');
    value.write_json(line);
}

/// The JSON value without quotes, to see whether the text says anything else.
fn plain(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        other => {
            let mut out = Vec::new();
            other.write_json(&mut out);
            out
        }
    }
}
