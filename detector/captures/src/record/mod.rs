//! `pscap record`: records live events of this host into a capture.
//!
//! ```text
//! probe or tracer ─ inspector ─ filter ─ one file, a row of files, or standard output
//!  └ with a COMMAND: the events of its processes only
//! ```
//!
//! A capture begins with the state of the host, so that its readers know the processes and file descriptors that
//! existed before. The recorder knows only what a reader will know: nothing is looked up that is not in the file, and
//! an event that is printed while recording is printed the same when it is read back. What container engines answer is
//! written where it came.

mod command;
mod engines;
mod live;
mod sink;
mod summary;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bpf::{Selection, is_drop_event};
use scap::Source as _;
use scap::schema::{EventCode, SyscallCode, SyscallSet};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use sinsp::fields::Fields;

use crate::Fatal;
use crate::cli::Record;
use crate::marked::{Marker, changes_state};
use crate::output::Output;
use crate::plugins::Plugins;
use crate::read::Printer;
use crate::view::{Question, Seen, View};
use command::Recorded;
use engines::Engines;
use live::Live;
use sink::Sink;
use summary::Summary;

/// Interval of flushes, so that the capture can be read even after a crash of the host.
const FLUSH: Duration = Duration::from_secs(1);
/// Interval of events at which the clock and the command are checked.
const EVENTS: u32 = 256;

pub(crate) fn run(options: &Record) -> Result<ExitCode, Fatal> {
    let signals = Signals::install()?;
    let fields = Fields::new().with_buffers(options.print.buffers.into());
    let plugins = Plugins::load(&options.plugins, options.input.as_deref())?;
    let question = Question::new(plugins.schema(&fields), &options.filter)?;
    let output = Output::new();
    let printer = match options.show || options.print.is_given() {
        true => Some(Printer::new(&options.print, None, &fields, &plugins, output.has_colours())?),
        false => None,
    };
    let (sink, view, engines) = match plugins.open()? {
        Some((source, plugins)) => {
            let sink = Sink::create(options, source.host())?;
            (sink, View::with(Live::Plugin(source), question, sinsp::Config::default(), Some(plugins)), None)
        }
        None => {
            let source = Live::open(options, selection(options, question.keys())?)?;
            let root = std::env::var_os("HOST_ROOT").unwrap_or("/".into());
            let engines = Engines::start(Path::new(&root))?;
            let sink = Sink::create(options, source.host())?;
            (sink, View::of_this_host(source, question, &root, engines.provider()), Some(engines))
        }
    };
    let until = options.time.map(|time| now().saturating_add(time.as_nanos() as u64));
    let mut recording = Recording {
        sink,
        summary: Summary::new(),
        view,
        engines,
        described: 0,
        marker: Marker::default(),
        users: 0,
        only_matching: options.only_matching,
        output,
        printer,
        line: Vec::new(),
        signals,
    };
    recording.write_state_of_plugins(now())?;
    recording.write_new_users()?;
    recording.write_new_containers()?;
    let mut command = None;
    if let Some((program, arguments)) = options.command.split_first()
        && !recording.view.source().runs_command()
    {
        command = Some(Recorded::start(program, arguments)?);
    }
    let outcome = recording.run(options, until, command.as_mut());
    let code = match command {
        Some(command) => command.end(),
        None => recording.view.source_mut().end(options),
    };
    recording.last_losses()?;
    recording.finish(options.quiet)?;
    outcome?;
    code
}

/// Prints a line to standard error, whose reader may be gone.
fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "pscap: {text}");
}

/// Returns the system calls to capture: those that the filter may match, and those that the state requires.
fn selection(options: &Record, keys: Option<impl Iterator<Item = EventCode>>) -> Result<Selection, Fatal> {
    let mut selection = match keys {
        None => Selection::all(),
        Some(keys) => {
            let calls: SyscallSet = keys.flat_map(EventCode::syscalls).collect();
            let usual = Selection::all();
            let mut selection = Selection::none();
            let wanted = calls.union(SyscallSet::state());
            wanted.iter().filter(|call| usual.contains(*call)).for_each(|call| selection.insert(call));
            selection
        }
    };
    for name in &options.also {
        selection.insert(SyscallCode::from_name(name).ok_or_else(|| format!("there is no system call `{name}`"))?);
    }
    Ok(selection)
}

/// Returns nanoseconds since 1970: the clock of the events.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Requests to the recording.
struct Signals {
    end: Arc<AtomicBool>,
    tell: Arc<AtomicBool>,
}

impl Signals {
    /// Installs handlers: SIGINT and SIGTERM end the recording, a second one the program; SIGUSR1 prints the summary so
    /// far.
    fn install() -> Result<Self, Fatal> {
        let signals = Self { end: Arc::default(), tell: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.end))?;
            flag::register(signal, Arc::clone(&signals.end))?;
        }
        flag::register(SIGUSR1, Arc::clone(&signals.tell))?;
        Ok(signals)
    }
}

/// Result of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// An event of this time.
    Event(u64),
    /// There was no event.
    Idle,
    /// There will be no more events.
    End,
}

struct Recording {
    view: View<Live>,
    sink: Sink,
    output: Output,
    printer: Option<Printer>,
    line: Vec<u8>,
    marker: Marker,
    /// Those of this host, if its activity is recorded.
    engines: Option<Engines>,
    /// The number of the last description of a container in the file.
    described: u64,
    /// Number of users and groups of containers in the file.
    users: usize,
    only_matching: bool,
    summary: Summary,
    signals: Signals,
}

impl Recording {
    /// Records until the time or the number of events is reached, the command has ended, or termination is requested.
    fn run(&mut self, options: &Record, until: Option<u64>, mut command: Option<&mut Recorded>) -> Result<(), Fatal> {
        // Events up to then are recorded, and none after it.
        let mut end = until.unwrap_or(u64::MAX);
        let mut countdown = EVENTS;
        let mut flushed = Instant::now();
        loop {
            let step = self.step()?;
            let idle = step == Step::Idle;
            if step == Step::End {
                return Ok(());
            }
            if options.count.is_some_and(|count| self.summary.matched >= count) {
                return Ok(());
            }
            if matches!(step, Step::Event(ts) if ts > end) || (idle && now() > end) {
                return Ok(());
            }
            countdown -= 1;
            if !idle && countdown > 0 {
                continue;
            }
            countdown = EVENTS;
            for info in self.engines.iter().flat_map(Engines::new_ones) {
                self.view.describe(info);
            }
            if flushed.elapsed() >= FLUSH {
                self.write_new_users()?;
                self.sink.flush()?;
                self.output.flush()?;
                flushed = Instant::now();
            }
            if self.signals.tell.swap(false, Ordering::SeqCst) {
                self.summary.print(self.view.source(), &self.sink);
            }
            let asked = self.signals.end.load(Ordering::SeqCst);
            // The times of its events need not be those of the clock.
            if self.view.source().is_plugin() && (asked || now() > end) {
                return Ok(());
            }
            match &mut command {
                // The end of the recording is the end of the command, so it is terminated.
                Some(command) => {
                    if asked {
                        command.request_end();
                    }
                    if command.has_ended()? {
                        end = end.min(now());
                    }
                }
                // A command that the source runs ends the stream.
                None if asked && !self.view.source().terminate(options) => end = end.min(now()),
                None => {}
            }
        }
    }

    /// Processes the next event.
    fn step(&mut self) -> Result<Step, Fatal> {
        let matches = match self.view.next()? {
            Seen::Match(event) => {
                if let Some(printer) = &mut self.printer {
                    self.line.clear();
                    if printer.print(&event, &mut self.line) {
                        self.output.line(&self.line)?;
                    }
                }
                true
            }
            Seen::Other | Seen::Hidden => false,
            Seen::Idle => return Ok(Step::Idle),
            Seen::End => return Ok(Step::End),
        };
        // Before the event that is shown with it.
        self.write_new_containers()?;
        let Some(event) = self.view.raw() else { return Ok(Step::Idle) };
        let ts = event.ts();
        if matches {
            self.summary.matched += 1;
            self.sink.event(&event)?;
        } else if self.view.has_filter() && !self.only_matching && changes_state(&event) {
            self.summary.state_only += 1;
            self.sink.event(&self.marker.mark(&event)?)?;
        } else if !self.view.has_filter() || is_drop_event(&event) {
            // Hidden events, such as entry events, and those that no filter may drop.
            self.sink.event(&event)?;
        } else {
            return Ok(Step::Event(ts));
        }
        if self.sink.turn(ts, || self.view.state())? {
            self.write_users(ts)?;
            self.described = 0;
            self.write_state_of_plugins(ts)?;
            self.write_new_containers()?;
        }
        Ok(Step::Event(ts))
    }

    /// Records the drops since the last drop event of the stream.
    fn last_losses(&mut self) -> Result<(), Fatal> {
        if !self.view.source_mut().report_drops() {
            return Ok(());
        }
        loop {
            self.view.next()?;
            match self.view.raw() {
                Some(event) if is_drop_event(&event) => self.sink.event(&event)?,
                _ => return Ok(()),
            }
        }
    }

    /// Writes the users of containers, for which the header of a capture has no place and which no event of the kernel
    /// reports: when a file begins, and when they change.
    fn write_users(&mut self, ts: u64) -> Result<(), Fatal> {
        let Self { view, sink, marker, .. } = self;
        self.users = view.inspected().container_users().count();
        view.inspected().export_users(ts, |user| sink.state_event(&marker.mark(user)?))
    }

    /// Writes the events that describe the state of plugins, when a file begins.
    fn write_state_of_plugins(&mut self, ts: u64) -> Result<(), Fatal> {
        let Self { view, sink, .. } = self;
        view.inspected().export_extension(ts, |event| sink.state_event(event))
    }

    /// Writes the descriptions of containers that are not in the file yet.
    fn write_new_containers(&mut self) -> Result<(), Fatal> {
        let Self { view, sink, described, .. } = self;
        if view.inspected().last_description() != *described {
            *described = view.inspected().export_containers(*described, now(), |info| sink.state_event(info))?;
        }
        Ok(())
    }

    /// Calls [`write_users`](Self::write_users) if they have changed.
    fn write_new_users(&mut self) -> Result<(), Fatal> {
        if self.view.inspected().container_users().count() == self.users {
            return Ok(());
        }
        self.write_users(now())
    }

    fn finish(mut self, quiet: bool) -> Result<(), Fatal> {
        self.write_new_users()?;
        self.output.finish()?;
        if !quiet {
            self.summary.print(self.view.source(), &self.sink);
        }
        self.sink.finish()
    }
}
