//! A source of events written as text.

use std::str::FromStr;

use super::TextError;
use super::event::Events;
use super::scan::Scan;
use super::state::{ThreadIndex, WORDS, read_state};
use crate::{Error, Event, HostState, Next, Result, Source, SourceStats};

/// A [`Source`] of events and state read from text (see [`text`](super) for the format), which can be run again.
///
/// ```
/// use peregrine_scap::{Next, Source, text::Trace};
///
/// let mut trace: Trace = r#"
///     thread tid=7 comm="cat"
///     1700000000.5 tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/passwd" flags=O_RDONLY
///     tid=7 close res=0 fd=3
/// "#.parse()?;
/// assert_eq!(trace.host().threads[0].comm, b"cat");
/// while let Next::Event(event) = trace.next()? {
///     println!("{event:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The states of the host, one for each `restart` and one for the beginning.
    hosts: Vec<HostState>,
    steps: Vec<Step>,
    bytes: Vec<u8>,
    host: usize,
    next: usize,
    delivered: u64,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// An event, in `bytes`.
    Event { from: usize, to: usize, cpu: u16, flags: u32 },
    /// The state with the next index begins.
    Restart,
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// The first error, with its place.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let mut trace = Self { hosts: vec![HostState::default()], ..Self::default() };
        let mut events = Events::new();
        let mut threads = ThreadIndex::new();
        let mut stateful = true;
        for (index, line) in text.split('\n').enumerate() {
            let mut scan = Scan::new(line, index + 1);
            if !scan.more() {
                continue;
            }
            let start = scan.clone();
            let word = scan.word();
            let ends = scan.peek().is_none_or(char::is_whitespace);
            if word == "restart" && ends {
                if scan.more() {
                    return scan.error("unexpected text after `restart`");
                }
                trace.steps.push(Step::Restart);
                trace.hosts.push(HostState::default());
                threads.clear();
                stateful = true;
            } else if WORDS.contains(&word) && ends {
                let Some(host) = trace.hosts.last_mut().filter(|_| stateful) else {
                    return start.error("state must come before events; `restart` begins a new host");
                };
                read_state(word, &mut scan, host, &mut threads)?;
            } else {
                stateful = false;
                scan = start;
                let event = events.read(&mut scan)?;
                let from = trace.bytes.len();
                trace.bytes.extend_from_slice(event.bytes());
                let to = trace.bytes.len();
                trace.steps.push(Step::Event { from, to, cpu: event.cpu(), flags: event.flags() });
            }
        }
        Ok(trace)
    }

    /// Returns all events, past and to come, without the restarts between them.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.steps.iter().filter_map(|step| match *step {
            Step::Event { from, to, cpu, flags } => Event::parse(cpu, flags, self.bytes.get(from..to)?).ok(),
            Step::Restart => None,
        })
    }

    /// Goes back to the beginning.
    pub fn rewind(&mut self) {
        self.host = 0;
        self.next = 0;
        self.delivered = 0;
    }
}

impl FromStr for Trace {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse(text)
    }
}

impl Source for Trace {
    fn next(&mut self) -> Result<Next<'_>> {
        let Some(&step) = self.steps.get(self.next) else { return Ok(Next::End) };
        self.next += 1;
        match step {
            Step::Event { from, to, cpu, flags } => {
                self.delivered += 1;
                let bytes = self.bytes.get(from..to).unwrap_or(&[]);
                Ok(Next::Event(Event::parse(cpu, flags, bytes).map_err(Error::Event)?))
            }
            Step::Restart => {
                self.host += 1;
                Ok(Next::Restart)
            }
        }
    }

    fn host(&self) -> &HostState {
        static NONE: HostState = HostState {
            machine: None,
            interfaces: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
            threads: Vec::new(),
        };
        self.hosts.get(self.host).unwrap_or(&NONE)
    }

    fn stats(&self) -> SourceStats {
        SourceStats { seen: self.delivered, delivered: self.delivered, ..SourceStats::default() }
    }
}
