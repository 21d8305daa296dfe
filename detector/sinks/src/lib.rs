//! Sinks for alerts, each behind its own queue and thread, so that none can block the event loop.
//!
//! ```
//! use peregrine_sinks::{Capacity, File, Message, Outputs, Wait};
//! use std::{sync::Arc, time::Duration};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("alerts.txt");
//! let mut outputs = Outputs::new(Capacity::alerts(100), Duration::from_secs(2), Arc::new(|fault| eprintln!("{fault}")));
//! outputs.add(File::new(&path, true, false));
//! outputs.send(Message::new(4, "12:00:00: Warning somebody did something"), Wait::No);
//! let totals = outputs.close();
//! assert_eq!((totals[0].delivered, totals[0].lost), (1, 0));
//! assert_eq!(std::fs::read_to_string(&path)?, "12:00:00: Warning somebody did something\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A [`Sink`] implements the delivery of alerts as plain blocking code. Everything else is here, once for all sinks:
//! the order of alerts, the limit of the queue, retries while a sink is unreachable, the report of one that hangs, the
//! spool on disk, and the counts of alerts.
//!
//! ```text
//! event loop ── send ──▶ queue ───────────────────────────────▶ worker ── deliver ──▶ sink
//!                        queue ──▶ keeper ──▶ spool (on disk) ──▶ worker ── deliver ──▶ sink      with a spool
//! ```
//!
//! Nothing is lost in silence: for each output, sent + recovered = delivered + lost + unknown + queued + spooled.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))] // They panic when the reader is gone.

mod console;
mod elastic;
mod error;
mod file;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod keeper;
mod lines;
mod outlet;
mod program;
mod queue;
mod redirect;
mod spool;
mod stdout;
mod syslog;
mod tls;
mod worker;

pub use console::Console;
pub use elastic::{Elastic, ElasticConfig, ElasticLogin, Suffix};
pub use error::Error;
pub use file::File;
#[cfg(feature = "grpc")]
pub use grpc::{Grpc, GrpcAddress, GrpcConfig, GrpcTls};
pub use http::{Http, HttpConfig};
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaConfig, KafkaLogin};
pub use program::Program;
pub use queue::{Capacity, Totals, Wait};
pub use spool::SpoolConfig;
pub use stdout::Stdout;
pub use syslog::{Syslog, SyslogAddress, SyslogForm};
pub use tls::TlsConfig;

use bytes::Bytes;
use outlet::Outlet;
use queue::Limits;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// An alert, rendered once for all outputs, spools and the web UI, which share its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Severity in the numbers of syslog, from 0 (emergency) to 7 (debug).
    pub severity: u8,
    /// The alert as text or as one line of JSON, in UTF-8 and without a line end.
    pub text: Bytes,
}

impl Message {
    /// Creates a message with a severity from 0 (emergency) to 7 (debug).
    pub fn new(severity: u8, text: impl Into<Bytes>) -> Self {
        Self { severity, text: text.into() }
    }

    /// Returns the text; invalid UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }
}

/// Reason why alerts were not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A later attempt may succeed: a refused connection, a timeout, a full disk. None of the alerts counts as
    /// delivered.
    #[error("{0}")]
    Retryable(String),
    /// No attempt will succeed with any of these alerts.
    #[error("{0}")]
    Permanent(String),
    /// A number of these alerts was rejected permanently; the others are delivered.
    #[error("{text}")]
    Part {
        /// Number of rejected alerts.
        refused: usize,
        /// Description of the failure.
        text: String,
    },
    /// The first of these alerts are settled. A later attempt may succeed for the rest.
    #[error("{text}")]
    After {
        /// Number of settled alerts.
        done: usize,
        /// Number of those that were rejected.
        refused: usize,
        /// Description of the failure of the rest.
        text: String,
    },
}

impl Failure {
    /// Creates a retryable failure from an error.
    pub fn retryable(error: impl fmt::Display) -> Self {
        Self::Retryable(error.to_string())
    }
}

/// A destination of alerts. Its methods are called from one thread and may block.
pub trait Sink: Send + 'static {
    /// Returns the name for log lines, counters and the spool's directory.
    fn name(&self) -> &'static str;

    /// Starts what must run before the first alert, such as a server. Called once, from the thread of the sink.
    ///
    /// # Errors
    ///
    /// If it cannot be started. It is reported; the alerts are delivered nevertheless.
    fn start(&mut self, _: &Reports) -> Result<(), Failure> {
        Ok(())
    }

    /// Returns the maximum number of alerts per delivery. The worker does not wait for them: it takes what is queued.
    fn batch(&self) -> usize {
        1
    }

    /// Delivers alerts, in this order: at least one, at most [`batch`](Self::batch).
    ///
    /// # Errors
    ///
    /// [`Failure::Retryable`] requests another attempt with the same alerts, [`Failure::Permanent`] drops them.
    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure>;

    /// Reopens files and connections: a log rotation has moved the file.
    ///
    /// # Errors
    ///
    /// If it cannot be reopened.
    fn reopen(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Returns the maximum number of retries of the same alerts after a retryable failure; `None`: until the program
    /// ends. With a spool there is no limit, since only the order keeps later alerts waiting.
    fn retries(&self) -> Option<u32> {
        Some(0)
    }
}

/// A report about an output, for its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Name of the sink.
    pub sink: &'static str,
    /// Severity in the numbers of syslog.
    pub severity: u8,
    /// Description.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} output: {}", self.sink, self.text)
    }
}

/// Reports of a sink that has other threads. Without an output, nobody receives them.
#[derive(Clone, Default)]
pub struct Reports(Option<Arc<queue::Shared>>);

impl fmt::Debug for Reports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reports").finish_non_exhaustive()
    }
}

impl Reports {
    /// Reports to the operator, with a severity in the numbers of syslog.
    pub fn tell(&self, severity: u8, text: impl Into<String>) {
        if let Some(shared) = &self.0 {
            shared.fault(severity, text);
        }
    }

    /// Counts alerts that single clients of the sink have lost: [`Totals::missed`].
    pub fn count_missed(&self, count: u64) {
        if let Some(shared) = &self.0 {
            shared.lock().totals.missed += count;
        }
    }
}

/// Callback for reports, called from any thread.
pub type OnFault = Arc<dyn Fn(Fault) + Send + Sync>;

/// One output, as requested by a configuration.
#[non_exhaustive]
pub struct Wanted {
    /// The sink. Its name identifies the output.
    pub sink: Box<dyn Sink>,
    /// Spool on disk, if enabled.
    pub spool: Option<SpoolConfig>,
    /// Everything that the sink was built from, in any format: if it is the same as before, the active sink stays.
    pub settings: String,
}

impl Wanted {
    /// Creates an output without a spool, with the text of its settings.
    pub fn new(sink: Box<dyn Sink>, settings: impl Into<String>) -> Self {
        Self { sink, spool: None, settings: settings.into() }
    }

    /// Sets the spool, if there is one.
    #[must_use]
    pub fn spool(self, spool: Option<SpoolConfig>) -> Self {
        Self { spool, ..self }
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Wanted").field(&self.sink.name()).finish()
    }
}

/// All outputs of a program.
pub struct Outputs {
    outlets: RwLock<Vec<Outlet>>,
    limits: Mutex<Limits>,
    on_fault: OnFault,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.totals()).finish()
    }
}

impl Outputs {
    /// Creates an empty set of outputs. A sink that takes longer than `patience` for one delivery is reported, and
    /// abandoned when the outputs are closed.
    pub fn new(capacity: Capacity, patience: Duration, on_fault: OnFault) -> Self {
        Self { outlets: RwLock::default(), limits: Mutex::new(Limits { capacity, patience }), on_fault }
    }

    fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Outlet>> {
        self.outlets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Outlet>> {
        self.outlets.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a sink and starts its thread.
    pub fn add(&mut self, sink: impl Sink) {
        let outlet = Outlet::start(Box::new(sink), self.limits(), Arc::clone(&self.on_fault));
        self.write().push(outlet);
    }

    /// Adds a sink with a spool on disk, so that alerts survive an outage of the destination and the end of this
    /// program, and starts its threads. Alerts that an earlier run has left there are delivered first.
    ///
    /// # Errors
    ///
    /// If the directory cannot be used, or another program uses it.
    pub fn add_spooled(&mut self, sink: impl Sink, spool: &SpoolConfig) -> std::io::Result<()> {
        let outlet = Outlet::start_spooled(Box::new(sink), spool, self.limits(), Arc::clone(&self.on_fault))?;
        self.write().push(outlet);
        Ok(())
    }

    /// Replaces the outputs with the requested ones. Outputs that stay the same are not interrupted. If a sink has
    /// other settings, the new one replaces the old one between two deliveries: queue, spool, order and counts stay. An
    /// output that is no longer requested delivers what it has, and ends; this call waits for it.
    ///
    /// # Errors
    ///
    /// If a spool cannot be used; the other outputs are replaced in any case.
    pub fn apply(&self, wanted: Vec<Wanted>, capacity: Capacity, patience: Duration) -> std::io::Result<()> {
        let limits = Limits { capacity, patience };
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
        let (mut result, mut names, mut gone) = (Ok(()), Vec::new(), Vec::new());
        for Wanted { sink, spool, settings } in wanted {
            let name = sink.name();
            names.push(name);
            let mut outlets = self.write();
            let place = outlets.iter().position(|outlet| outlet.name() == name);
            let same_way =
                |outlet: &Outlet| outlet.spool_folder() == spool.as_ref().map(|spool| spool.folder.as_path());
            if let Some(outlet) = place.map(|place| &mut outlets[place]).filter(|outlet| same_way(outlet)) {
                outlet.set_limits(limits);
                outlet.replace(sink, settings);
                continue;
            }
            let on_fault = Arc::clone(&self.on_fault);
            let started = match &spool {
                None => Ok(Outlet::start(sink, limits, on_fault)),
                Some(spool) => Outlet::start_spooled(sink, spool, limits, on_fault),
            };
            match started {
                Ok(mut outlet) => {
                    outlet.set_settings(settings);
                    gone.extend(place.map(|place| outlets.swap_remove(place)));
                    outlets.push(outlet);
                }
                Err(error) => result = Err(error),
            }
        }
        {
            let mut outlets = self.write();
            while let Some(place) = outlets.iter().position(|outlet| !names.contains(&outlet.name())) {
                gone.push(outlets.swap_remove(place));
            }
        }
        gone.iter().for_each(Outlet::finish);
        for outlet in gone {
            outlet.join();
        }
        result
    }

    /// Returns whether there are no outputs.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Sends an alert to every output.
    pub fn send(&self, message: Message, wait: Wait) {
        self.send_to(message, wait, |_| true);
    }

    /// Sends an alert to the outputs whose names are wanted.
    pub fn send_to(&self, message: Message, wait: Wait, wanted: impl Fn(&'static str) -> bool) {
        for outlet in self.read().iter().filter(|outlet| wanted(outlet.name())) {
            outlet.send(message.clone(), wait);
        }
    }

    /// Requests that every sink reopens its files and connections before its next alert.
    pub fn reopen(&self) {
        self.read().iter().for_each(Outlet::reopen);
    }

    /// Returns the totals of each output so far.
    pub fn totals(&self) -> Vec<Totals> {
        self.read().iter().map(Outlet::totals).collect()
    }

    /// Delivers what is queued and ends the threads. An output that makes no progress for the time of `patience` loses
    /// the rest of its queue; the content of a spool stays there for the next start. The totals and a report have the
    /// numbers.
    pub fn close(self) -> Vec<Totals> {
        let outlets = std::mem::take(&mut *self.write());
        outlets.iter().for_each(Outlet::finish);
        outlets.into_iter().map(Outlet::join).collect()
    }
}
