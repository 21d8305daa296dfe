//! `pscap read`: events as lines for people, by a template, as JSON, or as text that can be read back.

use bumpalo::Bump;
use rule_engine::event::Schema as _;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::output::Formatter;
use scap::text::{write_event, write_host};
use sinsp::Event;
use sinsp::fields::{FieldRef, Fields, Value, write_json_text};

use crate::Fatal;
use crate::cli::{Print, Read};
use crate::input::Input;
use crate::output::Output;
use crate::plugins::Plugins;
use crate::reference::{self, Reference};
use crate::view::{Question, Seen, View};

/// The default format of an event: templates, with their colours on a terminal.
const DEFAULT: &[(&str, &str)] = &[
    ("%evt.num", "2"),
    (" %evt.time", "2"),
    (" %evt.cpu", "2"),
    (" %proc.name", "1;32"),
    (" (%thread.tid)", "32"),
    (" %evt.type", "1;34"),
    (" %evt.args", ""),
];

/// The default fields of JSON objects.
const DEFAULT_FIELDS: &[&str] =
    &["evt.num", "evt.rawtime", "evt.cpu", "proc.name", "thread.tid", "evt.type", "evt.args"];

pub(crate) fn run(options: &Read) -> Result<(), Fatal> {
    let fields = Fields::new().with_buffers(options.print.buffers.into());
    let plugins = Plugins::load(&options.plugins, None)?;
    let question = Question::new(plugins.schema(&fields), &options.filter)?;
    let mut output = Output::new();
    let mut printer = Printer::new(&options.print, options.as_reference, &fields, &plugins, output.has_colours())?;
    let config = options.as_reference.map(|_| Reference::config()).unwrap_or_default();
    let mut view = View::with(Input::open(&options.file)?, question, config, plugins.of_capture()?);
    let mut left = options.count.unwrap_or(u64::MAX);
    let (mut line, mut text) = (Vec::new(), String::new());
    if options.text {
        write_host(view.host(), &mut text);
        output.line(text.trim_end().as_bytes())?;
    }
    while left > 0 {
        let event = match view.next()? {
            Seen::Match(event) => event,
            Seen::Other | Seen::Hidden | Seen::Idle => continue,
            Seen::End => break,
        };
        line.clear();
        if options.text {
            text.clear();
            write_event(&event.raw(), &mut text);
            line.extend_from_slice(text.as_bytes());
        } else if !printer.print(&event, &mut line) {
            continue;
        }
        output.line(&line)?;
        left -= 1;
    }
    Ok(output.finish()?)
}

/// The format of a line.
pub(crate) struct Printer {
    arena: Bump,
    form: Form,
}

#[allow(clippy::large_enum_variant, reason = "one value exists in a run")]
enum Form {
    /// A template; whether every field of it must have a value.
    Template(Formatter<SinspSchema>, bool),
    /// Templates, each with a colour.
    Coloured(Vec<(Formatter<SinspSchema>, &'static str)>),
    Json(Vec<Column>),
}

/// A field of JSON objects.
enum Column {
    Own(Own),
    /// A field of a plugin.
    Added(Box<Formatter<SinspSchema>>),
}

/// A field of this program.
struct Own {
    /// The name that the user gave it, as JSON, and a colon.
    key: Vec<u8>,
    field: FieldRef,
    /// Whether it is present only in events that start, end or change a process.
    sparse: bool,
    /// Replacement if the field has a text and no JSON form.
    instead: Option<Value<'static>>,
}

impl Printer {
    pub(crate) fn new(
        options: &Print,
        reference: Option<Reference>,
        fields: &Fields,
        plugins: &Plugins,
        colours: bool,
    ) -> Result<Self, Fatal> {
        let template = |format: &str| Formatter::compile(format, plugins.schema(fields));
        let form = match &options.print {
            _ if options.json => Form::Json(columns(&options.fields, reference, fields, plugins)?),
            Some(format) => {
                let parsed = template(format).map_err(|error| format!("{format}: {error}"))?;
                Form::Template(parsed, !format.starts_with('*'))
            }
            None if colours => {
                let piece = |&(format, colour): &(&str, &'static str)| Ok((template(format)?, colour));
                Form::Coloured(DEFAULT.iter().map(piece).collect::<Result<_, Fatal>>()?)
            }
            None => {
                let format: String = DEFAULT.iter().map(|piece| piece.0).collect();
                Form::Template(template(&format)?, false)
            }
        };
        Ok(Self { arena: Bump::new(), form })
    }

    /// Appends the line of an event, unless the template requires a field that it does not have.
    pub(crate) fn print(&mut self, event: &Event<'_>, line: &mut Vec<u8>) -> bool {
        self.arena.reset();
        match &self.form {
            Form::Template(template, strict) => {
                let complete = !*strict || {
                    let Ok(complete) = template.is_complete(event, &self.arena);
                    complete
                };
                if complete {
                    let Ok(()) = template.render(event, &self.arena, line);
                }
                complete
            }
            Form::Coloured(pieces) => {
                for (template, colour) in pieces {
                    if colour.is_empty() {
                        let Ok(()) = template.render(event, &self.arena, line);
                    } else {
                        line.extend_from_slice(format!("\x1b[{colour}m").as_bytes());
                        let Ok(()) = template.render(event, &self.arena, line);
                        line.extend_from_slice(b"\x1b[0m");
                    }
                }
                true
            }
            Form::Json(columns) => {
                line.push(b'{');
                for column in columns {
                    let start = line.len();
                    if line.last() != Some(&b'{') {
                        line.push(b',');
                    }
                    if !column.write(event, &self.arena, line) {
                        line.truncate(start);
                    }
                }
                line.push(b'}');
                true
            }
        }
    }
}

impl Column {
    /// Appends name and value; returns false if there is no value, and what was appended is void.
    fn write(&self, event: &Event<'_>, arena: &Bump, line: &mut Vec<u8>) -> bool {
        match self {
            Self::Own(own) => {
                let Some(value) = own.value(event, arena) else { return false };
                line.extend_from_slice(&own.key);
                value.write_json(line);
                true
            }
            Self::Added(template) => {
                let Ok(complete) = template.is_complete(event, arena);
                let mut object = Vec::new();
                let Ok(()) = template.write_json(event, arena, &mut object);
                // Without its braces.
                line.extend_from_slice(object.get(1..object.len().saturating_sub(1)).unwrap_or_default());
                complete
            }
        }
    }
}

impl Own {
    fn value<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        if self.sparse && !reference::turns(event.code()) {
            return None;
        }
        let value = self.field.json(event, arena);
        value.or_else(|| self.instead.filter(|_| self.field.text(event, arena).is_some()))
    }
}

fn columns(
    names: &[String],
    reference: Option<Reference>,
    known: &Fields,
    plugins: &Plugins,
) -> Result<Vec<Column>, Fatal> {
    let column = |name: &str| {
        if let (Err(_), true) = (known.parse(name), plugins.schema(known).is_field(name)) {
            let template = Formatter::compile(&format!("%{name}"), plugins.schema(known))?;
            return Ok(Column::Added(Box::new(template)));
        }
        // The reference names fields like a template does: characters that cannot be part of an argument end the name.
        let len = reference.and_then(|_| known.prefix_len(name)).unwrap_or(name.len());
        let field = known.parse(&name[..len]).map_err(|error| format!("{name}: {error}"))?;
        let sparse = reference.is_some() && Reference::is_sparse(name);
        let mut key = Vec::new();
        write_json_text(name.as_bytes(), &mut key);
        key.push(b':');
        Ok(Column::Own(Own { field, sparse, instead: reference.and_then(|it| it.instead(name)), key }))
    };
    if names.is_empty() {
        return DEFAULT_FIELDS.iter().map(|name| column(name)).collect();
    }
    names.iter().map(|name| column(name)).collect()
}
