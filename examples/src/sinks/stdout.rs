//! Alerts to standard output.

use super::{Failure, Message, Sink};
use std::io::{self, Write};

/// Standard output, a line for each alert.
#[derive(Debug)]
pub struct Stdout {
    buffered: bool,
    lines: Vec<u8>,
}

/// Collected lines are written when there are so many bytes of them.
const FULL: usize = 8192;

impl Stdout {
    /// With `buffered`, lines are collected and written together.
    pub fn new(buffered: bool) -> Self {
        Self { buffered, lines: Vec::new() }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.lines).and_then(|()| out.flush());
        self.lines.clear();
        written
    }
}

impl Sink for Stdout {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        self.lines.extend_from_slice(message.text.as_bytes());
        self.lines.push(b'\n');
        if !self.buffered || self.lines.len() >= FULL {
            // Whoever read the other end of a pipe does not come back.
            self.write().map_err(|error| Failure::Lasting(error.to_string()))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.write().map_err(|error| Failure::Lasting(error.to_string()))
    }
}
