//! `pscap convert`: rewrites a capture. Reading upgrades old events to the current schema; a filter drops events.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use rule_engine::event::sinsp::SinspSchema;
use scap::savefile::{Compression, Writer, private_file};
use scap::text::{write_event, write_host};
use scap::{Event, HostState, Next, Source as _};
use sinsp::fields::Fields;

use crate::Fatal;
use crate::cli::Convert;
use crate::compatible::Older;
use crate::input::Input;
use crate::marked::{Marker, changes_state};
use crate::progress::Progress;
use crate::view::{Question, Seen, View};

pub(crate) fn run(options: &Convert) -> Result<(), Fatal> {
    let mut input = Input::open(&options.input)?;
    let mut sink = Sink::create(options, input.host())?;
    if !options.filter.is_empty() {
        return filtered(options, input, sink);
    }
    let mut progress = Progress::of_files(std::slice::from_ref(&options.input), &options.output);
    loop {
        progress.tick(|| input.progress());
        let restarted = match input.next()? {
            Next::Event(event) => {
                sink.event(&event)?;
                false
            }
            Next::Restart => true,
            Next::Idle => false,
            Next::End => break,
        };
        if restarted {
            sink.restart(input.host())?;
        }
    }
    sink.finish()
}

/// Keeps events that match; of the rest, those that change the state, marked so that they are not shown.
fn filtered(options: &Convert, input: Input, mut sink: Sink) -> Result<(), Fatal> {
    let mut view = View::new(input, Question::new(SinspSchema::new(Fields::new()), &options.filter)?);
    let mut marker = Marker::default();
    loop {
        let matches = match view.next()? {
            Seen::Match(_) => true,
            Seen::Other | Seen::Hidden | Seen::Idle => false,
            Seen::End => break,
        };
        match view.raw() {
            Some(event) if matches => sink.event(&event)?,
            Some(event) if !options.only_matching && changes_state(&event) => {
                sink.event(&marker.mark(&event)?)?;
            }
            Some(_) => {}
            None => sink.restart(view.host())?,
        }
    }
    sink.finish()
}

/// The file to write, and how it is written for an older program.
struct Sink {
    file: Output,
    older: Option<Older>,
}

impl Sink {
    fn create(options: &Convert, host: &HostState) -> Result<Self, Fatal> {
        let older = options.compatible.map(Older::new);
        let seen = older.as_ref().map_or(Cow::Borrowed(host), |older| older.host(host));
        Ok(Self { file: Output::create(&options.output, options.gzip, &seen)?, older })
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fatal> {
        let Some(older) = &mut self.older else { return self.file.event(event) };
        match older.event(event)? {
            Some(event) => self.file.event(&event),
            None => Ok(()),
        }
    }

    fn restart(&mut self, host: &HostState) -> Result<(), Fatal> {
        let seen = self.older.as_ref().map_or(Cow::Borrowed(host), |older| older.host(host));
        self.file.restart(&seen)
    }

    fn finish(self) -> Result<(), Fatal> {
        self.file.finish()?;
        if let Some(report) = self.older.and_then(|older| older.report()) {
            // Standard error may be closed; the file is complete.
            let _ = writeln!(std::io::stderr(), "pscap: {report}");
        }
        Ok(())
    }
}

#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Output {
    Scap(Writer<File>),
    Text(BufWriter<File>, String),
}

impl Output {
    fn create(path: &Path, gzip: bool, host: &HostState) -> Result<Self, Fatal> {
        let extension = path.extension().unwrap_or_default();
        if extension == "trace" {
            let file = private_file(path).map_err(|error| format!("can't create {}: {error}", path.display()))?;
            let mut sink = Self::Text(BufWriter::new(file), String::new());
            sink.host(host)?;
            return Ok(sink);
        }
        let compression = if gzip || extension == "gz" { Compression::default() } else { Compression::Plain };
        Ok(Self::Scap(Writer::create(path, host, compression)?))
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fatal> {
        match self {
            Self::Scap(writer) => writer.write(event)?,
            Self::Text(file, line) => {
                line.clear();
                write_event(event, line);
                line.push('\n');
                file.write_all(line.as_bytes())?;
            }
        }
        Ok(())
    }

    fn restart(&mut self, host: &HostState) -> Result<(), Fatal> {
        match self {
            Self::Scap(writer) => writer.restart(host)?,
            Self::Text(file, _) => {
                file.write_all(b"restart\n")?;
                self.host(host)?;
            }
        }
        Ok(())
    }

    fn host(&mut self, host: &HostState) -> Result<(), Fatal> {
        if let Self::Text(file, text) = self {
            text.clear();
            write_host(host, text);
            file.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Fatal> {
        match self {
            Self::Scap(writer) => {
                writer.finish()?;
            }
            Self::Text(mut file, _) => file.flush()?,
        }
        Ok(())
    }
}
