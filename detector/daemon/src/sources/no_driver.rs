//! The source of `engine.kind: nodriver`, without events.

use crate::metrics::measured::Measured;
use scap::{HostState, Next, Result, Source, SourceStats};
use std::time::Duration;

/// Time that the source blocks before it reports that there are no events.
const PAUSE: Duration = Duration::from_millis(30);

/// A live source without events.
#[derive(Debug, Default)]
pub(crate) struct Nothing {
    host: HostState,
}

impl Source for Nothing {
    fn next(&mut self) -> Result<Next<'_>> {
        std::thread::sleep(PAUSE);
        Ok(Next::Idle)
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }
}

impl Measured for Nothing {}
