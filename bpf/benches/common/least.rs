//! The time of a call in a tight loop.

use std::time::Instant;

/// Returns the nanoseconds per call of `body` in a run of `calls`: the least of the runs, since the host may be busy
/// with other things.
pub(crate) fn least(runs: usize, calls: u32, mut body: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..runs {
        let start = Instant::now();
        for _ in 0..calls {
            body();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(calls));
    }
    best
}
