//! Helpers of several tests.

use scap::text::Trace;
use scap::{HostState, Source, SourceStats};

/// A trace that claims to be live.
pub(crate) struct Live(pub(crate) Trace);

impl Source for Live {
    fn next(&mut self) -> scap::Result<scap::Next<'_>> {
        self.0.next()
    }

    fn host(&self) -> &HostState {
        self.0.host()
    }

    fn stats(&self) -> SourceStats {
        self.0.stats()
    }

    fn is_live(&self) -> bool {
        true
    }
}
