//! Sink for standard output.

use super::{Failure, Message, Sink};
use std::io::{self, Write};

/// Writes a line to standard output for each alert.
#[derive(Debug)]
pub struct Stdout {
    buffered: bool,
}

impl Stdout {
    /// Creates the sink. With `buffered`, all queued lines are written together.
    pub fn new(buffered: bool) -> Self {
        Self { buffered }
    }
}

/// Returns the lines of alerts.
pub(super) fn lines(alerts: &[Message]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(alerts.iter().map(|alert| alert.text.len() + 1).sum());
    for alert in alerts {
        lines.extend_from_slice(&alert.text);
        lines.push(b'\n');
    }
    lines
}

impl Sink for Stdout {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn batch(&self) -> usize {
        if self.buffered { 256 } else { 1 }
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out.write_all(&lines(alerts)).and_then(|()| out.flush());
        // The reader of a closed pipe does not come back.
        written.map_err(|error| Failure::Permanent(error.to_string()))
    }
}
