//! The reader's end: events as a [`Source`].

use std::io::{self, PipeWriter};
use std::process::ExitStatus;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use scap::schema::SyscallSet;
use scap::{Event, HostState, Next, Source, SourceStats, procfs};

use crate::queue::{Queue, Taken};
use crate::tracer::{self, Started};
use crate::{Builder, Error, Result, sys};

/// The time after which a call of [`Source::next`] returns without an event.
const PATIENCE: Duration = Duration::from_millis(10);
/// The place of an event's length in its header.
const LENGTH: usize = 16;

/// The events of a command or process, in the order in which its calls ended.
///
/// When it is dropped, a command that still runs is killed with all its children; a process that was attached to runs
/// on.
#[derive(Debug)]
pub struct Userspace {
    queue: Arc<Queue>,
    /// Wakes the tracer when it is closed.
    bell: Option<PipeWriter>,
    tracer: Option<JoinHandle<()>>,
    root: i32,
    is_command: bool,
    filter: SyscallSet,
    host: HostState,
    report: procfs::Report,
    events: Vec<u8>,
    at: usize,
    delivered: u64,
    malformed: u64,
    watermark: u64,
}

impl Builder {
    /// Starts the command, or attaches to the process.
    ///
    /// # Errors
    /// If there is neither, the command cannot be executed, or the process cannot be traced.
    pub fn open(self) -> Result<Userspace> {
        let is_command = !self.command.is_empty();
        if !is_command && self.pid.is_none() {
            return Err(Error::Nothing);
        }
        let (bell_read, bell) = io::pipe().map_err(Error::io("creating a pipe"))?;
        let queue = Arc::new(Queue::default());
        let (sender, started) = mpsc::sync_channel(1);
        let filter = self.selection;
        let tracer = std::thread::Builder::new()
            .name("tracer".into())
            .spawn({
                let queue = Arc::clone(&queue);
                move || tracer::run(&self, &queue, bell_read, &sender)
            })
            .map_err(Error::io("starting the thread of the tracer"))?;
        let Started { root, host, report } =
            started.recv().unwrap_or_else(|_| Err(Error::io("tracing")(io::Error::other("the tracer ended early"))))?;
        Ok(Userspace {
            queue,
            bell: Some(bell),
            tracer: Some(tracer),
            root,
            is_command,
            filter,
            host,
            report,
            events: Vec::new(),
            at: 0,
            delivered: 0,
            malformed: 0,
            watermark: 0,
        })
    }
}

impl Userspace {
    /// Returns how the command ended; `None` while it runs, or for a process that was attached to.
    pub fn status(&self) -> Option<ExitStatus> {
        self.queue.status()
    }

    /// Returns the pid of the command, or of the process that was attached to.
    pub fn pid(&self) -> i32 {
        self.root
    }

    /// Requests the end of the command, with `SIGTERM`.
    pub fn terminate(&self) {
        if self.is_command && self.status().is_none() {
            sys::kill(self.root, libc::SIGTERM);
        }
    }

    /// Changes the selection. The filter of a running command cannot be changed: returns the calls that it lets pass,
    /// of which there will be no events.
    pub fn select(&mut self, selection: SyscallSet) -> SyscallSet {
        self.queue.select(selection);
        if self.is_command { selection.difference(self.filter) } else { SyscallSet::new() }
    }

    /// Returns the counts and limitations of the initial state.
    pub fn report(&self) -> &procfs::Report {
        &self.report
    }

    /// Returns the number of arguments that could not be read from the memory of a process.
    pub fn faults(&self) -> u64 {
        self.queue.faults()
    }
}

impl Source for Userspace {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        if self.at >= self.events.len() {
            self.at = 0;
            self.events.clear();
            let before = sys::now();
            match self.queue.take(&mut self.events, PATIENCE) {
                Taken::Events => {}
                Taken::Nothing => {
                    self.watermark = before;
                    return Ok(Next::Idle);
                }
                Taken::End => return Ok(Next::End),
            }
        }
        let rest = self.events.get(self.at..).unwrap_or_default();
        let len = rest
            .get(LENGTH..)
            .and_then(<[u8]>::first_chunk)
            .map_or(rest.len(), |len| u32::from_le_bytes(*len) as usize);
        let bytes = rest.get(..len).unwrap_or(rest);
        self.at += bytes.len().max(1);
        match Event::parse(0, 0, bytes) {
            Ok(event) => {
                self.delivered += 1;
                Ok(Next::Event(event))
            }
            Err(_) => {
                self.malformed += 1;
                Ok(Next::Idle)
            }
        }
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats { seen: self.delivered, delivered: self.delivered, drops: Vec::new(), unknown: self.malformed }
    }

    fn is_live(&self) -> bool {
        true
    }

    /// That of the last time when there was nothing to return.
    fn watermark(&self) -> u64 {
        self.watermark
    }
}

impl Drop for Userspace {
    fn drop(&mut self) {
        self.queue.leave();
        self.bell = None;
        if let Some(tracer) = self.tracer.take() {
            // Its panic was printed.
            _ = tracer.join();
        }
    }
}
