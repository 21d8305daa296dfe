//! The thread that delivers alerts: takes them from the queue or the spool, retries after retryable failures, and
//! counts the results.

use super::keeper::Shelf;
use super::queue::Shared;
use super::{Failure, Message, Reports, Sink};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The pause before the first retry; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Maximum time that the thread sleeps without checking its state.
const STEP: Duration = Duration::from_millis(200);

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) sink: Box<dyn Sink>,
    /// The spool that alerts come from, if not directly from the queue.
    pub(super) shelf: Option<Arc<Shelf>>,
}

/// Result of a batch.
enum Outcome {
    /// Settled: this number was rejected, the others delivered.
    Done { refused: usize },
    /// The closing has taken over, or the spool keeps them.
    Left,
}

impl Worker {
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        self.start();
        while let Some(batch) = self.next() {
            let outcome = self.deliver(&batch.alerts);
            shared.lock().busy = None;
            let Outcome::Done { refused } = outcome else { break };
            if let (Some(shelf), Some(end)) = (&self.shelf, batch.end)
                && let Err(error) = shelf.lock().acknowledge(end, batch.alerts.len())
            {
                shared.fault(3, format!("cannot write the position of the spool: {error}"));
            }
            let mut queue = shared.lock();
            // Alerts that the closing has dropped are counted already.
            if !queue.abandoned || batch.end.is_some() {
                queue.totals.lost += refused as u64;
                queue.totals.delivered += (batch.alerts.len() - refused) as u64;
                match batch.end {
                    Some(_) => queue.totals.spooled -= batch.alerts.len() as u64,
                    None => queue.in_hand = 0,
                }
            }
            queue.steps += 1;
            drop(queue);
            shared.notify();
        }
        // A program that ends with its input ends here.
        drop(self.sink);
        shared.lock().threads -= 1;
        shared.notify();
    }

    fn start(&mut self) {
        let reports = Reports(Some(Arc::clone(&self.shared)));
        if let Err(failure) = self.sink.start(&reports) {
            self.fails(failure.to_string());
        }
    }

    /// Waits for alerts; `None` if the output was closed.
    fn next(&mut self) -> Option<Batch> {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        loop {
            if queue.abandoned {
                return None;
            }
            if let Some(sink) = queue.replacement.take() {
                drop(queue);
                self.sink = sink;
                self.start();
                queue = shared.lock();
                continue;
            }
            if std::mem::take(&mut queue.reopen) {
                drop(queue);
                if let Err(failure) = self.sink.reopen() {
                    shared.fault(3, format!("cannot be reopened: {failure}"));
                }
                queue = shared.lock();
                continue;
            }
            match &self.shelf {
                None if !queue.messages.is_empty() => {
                    let alerts = queue.take(self.sink.batch());
                    queue.busy = Some((Instant::now(), false));
                    drop(queue);
                    // There is space again.
                    shared.notify();
                    return Some(Batch { alerts, end: None });
                }
                None if queue.finish.is_some() => return None,
                Some(shelf) if queue.totals.spooled > 0 => {
                    // Alerts that are safe on disk delay the end only briefly.
                    if queue.finish.is_some_and(|since| since.elapsed() > queue.limits.patience) {
                        return None;
                    }
                    drop(queue);
                    let read = shelf.lock().read(self.sink.batch());
                    queue = shared.lock();
                    match read {
                        Ok((alerts, end)) if !alerts.is_empty() => {
                            queue.busy = Some((Instant::now(), false));
                            return Some(Batch { alerts, end: Some(end) });
                        }
                        // Counted alerts are missing: a damaged file.
                        Ok(_) => {
                            let gone = std::mem::take(&mut queue.totals.spooled);
                            queue.totals.lost += gone;
                            drop(queue);
                            shared.fault(2, format!("the spool is damaged; {gone} alerts are lost"));
                            queue = shared.lock();
                        }
                        Err(error) => {
                            drop(queue);
                            shared.fault(3, format!("cannot read the spool: {error}"));
                            queue = shared.wait(shared.lock(), Duration::from_secs(1));
                        }
                    }
                }
                Some(_) if queue.finish.is_some() && !queue.keeper => return None,
                _ => queue = shared.wait(queue, STEP),
            }
        }
    }

    /// Delivers a batch, with the retries of the sink. Reports when failing starts and ends, not each attempt.
    fn deliver(&mut self, mut alerts: &[Message]) -> Outcome {
        let retries = if self.shelf.is_some() { None } else { self.sink.retries() };
        let (mut pause, mut left, mut refused) = (FIRST_PAUSE, retries, 0);
        loop {
            // Those of a spool stay there until they are delivered.
            self.shared.lock().attempt = self.shelf.is_none();
            let outcome = self.sink.deliver(alerts);
            self.shared.lock().attempt = false;
            let text = match outcome {
                Ok(()) => {
                    self.works();
                    return Outcome::Done { refused };
                }
                Err(Failure::Part { refused: more, text }) => {
                    self.works();
                    self.shared.fault(3, text);
                    return Outcome::Done { refused: refused + more.min(alerts.len()) };
                }
                Err(Failure::Permanent(text)) => {
                    self.fails(text);
                    return Outcome::Done { refused: refused + alerts.len() };
                }
                Err(Failure::After { done, refused: more, text }) => {
                    if done > 0 {
                        (pause, left) = (FIRST_PAUSE, retries);
                    }
                    alerts = &alerts[done.min(alerts.len())..];
                    refused += more;
                    text
                }
                Err(Failure::Retryable(text)) => text,
            };
            self.fails(text);
            if left == Some(0) || alerts.is_empty() {
                return Outcome::Done { refused: refused + alerts.len() };
            }
            left = left.map(|left| left - 1);
            let (until, mut queue) = (Instant::now() + scattered(pause), self.shared.lock());
            queue.totals.retries += 1;
            while let Some(time) = until.checked_duration_since(Instant::now()) {
                if queue.abandoned || (self.shelf.is_some() && queue.finish.is_some()) {
                    return Outcome::Left;
                }
                if queue.replacement.is_some() {
                    break;
                }
                queue = self.shared.wait(queue, time);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let replacement = queue.replacement.take();
            drop(queue);
            if let Some(sink) = replacement {
                self.sink = sink;
                self.start();
                (pause, left) = (FIRST_PAUSE, if self.shelf.is_some() { None } else { self.sink.retries() });
            }
        }
    }

    fn fails(&self, text: String) {
        if !std::mem::replace(&mut self.shared.lock().totals.failing, true) {
            self.shared.fault(3, text);
        }
    }

    fn works(&self) {
        if std::mem::take(&mut self.shared.lock().totals.failing) {
            self.shared.fault(5, "works again");
        }
    }
}

struct Batch {
    alerts: Vec<Message>,
    /// Position in the spool after the batch.
    end: Option<u64>,
}

/// Returns a random time between half the pause and the whole pause, so that many hosts do not retry at the same time.
fn scattered(pause: Duration) -> Duration {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    pause.mul_f64(0.5 + f64::from(nanoseconds % 1000) / 2000.0)
}
