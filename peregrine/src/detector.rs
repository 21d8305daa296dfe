//! The detector: events, the state of the host, rules, alerts.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rule_engine::engine::Alert;
use scap::savefile::Reader;
use scap::schema::SyscallSet;
use scap::{Source, SourceStats};
use sinsp::state::{Extension, State};
use sinsp::{Config, Inspector, InspectorBuilder, Next};

use crate::found::{Found, Step};
use crate::{Engine, Error, Rules};

/// Evaluates rules about system calls over a source of events: one for each thread.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use peregrine::{Detector, Rules};
///
/// let rules = Rules::builder().text(
///     "mine.yaml",
///     "- {rule: shadow, desc: d, condition: evt.type = openat and fd.name = /etc/shadow, \
///         output: '%proc.name opened %fd.name', priority: WARNING}",
/// );
/// let rules = rules.build()?;
/// let mut detector = Detector::capture("attack.scap", &rules)?;
/// let alert = detector.next()?.expect("somebody opens it");
/// assert_eq!(alert.rule(), "shadow");
/// assert_eq!(alert.field("fd.name"), Some(peregrine::Value::Bytes(b"/etc/shadow")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Detector<S> {
    inspector: Inspector<S>,
    engine: Engine,
    /// Makes the source capture what new rules need.
    follow: fn(&mut S, SyscallSet) -> Result<(), Error>,
    /// The system calls that plugins parse.
    parsed: SyscallSet,
    found: Found,
}

impl Detector<Reader<File>> {
    /// Opens a capture.
    ///
    /// # Errors
    /// If it cannot be read, or a plugin of the rules rejects its configuration.
    pub fn capture(path: impl AsRef<Path>, rules: &Rules) -> Result<Self, Error> {
        let reader = Reader::open(path)?;
        let (extension, _) = rules.extension(false)?;
        Ok(Self::inspected(extend(Inspector::builder(reader), extension).build(), rules))
    }
}

#[cfg(feature = "live")]
impl Detector<bpf::BpfSource> {
    /// Loads the probe, for the system calls that the rules and the state need. Requires root, or `CAP_BPF`,
    /// `CAP_PERFMON` and `CAP_SYS_PTRACE`. `HOST_ROOT` names the host's file system, where it is not `/`.
    ///
    /// # Errors
    /// If the probe cannot be loaded.
    pub fn live(rules: &Rules) -> Result<Self, Error> {
        Self::live_with(bpf::Probe::builder().skip_own(true), rules, Config::default())
    }

    /// Loads the probe with settings; the system calls are chosen by the rules.
    ///
    /// # Errors
    /// If the probe cannot be loaded.
    pub fn live_with(probe: bpf::Builder, rules: &Rules, config: Config) -> Result<Self, Error> {
        let root = std::env::var_os("HOST_ROOT").unwrap_or("/".into());
        let (extension, parsed) = rules.extension(true)?;
        let captured = rules.captured().union(parsed);
        let source = probe.host_root(root.clone()).select(selection(captured)).open()?;
        let builder = Inspector::builder(source).config(config).proc(sinsp::ProcFs::new(root));
        let mut detector = Self::inspected(extend(builder, extension).build(), rules);
        detector.follow = |source, captured| Ok(source.select(selection(captured))?);
        detector.parsed = parsed;
        Ok(detector)
    }
}

/// Returns what the probe captures.
#[cfg(feature = "live")]
fn selection(captured: SyscallSet) -> bpf::Selection {
    let mut selection = bpf::Selection::none();
    captured.iter().for_each(|call| selection.insert(call));
    selection
}

fn extend<S: Source>(builder: InspectorBuilder<S>, extension: Option<Arc<dyn Extension>>) -> InspectorBuilder<S> {
    match extension {
        Some(extension) => builder.extension(extension),
        None => builder,
    }
}

/// In place of plugins that cannot be initialized: their error is that of the first event.
#[derive(Debug)]
struct Failed(Mutex<Option<Error>>);

impl Extension for Failed {
    fn open(&self, _: &mut State) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn event(&self, _: &scap::Event<'_>, _: u64, _: &mut State) {}
}

impl<S: Source> Detector<S> {
    /// Creates a detector over a source of events.
    pub fn source(source: S, rules: &Rules) -> Self {
        Self::source_with(source, rules, Config::default())
    }

    /// Creates a detector over a source of events, with limits and switches of the inspector. If a plugin of the rules
    /// rejects its configuration, that is the error of the first event.
    pub fn source_with(source: S, rules: &Rules, config: Config) -> Self {
        let extension = match rules.extension(source.is_live()) {
            Ok((extension, _)) => extension,
            Err(error) => Some(Arc::new(Failed(Mutex::new(Some(error)))) as _),
        };
        let builder = Inspector::builder(source).config(config);
        Self::inspected(extend(builder, extension).build(), rules)
    }

    /// Creates a detector over an inspector that was built with more: an observer, a provider of container metadata, the
    /// plugins of the rules.
    pub fn inspected(inspector: Inspector<S>, rules: &Rules) -> Self {
        Self {
            inspector,
            engine: Engine::new(rules),
            follow: |_, _| Ok(()),
            parsed: SyscallSet::new(),
            found: Found::default(),
        }
    }

    /// Reads events until there is an alert; `None` after the last event. On a live source it returns only with an
    /// alert: a program that has other work to do calls [`step`](Self::step).
    ///
    /// # Errors
    /// If the source fails.
    #[allow(clippy::should_implement_trait, reason = "an alert borrows from the detector, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<Alert<'_>>, Error> {
        Found::next(
            self,
            |detector| &mut detector.found,
            |detector, found| detector.step(|alert| found.push_back(alert.to_owned())),
        )
    }

    /// Reads one event and calls `alert` for every match, without copying anything.
    ///
    /// # Errors
    /// If the source fails.
    pub fn step(&mut self, alert: impl FnMut(Alert<'_>)) -> Result<Step, Error> {
        Ok(match self.inspector.next()? {
            Next::Event(event) => {
                self.engine.process(&event, alert);
                Step::Event
            }
            Next::Hidden => Step::Hidden,
            Next::Idle => Step::Idle,
            Next::End => Step::End,
        })
    }

    /// Replaces the rules between two events. No event is lost, and the state stays, as does what correlations have begun
    /// that are in both. A live source captures from now on what the new rules need.
    ///
    /// # Errors
    /// If what they need cannot be captured, or they were compiled with other plugins; the old rules stay then.
    pub fn set_rules(&mut self, rules: &Rules) -> Result<(), Error> {
        #[cfg(feature = "plugins")]
        self.engine.rules().plugins().check_same(rules.plugins())?;
        (self.follow)(self.inspector.source_mut(), rules.captured().union(self.parsed))?;
        self.engine.set_rules(rules);
        Ok(())
    }

    /// Borrows the engine, to evaluate JSON documents together with the system calls.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Borrows the inspector: threads, file descriptors, users, containers.
    pub fn inspector(&self) -> &Inspector<S> {
        &self.inspector
    }

    /// Borrows the inspector, to describe a container or to export its state.
    pub fn inspector_mut(&mut self) -> &mut Inspector<S> {
        &mut self.inspector
    }

    /// Returns what the source read and dropped.
    pub fn stats(&self) -> SourceStats {
        self.inspector.stats()
    }
}
