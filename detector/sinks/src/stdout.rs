//! Sink for standard output.

use super::console::Console;
use super::lines::Lines;
use super::{Failure, Message, Sink};
use std::io::ErrorKind;

/// Writes a line to standard output for each alert.
///
/// While the disk is full, alerts wait. A reader that is gone does not come back unless the pipe has a name; until it
/// does, alerts are dropped and counted.
#[derive(Debug)]
pub struct Stdout {
    buffered: bool,
    lines: Lines,
}

impl Stdout {
    /// Creates the sink. With `buffered`, all queued lines are written together.
    pub fn new(buffered: bool) -> Self {
        Self { buffered, lines: Lines::default() }
    }
}

impl Sink for Stdout {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn batch(&self) -> usize {
        if self.buffered { 256 } else { 1 }
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        self.lines.deliver(alerts, |bytes, _| {
            Console::Output.some(bytes).map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe if !Console::Output.may_come_back() => Failure::Permanent(error.to_string()),
                _ => Failure::retryable(error),
            })
        })
    }

    fn retries(&self) -> Option<u32> {
        None
    }
}
