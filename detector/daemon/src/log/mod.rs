//! The log: lines to standard error, to syslog, or to both, from a severity on.
//!
//! There is one logger for the process, since lines come from independent threads. Before the configuration is read,
//! lines from severity `warning` on go to standard error.

pub(crate) mod libs;

use crate::config::settings::{Config, LogLevel};
use crate::config::{Loaded, removed};
use peregrine_sinks::{Capacity, Console, Message, Outputs, Syslog, SyslogAddress, Wait};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Severity of a line, in the numbers of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Level {
    const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
    ];

    /// Returns the level with this syslog severity.
    pub(crate) fn from_severity(severity: u8) -> Self {
        Self::ALL[usize::from(severity.min(7))]
    }
}

struct Logger {
    level: Level,
    stderr: bool,
    iso_time: bool,
    /// Number of lines that standard error did not take since its reader has stopped.
    dropped: u64,
    /// Behind a queue, so that a syslog daemon that hangs blocks nobody.
    syslog: Option<Outputs>,
}

static LOGGER: Mutex<Logger> =
    Mutex::new(Logger { level: Level::Warning, stderr: true, iso_time: false, dropped: 0, syslog: None });

/// Whether the program detects: from then on it does not wait for the reader of standard error.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Time that a line waits for a reader that has stopped. Those that follow do not wait.
const PATIENCE: Duration = Duration::from_secs(1);

fn patience() -> Option<Duration> {
    RUNNING.load(Ordering::SeqCst).then_some(PATIENCE)
}

/// Declares that the program detects from now on, and waits for no reader.
pub(crate) fn running() {
    RUNNING.store(true, Ordering::SeqCst);
}

/// Applies the log settings of the configuration.
pub(crate) fn set_up(config: &Config) {
    crate::log::libs::set_up(&config.libs_logger);
    let mut logger = LOGGER.lock().unwrap_or_else(PoisonError::into_inner);
    let syslog = match (config.log_syslog, logger.syslog.take()) {
        (true, Some(syslog)) => Some(syslog),
        (true, None) => Some(syslog()),
        (false, syslog) => {
            syslog.map(Outputs::close);
            None
        }
    };
    let level = match config.log_level {
        LogLevel::Emergency => Level::Emergency,
        LogLevel::Alert => Level::Alert,
        LogLevel::Critical => Level::Critical,
        LogLevel::Error => Level::Error,
        LogLevel::Warning => Level::Warning,
        LogLevel::Notice => Level::Notice,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
    };
    let (stderr, iso_time) = (config.log_stderr, config.time_format_iso_8601);
    *logger = Logger { level, stderr, iso_time, dropped: logger.dropped, syslog };
}

fn syslog() -> Outputs {
    // Hosts without a syslog daemon are common (containers), and there is no place to report it.
    let mut outputs = Outputs::new(Capacity::alerts(1000), Duration::from_secs(1), Arc::new(drop));
    // The program does not wait for the daemon at its end either.
    outputs.add(Syslog::new(SyslogAddress::default(), "peregrine", "").with_retries(Some(0)));
    outputs
}

/// Flushes queued lines. Called at the end of the program.
pub fn finish() {
    let syslog = LOGGER.lock().unwrap_or_else(PoisonError::into_inner).syslog.take();
    syslog.map(Outputs::close);
}

/// Writes a line.
pub(crate) fn line(level: Level, text: impl Display) {
    let mut logger = LOGGER.lock().unwrap_or_else(PoisonError::into_inner);
    if level > logger.level {
        return;
    }
    let text = text.to_string();
    let text = text.trim_end_matches('\n');
    if let Some(syslog) = &logger.syslog {
        syslog.send(Message::new(level as u8, text.to_owned()), Wait::No);
    }
    if logger.stderr {
        let now = jiff::Zoned::now();
        let time = if logger.iso_time {
            now.timestamp().strftime("%Y-%m-%dT%H:%M:%S+0000")
        } else {
            now.strftime("%a %b %d %H:%M:%S %Y")
        };
        let dropped = match logger.dropped {
            0 => String::new(),
            count => format!("{time}: {count} log lines were dropped, since standard error was not read\n"),
        };
        let patience = patience().map(|patience| if logger.dropped > 0 { Duration::ZERO } else { patience });
        match Console::Error.write(format!("{dropped}{time}: {text}\n").as_bytes(), patience) {
            Ok(()) => logger.dropped = 0,
            // The same when standard error is closed.
            Err(_) => logger.dropped += 1,
        }
    }
}

/// Writes a line about the configuration, which goes to standard error even if the log does not.
fn told(level: Level, text: impl Display) {
    if !LOGGER.lock().unwrap_or_else(PoisonError::into_inner).stderr {
        // There is no other place for it.
        let _ = Console::Error.write(format!("Warning: {text}\n").as_bytes(), patience());
    }
    line(level, text);
}

/// One function for each level: `log::info("...")`.
macro_rules! levels {
    ($($name:ident = $level:ident),*) => { $(
        #[allow(dead_code, reason = "all levels exist, whether or not they are used today")]
        pub(crate) fn $name(text: impl Display) {
            line(Level::$level, text);
        }
    )* };
}
levels!(critical = Critical, error = Error, warning = Warning, notice = Notice, info = Info, debug = Debug);

/// Logs the configuration files and the problems in them.
pub(crate) fn report(loaded: &Loaded) {
    if !loaded.files.is_empty() {
        info("Initialized with configuration files:");
    }
    for file in &loaded.files {
        let path = file.path.display();
        if file.faults.is_empty() {
            info(format!("   {path} | schema validation: ok"));
        } else {
            warning(format!("   {path} | schema validation: failed"));
        }
        file.faults.iter().for_each(|fault| told(Level::Warning, fault));
    }
    loaded.warnings.iter().for_each(|fault| told(Level::Warning, fault));
    for (name, sentence) in removed::VARIABLES {
        if std::env::var_os(name).is_some() {
            told(Level::Warning, format!("the variable {name} {sentence}"));
        }
    }
}
