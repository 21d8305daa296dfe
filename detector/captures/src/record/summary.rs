//! The summary of a recording: events recorded and dropped.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use scap::{Source, SourceStats};

use super::sink::Sink;

/// Counts of a recording.
pub(crate) struct Summary {
    began: Instant,
    /// Events that were recorded and are shown to readers.
    pub(crate) matched: u64,
    /// Events that were recorded for the state alone.
    pub(crate) state_only: u64,
}

impl Summary {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), matched: 0, state_only: 0 }
    }

    /// Prints the summary to standard error.
    pub(crate) fn print(&self, source: &dyn Source, sink: &Sink) {
        let text = self.text(self.began.elapsed().as_secs_f64(), &source.stats(), sink.files());
        // Nobody may be there to read it; the recording is complete.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn text(&self, seconds: f64, stats: &SourceStats, files: usize) -> String {
        let mut text = format!("{} events recorded in {seconds:.1} s", self.matched);
        let mut add = |part: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _ = text.write_fmt(part);
        };
        if self.state_only > 0 {
            add(format_args!(", {} more for the state", self.state_only));
        }
        if files > 1 {
            add(format_args!(", in {files} files"));
        }
        add(format_args!("\n{} seen, {} dropped\n", stats.seen, stats.dropped()));
        for lost in &stats.drops {
            match lost.family {
                "" => add(format_args!("  {}: {}\n", lost.count, lost.cause)),
                family => add(format_args!("  {} of the family {family}: {}\n", lost.count, lost.cause)),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_printed_by_family_and_cause() {
        let summary = Summary { matched: 5, state_only: 2, ..Summary::new() };
        let drops = vec![scap::source::Drop { cause: "buffer", family: "open", count: 3 }];
        let stats = SourceStats { seen: 10, delivered: 7, drops, unknown: 0 };
        assert_eq!(
            summary.text(1.25, &stats, 2),
            "5 events recorded in 1.2 s, 2 more for the state, in 2 files\n10 seen, 3 dropped\n  3 of the family open: buffer\n"
        );
    }
}
