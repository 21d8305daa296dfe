//! Lines on their way to a file or a pipe.
//!
//! After an error in the middle of a line (a full disk), the next attempt writes the rest of that line, so that the
//! output never mixes parts of two alerts.

use super::{Failure, Message};

/// Returns the lines of alerts.
pub(super) fn lines(alerts: &[Message]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(alerts.iter().map(|alert| alert.text.len() + 1).sum());
    for alert in alerts {
        lines.extend_from_slice(&alert.text);
        lines.push(b'\n');
    }
    lines
}

/// Lines of which a part may be unwritten.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Unwritten bytes, from the start of a line or from where the last write stopped.
    pending: Vec<u8>,
    /// Whether the current alerts are already in `pending`, from an earlier attempt.
    taken: bool,
    /// Whether the destination ends with an incomplete line whose rest is in `pending`.
    torn: bool,
}

impl Lines {
    /// Writes the alerts, and first what an earlier attempt has left. `write` returns the number of bytes written.
    ///
    /// # Errors
    ///
    /// That of `write`. After a retryable failure the same alerts must follow.
    pub(super) fn deliver(
        &mut self,
        alerts: &[Message],
        write: impl FnMut(&[u8], bool) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.taken, true) {
            self.pending.extend(lines(alerts));
        }
        let outcome = self.finish(write);
        match outcome {
            Err(Failure::Retryable(_)) => {}
            _ => self.taken = false,
        }
        outcome
    }

    /// Writes what an earlier attempt has left. `write` is also passed whether the bytes continue a line.
    pub(super) fn finish(
        &mut self,
        mut write: impl FnMut(&[u8], bool) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let mut done = 0;
        let mut outcome = Ok(());
        while done < self.pending.len() && outcome.is_ok() {
            outcome = write(&self.pending[done..], self.torn).map(|count| {
                done += count;
                if count > 0 {
                    self.torn = self.pending[done - 1] != b'\n';
                }
            });
        }
        self.pending.drain(..done);
        if !matches!(outcome, Ok(()) | Err(Failure::Retryable(_))) {
            self.pending.clear();
        }
        outcome
    }
}
