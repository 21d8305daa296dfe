//! One case for each layer, and for all of them together: the benchmarks time them and the instruction counts count
//! them.
//!
//! A case prepares its input, then runs over it any number of times; only the running is measured. All cases use the
//! capture `testdata/captures/attack-a.scap`, decompressed beforehand, so that the figures are the same everywhere.

use std::path::Path;
use std::sync::Arc;

use bumpalo::Bump;
use rule_engine::engine::SourceRules;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::FilterSetBuilder;
use rule_engine::output::{Format, Formatter};
use scap::render::{self, NoState};
use scap::savefile::{Compression, Reader, Writer};
use scap::{Next, Source};
use sinsp::Inspector;
use sinsp::fields::{FieldRef, Fields};

use crate::{capture, grid};

/// Any error of a case.
pub type Fault = Box<dyn std::error::Error>;

/// Runs a case once and returns the number of its events, rules or conditions.
pub type Run = Box<dyn FnMut() -> Result<u64, Fault>>;

/// A case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The counted unit.
    pub unit: &'static str,
    /// A description of its work.
    pub doc: &'static str,
    prepare: fn() -> Result<Run, Fault>,
}

impl Case {
    /// Reads and builds the input of the case.
    ///
    /// # Errors
    /// If part of it is missing or invalid.
    pub fn prepare(&self) -> Result<Run, Fault> {
        (self.prepare)()
    }
}

const fn case(name: &'static str, unit: &'static str, doc: &'static str, prepare: fn() -> Result<Run, Fault>) -> Case {
    Case { name, unit, doc, prepare }
}

/// Returns all cases, from the lowest layer to the highest.
pub const CASES: &[Case] = &[
    case("savefile/read", "event", "reads a capture", read),
    case("savefile/copy", "event", "reads a capture and writes it again", copy),
    case("event/decode", "event", "decodes every parameter to its typed value", decode),
    case("event/render", "event", "prints every parameter", print),
    case("state/parse", "event", "keeps the state of the host", parse),
    case("fields/extract", "event", "extracts twenty fields that rules use", fields),
    case("fields/format", "event", "renders the output of a rule", format),
    case("filter/one", "event", "evaluates one condition that never matches", one_condition),
    case("filter/grid-250", "event", "evaluates 250 conditions at once", grid_250),
    case("rules/default", "event", "evaluates the default rules", default_rules),
    case("load/default", "rule", "loads the default rules", load_default),
    case("load/generated-20000", "rule", "loads 20,000 small rules", load_generated),
];

/// Returns the capture, decompressed.
///
/// # Errors
/// If it cannot be read.
pub fn attack() -> Result<Arc<[u8]>, Fault> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/captures/attack-a.scap");
    Ok(capture::plain(&path)?.into())
}

/// Returns the text of the default rules.
///
/// # Errors
/// If it cannot be read.
pub fn default_rules_text() -> Result<Vec<u8>, Fault> {
    Ok(std::fs::read(crate::default_rules())?)
}

/// Calls `each` for every event of a capture as it is stored.
fn events(capture: &[u8], mut each: impl FnMut(&scap::Event<'_>)) -> Result<u64, Fault> {
    let mut reader = Reader::new(capture)?;
    let mut count = 0;
    loop {
        match reader.next()? {
            Next::Event(event) => {
                count += 1;
                each(&event);
            }
            Next::Idle | Next::Restart => {}
            Next::End => return Ok(count),
        }
    }
}

fn read() -> Result<Run, Fault> {
    let capture = attack()?;
    Ok(Box::new(move || {
        let mut sum = 0_u64;
        let count = events(&capture, |event| {
            let value = event.param(0).and_then(|param| param.i64()).unwrap_or(0);
            sum = sum.wrapping_add(event.ts()).wrapping_add(value as u64);
        });
        std::hint::black_box(sum);
        count
    }))
}

fn copy() -> Result<Run, Fault> {
    let capture = attack()?;
    Ok(Box::new(move || {
        let mut reader = Reader::new(&*capture)?;
        let mut writer = Writer::new(Vec::with_capacity(capture.len()), reader.host(), Compression::Plain)?;
        capture::copy(&mut reader, &mut writer)?;
        let count = writer.events();
        std::hint::black_box(writer.finish()?);
        Ok(count)
    }))
}

fn decode() -> Result<Run, Fault> {
    let capture = attack()?;
    Ok(Box::new(move || {
        events(&capture, |event| {
            for param in event.params() {
                std::hint::black_box(param.value());
            }
        })
    }))
}

fn print() -> Result<Run, Fault> {
    let capture = attack()?;
    Ok(Box::new(move || {
        let mut text = Vec::new();
        events(&capture, |event| {
            text.clear();
            render::args(event, &NoState, &mut text);
            std::hint::black_box(&text);
        })
    }))
}

/// Calls `each` for every event that the inspector returns.
fn inspect(capture: &[u8], mut each: impl FnMut(sinsp::Event<'_>)) -> Result<u64, Fault> {
    let mut inspector = Inspector::new(Reader::new(capture)?);
    let mut count = 0;
    inspector.for_each(|event| {
        count += 1;
        each(event);
    })?;
    Ok(count)
}

fn parse() -> Result<Run, Fault> {
    let capture = attack()?;
    Ok(Box::new(move || inspect(&capture, |event| _ = std::hint::black_box(event.num()))))
}

/// Fields that the published rules use most.
const TWENTY: [&str; 20] = [
    "evt.type",
    "evt.dir",
    "evt.rawres",
    "evt.is_open_read",
    "evt.is_open_write",
    "evt.arg.flags",
    "fd.name",
    "fd.directory",
    "fd.typechar",
    "fd.sip",
    "fd.sport",
    "proc.name",
    "proc.exepath",
    "proc.cmdline",
    "proc.pname",
    "proc.aname[2]",
    "proc.tty",
    "user.name",
    "user.uid",
    "container.id",
];

fn fields() -> Result<Run, Fault> {
    let capture = attack()?;
    let fields: Vec<FieldRef> = TWENTY.iter().map(|name| FieldRef::parse(name)).collect::<Result<_, _>>()?;
    let mut arena = Bump::new();
    Ok(Box::new(move || {
        inspect(&capture, |event| {
            for field in &fields {
                std::hint::black_box(field.value(&event, &arena));
            }
            arena.reset();
        })
    }))
}

fn format() -> Result<Run, Fault> {
    let capture = attack()?;
    let text = "%evt.time Shell (user=%user.name process=%proc.name exepath=%proc.exepath \
                parent=%proc.pname command=%proc.cmdline terminal=%proc.tty file=%fd.name container=%container.id)";
    let template = Formatter::compile(text, SinspSchema::new(Fields::new()))?;
    let (mut arena, mut text) = (Bump::new(), Vec::new());
    Ok(Box::new(move || {
        inspect(&capture, |event| {
            text.clear();
            let Ok(()) = template.render(&event, &arena, &mut text);
            std::hint::black_box(&text);
            arena.reset();
        })
    }))
}

fn filters(conditions: &[String]) -> Result<Run, Fault> {
    let capture = attack()?;
    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let mut builder = FilterSetBuilder::new(schema);
    for condition in conditions {
        builder.add(condition)?;
    }
    let mut set = builder.build();
    Ok(Box::new(move || {
        let mut matches = 0_u64;
        let count = inspect(&capture, |event| set.matches(&event, |_| matches += 1));
        std::hint::black_box(matches);
        count
    }))
}

fn one_condition() -> Result<Run, Fault> {
    filters(&["evt.type = openat and fd.name startswith /nowhere/ and proc.name in (nobody, noone)".to_owned()])
}

fn grid_250() -> Result<Run, Fault> {
    let conditions = (0..250).map(|number| match number % 5 {
        0 => format!("evt.type in (open, openat, openat2) and fd.name startswith /srv/site{number}/ and proc.name = w{number}"),
        1 => format!("evt.type in (execve, execveat) and proc.pname in (p{number}, q{number}) and proc.cmdline contains -{number}"),
        2 => format!("evt.type = connect and fd.sip in (10.0.{number}.1, 10.1.{number}.2) and not proc.name endswith d{number}"),
        3 => format!("evt.type in (unlink, unlinkat, rename) and evt.arg[1] glob /var/log/*.{number}"),
        _ => format!("evt.is_open_write = true and fd.name pmatch (/etc/app{number}, /opt/app{number}) and user.uid = {number}"),
    });
    filters(&conditions.collect::<Vec<_>>())
}

/// Runs rules over a capture.
///
/// # Errors
/// If the capture is damaged.
pub fn evaluate(rules: &Arc<SourceRules<SinspSchema>>, capture: &[u8]) -> Result<u64, Fault> {
    let (mut runner, mut bytes) = (rules.runner(), 0);
    let (format, mut line) = (Format::new(""), Vec::new());
    let count = inspect(capture, |event| {
        runner.process(&event, |alert| {
            line.clear();
            alert.write_text(&format, &mut line);
            bytes += line.len();
        });
    });
    std::hint::black_box(bytes);
    count
}

fn default_rules() -> Result<Run, Fault> {
    let capture = attack()?;
    let rules = grid::load(&[("peregrine_rules.yaml", &default_rules_text()?)])?;
    Ok(Box::new(move || evaluate(&rules, &capture)))
}

fn load_generated() -> Result<Run, Fault> {
    let text = grid::generated(20_000);
    Ok(Box::new(move || Ok(grid::load(&[("generated.yaml", text.as_bytes())])?.rules().rules().len() as u64)))
}

fn load_default() -> Result<Run, Fault> {
    let text = default_rules_text()?;
    Ok(Box::new(move || Ok(grid::load(&[("peregrine_rules.yaml", &text)])?.rules().rules().len() as u64)))
}
