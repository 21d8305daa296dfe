//! Log lines of the libraries, in the program's log.
//!
//! The libraries log with `tracing`; this subscriber writes their lines from the level of `libs_logger.severity` on.
//! The lines of libbpf while it loads the probe arrive here too.

use crate::config::settings::{LibsLogger, LibsSeverity};
use crate::log;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Index of the maximum level: 0 for none, then from errors alone to everything.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Applies the settings, and installs the subscriber the first time.
pub(crate) fn set_up(settings: &LibsLogger) {
    let level = match (settings.enabled, settings.severity) {
        (false, _) => 0,
        (true, LibsSeverity::Fatal | LibsSeverity::Critical | LibsSeverity::Error) => 1,
        (true, LibsSeverity::Warning) => 2,
        (true, LibsSeverity::Notice | LibsSeverity::Info) => 3,
        (true, LibsSeverity::Debug) => 4,
        (true, LibsSeverity::Trace) => 5,
    };
    LEVEL.store(level, Ordering::Relaxed);
    // Only the first call installs it; later calls only change the level.
    let _ = tracing::subscriber::set_global_default(Listener);
}

struct Listener;

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// A line under construction: the message, then the other fields in their order.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // The level may change while the program runs.
        tracing::subscriber::Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Dependencies log with tracing too; the setting is not about them.
        let ours = ["libbpf", "scap", "sinsp", "bpf", "rule_engine", "peregrine"];
        let target = metadata.target();
        rank(*metadata.level()) <= LEVEL.load(Ordering::Relaxed)
            && ours.iter().any(|name| target.split("::").next().is_some_and(|root| root.starts_with(name)))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = match *event.metadata().level() {
            Level::ERROR => log::Level::Error,
            Level::WARN => log::Level::Warning,
            Level::INFO => log::Level::Info,
            Level::DEBUG | Level::TRACE => log::Level::Debug,
        };
        log::line(level, format!("[libs]: {}: {}{}", event.metadata().target(), line.message, line.fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_log_from_a_level_on() {
        let heard = |enabled, severity| {
            set_up(&LibsLogger { enabled, severity });
            [
                tracing::enabled!(target: "libbpf", Level::ERROR),
                tracing::enabled!(target: "sinsp::parse", Level::INFO),
                tracing::enabled!(target: "libbpf", Level::DEBUG),
                tracing::enabled!(target: "hyper", Level::ERROR),
            ]
        };
        assert_eq!(heard(true, LibsSeverity::Debug), [true, true, true, false]);
        assert_eq!(heard(true, LibsSeverity::Info), [true, true, false, false]);
        assert_eq!(heard(true, LibsSeverity::Fatal), [true, false, false, false]);
        assert_eq!(heard(false, LibsSeverity::Trace), [false; 4]);
    }

    #[test]
    fn a_line_is_the_message_and_the_fields() {
        use std::sync::{Arc, Mutex, PoisonError};
        struct Take(Arc<Mutex<Vec<String>>>);
        impl Subscriber for Take {
            fn enabled(&self, _: &Metadata<'_>) -> bool {
                true
            }
            fn new_span(&self, _: &Attributes<'_>) -> Id {
                Id::from_u64(1)
            }
            fn record(&self, _: &Id, _: &Record<'_>) {}
            fn record_follows_from(&self, _: &Id, _: &Id) {}
            fn event(&self, event: &Event<'_>) {
                let mut line = Line::default();
                event.record(&mut line);
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.message + &line.fields);
            }
            fn enter(&self, _: &Id) {}
            fn exit(&self, _: &Id) {}
        }
        let taken = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Take(Arc::clone(&taken)), || {
            tracing::warn!(target: "libbpf", code = 7, "cannot load {}", "it");
        });
        assert_eq!(*taken.lock().unwrap(), ["cannot load it code=7"]);
    }
}
