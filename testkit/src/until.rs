//! Conditions that become true some time after what a test does.

use std::time::{Duration, Instant};

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until a condition is true.
///
/// # Panics
///
/// If it is not within `patience`; `what` is the message.
#[track_caller]
pub fn until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(PAUSE);
    }
}
