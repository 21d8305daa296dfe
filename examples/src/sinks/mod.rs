//! Places where alerts go, each behind its own queue and thread, so that none can hold up the event loop.
//!
//! ```
//! use peregrine_examples::sinks::{Capacity, File, Message, Outputs, Wait};
//! use std::{sync::Arc, time::Duration};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("alerts.txt");
//! let mut outputs = Outputs::new(Capacity::alerts(100), Duration::from_secs(2), Arc::new(|fault| eprintln!("{fault}")));
//! outputs.add(File::new(&path, true, false));
//! outputs.send(Message { severity: 4, text: "12:00:00: Warning somebody did something".into() }, Wait::No);
//! let totals = outputs.close();
//! assert_eq!((totals[0].delivered, totals[0].lost), (1, 0));
//! assert_eq!(std::fs::read_to_string(&path)?, "12:00:00: Warning somebody did something\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A [`Sink`] says how one alert is delivered and is otherwise plain blocking code. The rest is here, once for all
//! of them: the order of alerts, the limit of the queue, another try when a sink is away for a while, the complaint
//! about one that hangs, and the count of what came of each alert: delivered + lost = sent.

mod file;
mod http;
mod outlet;
mod program;
mod stdout;
mod syslog;

pub use file::File;
pub use http::{Http, HttpSettings};
pub use outlet::{Capacity, Totals, Wait};
pub use program::Program;
pub use stdout::Stdout;
pub use syslog::{Syslog, SyslogAddress};

use outlet::Outlet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An alert, ready to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// From 0, an emergency, to 7, for debugging: the numbers of syslog.
    pub severity: u8,
    /// The alert as text or as one line of JSON, without an end of line.
    pub text: Arc<str>,
}

/// Why an alert was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may go well in a while: nobody listens, a time-out, a full disk.
    #[error("{0}")]
    Passing(String),
    /// It will not go well with this alert.
    #[error("{0}")]
    Lasting(String),
}

impl Failure {
    /// A failure of the system that may pass.
    pub fn passing(error: impl fmt::Display) -> Self {
        Self::Passing(error.to_string())
    }
}

/// A place where alerts go. Its methods are called from one thread and may block.
pub trait Sink: Send + 'static {
    /// The name in log lines and counters.
    fn name(&self) -> &'static str;

    /// Delivers one alert.
    ///
    /// # Errors
    /// [`Failure::Passing`] asks for another try later, [`Failure::Lasting`] gives the alert up.
    fn deliver(&mut self, message: &Message) -> Result<(), Failure>;

    /// Opens anew what is open: a log rotation has moved the file.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn reopen(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Writes out what is only in memory. Called when the queue has been empty for a moment, and at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// How often one alert is tried again after a passing failure; `None`: until the program ends.
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

/// All outputs of a program.
pub struct Outputs {
    outlets: Vec<Outlet>,
    capacity: Capacity,
    patience: Duration,
    on_fault: OnFault,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.totals()).finish()
    }
}

impl Outputs {
    /// No outputs yet. A sink that takes longer than `patience` for one alert is complained of, and given up when
    /// the outputs are closed.
    pub fn new(capacity: Capacity, patience: Duration, on_fault: OnFault) -> Self {
        Self { outlets: Vec::new(), capacity, patience, on_fault }
    }

    /// Adds a sink and starts its thread.
    pub fn add(&mut self, sink: impl Sink) {
        self.outlets.push(Outlet::start(Box::new(sink), self.capacity, self.patience, Arc::clone(&self.on_fault)));
    }

    /// Whether there is any output at all.
    pub fn is_empty(&self) -> bool {
        self.outlets.is_empty()
    }

    /// Hands an alert to every output.
    pub fn send(&self, message: Message, wait: Wait) {
        for outlet in &self.outlets {
            outlet.send(message.clone(), wait);
        }
    }

    /// Asks every sink to open anew what it has open, after the alerts that are already in its queue.
    pub fn reopen(&self) {
        self.outlets.iter().for_each(Outlet::reopen);
    }

    /// What came of the alerts so far, for each output.
    pub fn totals(&self) -> Vec<Totals> {
        self.outlets.iter().map(Outlet::totals).collect()
    }

    /// Delivers what is queued and ends the threads. An output that makes no headway for the time of `patience`
    /// loses what is left in its queue; the totals and a fault say how much.
    pub fn close(self) -> Vec<Totals> {
        self.outlets.iter().for_each(Outlet::finish);
        self.outlets.into_iter().map(Outlet::join).collect()
    }
}
