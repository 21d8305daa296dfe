//! A text that is computed for all clients together.
//!
//! Anybody who reaches the port can request it, as often as he likes. One computation runs at a time, on a separate
//! thread, and its result is what every request gets for a second: the cost does not depend on the number of requests.
//! A client that goes away stops waiting; the computation, if one runs, serves the next.

use axum::body::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Time that a result is used.
const FRESH: Duration = Duration::from_secs(1);

/// Computes the text. It may block.
type Compute = dyn Fn() -> String + Send + Sync;

/// The text, and how it is computed.
#[derive(Clone)]
pub(super) struct Shared {
    compute: Arc<Compute>,
    state: Arc<Mutex<State>>,
    results: watch::Sender<Option<Bytes>>,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    computed: Option<Instant>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(compute: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { compute: Arc::new(compute), state: Arc::default(), results: watch::channel(None).0 }
    }

    /// Returns the text, which is at most a second old. Empty if the computation failed.
    pub(super) async fn text(&self) -> Bytes {
        let mut results = self.results.subscribe();
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.computed.is_some_and(|at| at.elapsed() < FRESH) {
                return results.borrow().clone().unwrap_or_default();
            }
            if !state.running {
                state.running = true;
                let this = self.clone();
                tokio::task::spawn_blocking(move || this.compute());
            }
            // A result that arrives from here on is the one to wait for.
            results.mark_unchanged();
        }
        match results.changed().await {
            Ok(()) => results.borrow_and_update().clone().unwrap_or_default(),
            Err(_) => Bytes::new(),
        }
    }

    fn compute(&self) {
        // A panic must not keep all later requests waiting.
        let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.compute)()));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { running: false, computed: Some(Instant::now()) };
        // Under the lock: a request sees either the computation as running, or its result as fresh.
        self.results.send_replace(text.ok().map(Bytes::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn many_requests_are_one_computation() {
        let (count, (go, wait)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel::<()>());
        let wait = Mutex::new(wait);
        let counted = Arc::clone(&count);
        let shared = Shared::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            wait.lock().unwrap().recv().unwrap();
            "text".to_owned()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let requests: Vec<_> = (0..100).map(|_| shared.clone()).collect();
            let requests: Vec<_> =
                requests.into_iter().map(|shared| tokio::spawn(async move { shared.text().await })).collect();
            tokio::task::yield_now().await;
            // Half of the clients leave, also the first, which started it.
            requests.iter().step_by(2).for_each(tokio::task::JoinHandle::abort);
            go.send(()).unwrap();
            for request in requests.into_iter().skip(1).step_by(2) {
                assert_eq!(request.await.unwrap(), "text");
            }
            // Within the second, or a little later on a slow host: the same text from at most one more computation.
            go.send(()).unwrap();
            assert_eq!(shared.text().await, "text");
        });
        assert!(count.load(Ordering::SeqCst) <= 2);
    }

    #[test]
    fn a_computation_that_fails_is_tried_again() {
        let shared = Shared::new(|| panic!("a test"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(shared.text()), "");
        assert!(!shared.state.lock().unwrap().running);
    }
}
