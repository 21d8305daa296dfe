//! Places where alerts go, each behind its own queue and thread, so that none can hold up the event loop.
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
//! A [`Sink`] says how alerts are delivered and is otherwise plain blocking code. The rest is here, once for all of
//! them: the order of alerts, the limit of the queue, another try when a sink is away for a while, the complaint about
//! one that hangs, the spool on disk, and the count of what came of each alert.
//!
//! ```text
//! event loop ── send ──▶ queue ───────────────────────────────▶ worker ── deliver ──▶ sink
//!                        queue ──▶ keeper ──▶ spool (on disk) ──▶ worker ── deliver ──▶ sink      with a spool
//! ```
//!
//! Nothing is lost in silence: for each output, sent + recovered = delivered + lost + queued + spooled.

mod elastic;
mod error;
mod file;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod keeper;
mod outlet;
mod program;
mod queue;
mod spool;
mod stdout;
mod syslog;
mod tls;
mod worker;

pub use elastic::{Elastic, ElasticConfig, ElasticLogin, Suffix};
pub use error::Error;
pub use file::File;
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

/// An alert, rendered: once for all outputs, spools and the page, which share its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// From 0, an emergency, to 7, for debugging: the numbers of syslog.
    pub severity: u8,
    /// The alert as text or as one line of JSON, in UTF-8 and without an end of line.
    pub text: Bytes,
}

impl Message {
    /// Creates a message of a severity from 0, an emergency, to 7.
    pub fn new(severity: u8, text: impl Into<Bytes>) -> Self {
        Self { severity, text: text.into() }
    }

    /// Returns the text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }
}

/// Why alerts were not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It may go well in a while: nobody listens, a time-out, a full disk. None of the alerts counts as delivered.
    #[error("{0}")]
    Retryable(String),
    /// It will not go well with any of these alerts.
    #[error("{0}")]
    Permanent(String),
    /// So many of these alerts are refused for good; the others are delivered.
    #[error("{text}")]
    Part {
        /// How many are refused.
        refused: usize,
        /// Why.
        text: String,
    },
    /// The first of these alerts are settled. For the rest it may go well in a while.
    #[error("{text}")]
    After {
        /// How many are settled.
        done: usize,
        /// How many of those are refused.
        refused: usize,
        /// What stopped the rest.
        text: String,
    },
}

impl Failure {
    /// Makes a failure that may pass of an error of the system.
    pub fn retryable(error: impl fmt::Display) -> Self {
        Self::Retryable(error.to_string())
    }
}

/// A place where alerts go. Its methods are called from one thread and may block.
pub trait Sink: Send + 'static {
    /// The name in log lines and counters, and of the spool's directory.
    fn name(&self) -> &'static str;

    /// How many alerts may be handed over at once. They are not waited for: what is in the queue is taken.
    fn batch(&self) -> usize {
        1
    }

    /// Delivers alerts, in this order: at least one, at most [`batch`](Self::batch).
    ///
    /// # Errors
    /// [`Failure::Retryable`] asks for another try later with the same alerts, [`Failure::Permanent`] gives them up.
    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure>;

    /// Opens anew what is open: a log rotation has moved the file.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn reopen(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// How often the same alerts are tried again after a passing failure; `None`: until the program ends. With a
    /// spool there is no limit, since nothing is in the way of later alerts but the order.
    fn retries(&self) -> Option<u32> {
        Some(0)
    }
}

/// Something that a person should know of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The sink's name.
    pub sink: &'static str,
    /// How bad it is, in the numbers of syslog.
    pub severity: u8,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} output: {}", self.sink, self.text)
    }
}

/// Called with each fault, from any thread.
pub type OnFault = Arc<dyn Fn(Fault) + Send + Sync>;

/// One output, as a configuration wants it.
pub struct Wanted {
    /// The sink; its name tells which output it is.
    pub sink: Box<dyn Sink>,
    /// Where its alerts wait on disk, if they do.
    pub spool: Option<SpoolConfig>,
    /// All that it was made of, in any form: where this is the same as before, the sink at work stays.
    pub settings: String,
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
    /// No outputs yet. A sink that takes longer than `patience` for one delivery is complained of, and given up when
    /// the outputs are closed.
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

    /// Adds a sink whose alerts go by way of the disk, so that they outlive an absence of the sink and the end of
    /// this program, and starts its threads. What an earlier run has left there is delivered first.
    ///
    /// # Errors
    /// When the directory cannot be used, or another program uses it.
    pub fn add_spooled(&mut self, sink: impl Sink, spool: &SpoolConfig) -> std::io::Result<()> {
        let outlet = Outlet::start_spooled(Box::new(sink), spool, self.limits(), Arc::clone(&self.on_fault))?;
        self.write().push(outlet);
        Ok(())
    }

    /// Makes the outputs those that are wanted. What stays the same goes on undisturbed. Where a sink has other
    /// settings, the new one takes the place of the old one between two deliveries: queue, spool, order and counts stay.
    /// What is no longer wanted delivers what it has, and ends; this waits for that.
    ///
    /// # Errors
    /// When a spool cannot be used; the other outputs are as wanted all the same.
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

    /// Whether there is any output at all.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Hands an alert to every output.
    pub fn send(&self, message: Message, wait: Wait) {
        self.send_to(message, wait, |_| true);
    }

    /// Hands an alert to the outputs whose names are wanted.
    pub fn send_to(&self, message: Message, wait: Wait, wanted: impl Fn(&'static str) -> bool) {
        for outlet in self.read().iter().filter(|outlet| wanted(outlet.name())) {
            outlet.send(message.clone(), wait);
        }
    }

    /// Asks every sink to open anew what it has open, before its next alert.
    pub fn reopen(&self) {
        self.read().iter().for_each(Outlet::reopen);
    }

    /// What came of the alerts so far, for each output.
    pub fn totals(&self) -> Vec<Totals> {
        self.read().iter().map(Outlet::totals).collect()
    }

    /// Delivers what is queued and ends the threads. An output that makes no headway for the time of `patience`
    /// loses what is left in its queue; what is in a spool stays there for the next start. The totals and a fault say
    /// how much.
    pub fn close(self) -> Vec<Totals> {
        let outlets = std::mem::take(&mut *self.write());
        outlets.iter().for_each(Outlet::finish);
        outlets.into_iter().map(Outlet::join).collect()
    }
}
