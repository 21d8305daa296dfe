//! `pscap sql`: queries of captures and Parquet files.

mod prompt;
mod show;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use peregrine_sql::{Capture, Options, Session};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Fatal;
use crate::captures;
use crate::cli::Sql;
use crate::export;
use crate::input::Input;
use show::Shown;

/// The signals, as flags.
#[derive(Default)]
struct Signals {
    /// Whether a query is to end. While it is set, another signal ends the program as it would by default.
    interrupt: Arc<AtomicBool>,
    /// Whether the program is to end.
    terminate: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> Result<Self, Fatal> {
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&signals.interrupt))?;
            flag::register(signal, Arc::clone(&signals.interrupt))?;
        }
        flag::register(SIGTERM, Arc::clone(&signals.terminate))?;
        Ok(signals)
    }
}

pub(crate) fn run(options: &Sql) -> Result<(), Fatal> {
    let (query, words) = match options.words.split_first() {
        Some((first, rest)) if captures::is_query(first)? => (Some(first.as_str()), rest),
        _ => (None, options.words.as_slice()),
    };
    let (captures, parquet) = captures::tables(words)?;
    if query.is_none() && captures.iter().any(|path| path == Path::new("-")) {
        return Err("standard input is a capture, so that it has no statements: a query is required".into());
    }
    let signals = Signals::register()?;
    let mut settings = Options::default();
    if !options.rules.is_empty() {
        settings.rules = Some(export::rules(&options.rules)?);
    }
    for path in &captures {
        settings.captures.push(capture(path)?);
    }
    settings.parquet = parquet;
    settings.interrupt = Some(Arc::clone(&signals.interrupt));
    if let Some(memory) = options.memory {
        settings.memory = usize::try_from(memory)?;
    }
    #[cfg(feature = "ballista")]
    {
        settings.ballista.clone_from(&options.ballista);
    }
    let session = Session::new(settings)?;
    let Some(query) = query else { return prompt::run(&session, options.format, &signals) };
    let outcome = session.run(query, &mut Shown::new(options.format));
    let incomplete = notes(&session);
    outcome?;
    match incomplete {
        0 => Ok(()),
        1 => Err("1 capture is incomplete".into()),
        count => Err(format!("{count} captures are incomplete").into()),
    }
}

/// Opens a capture, so that one that cannot be is an error before anything is read.
fn capture(path: &Path) -> Result<Capture, Fatal> {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let at: PathBuf = path.to_owned();
    if path == Path::new("-") {
        let taken = AtomicBool::new(false);
        return Ok(Capture::new("-", 0, move || {
            if taken.swap(true, Ordering::Relaxed) {
                let error = std::io::Error::other("a query can read it once");
                return Err(scap::Error::io("standard input", error));
            }
            Ok(Box::new(Input::open(&at)?))
        }));
    }
    Input::open(path).map_err(|error| export::named(path, &error))?;
    Ok(Capture::new(path.to_string_lossy(), size, move || Ok(Box::new(Input::open(&at)?))))
}

/// Prints what is to be said about captures. Returns how many are incomplete.
fn notes(session: &Session) -> usize {
    let notes = session.notes();
    for note in &notes {
        // Standard error may be closed; the answer is there.
        let _ = writeln!(std::io::stderr(), "pscap: {}", note.text);
    }
    notes.iter().filter(|note| note.incomplete).count()
}
