//! The progress bar of commands that take long.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scap::{HostState, Next, Source, SourceStats};

use crate::input::Input;

/// The size below which a file that is printed has no bar: what is printed would be among it on the screen.
const LARGE: u64 = 50_000_000;
/// The time after which there is a bar.
const DELAY: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);
/// Interval of events at which the clock is read.
const EVENTS: u32 = 4_096;
const WIDTH: u64 = 40;

/// A bar on standard error, if that is a terminal.
pub(crate) struct Progress {
    shown: bool,
    countdown: u32,
    next: Instant,
    /// The bytes of files that were read before, and of all files, if there are several.
    before: u64,
    all: Option<u64>,
}

impl Progress {
    /// Creates a bar for a file of the given size whose events are printed.
    pub(crate) fn new(size: Option<u64>) -> Self {
        Self::shown(size.is_some_and(|size| size >= LARGE) && !std::io::stdout().is_terminal(), None)
    }

    /// Creates a bar for files that are read one after the other and written to `output`.
    pub(crate) fn of_files(paths: &[PathBuf], output: &Path) -> Self {
        let sizes = paths.iter().map(|path| std::fs::metadata(path).ok().filter(|meta| meta.is_file()));
        let all = sizes.map(|meta| Some(meta?.len())).sum::<Option<u64>>();
        let is_free = output != Path::new("-") || !std::io::stdout().is_terminal();
        Self::shown(all.is_some() && is_free, all)
    }

    fn shown(wanted: bool, all: Option<u64>) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self { shown, countdown: EVENTS, next: Instant::now() + DELAY, before: 0, all }
    }

    /// Counts one event; `at` returns position and size when they are needed.
    #[inline]
    pub(crate) fn tick(&mut self, at: impl FnOnce() -> Option<(u64, u64)>) {
        self.countdown -= 1;
        if self.countdown == 0 {
            self.countdown = EVENTS;
            if self.shown && Instant::now() >= self.next {
                self.next = Instant::now() + INTERVAL;
                if let Some((position, size)) = at() {
                    show(&bar(self.before + position, self.all.unwrap_or(size)));
                }
            }
        }
    }
}

/// A capture whose events advance a bar.
pub(crate) struct Watched<'p> {
    input: Input,
    progress: &'p mut Progress,
}

impl<'p> Watched<'p> {
    pub(crate) fn new(input: Input, progress: &'p mut Progress) -> Self {
        Self { input, progress }
    }
}

impl Drop for Watched<'_> {
    /// The bar goes on with the next file.
    fn drop(&mut self) {
        self.progress.before += self.input.progress().map_or(0, |(_, size)| size);
    }
}

impl Source for Watched<'_> {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        let Self { input, progress } = self;
        progress.tick(|| input.progress());
        input.next()
    }

    fn host(&self) -> &HostState {
        self.input.host()
    }

    fn stats(&self) -> SourceStats {
        self.input.stats()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.input.progress()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            show("");
        }
    }
}

/// Replaces the current line with `text`.
fn show(text: &str) {
    // A bar that cannot be shown is not a reason to stop.
    let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
}

fn bar(position: u64, size: u64) -> String {
    let done = position.min(size);
    let filled = (done * WIDTH / size.max(1)) as usize;
    format!("[{:=<filled$}{:width$}] {:3} %", "", "", done * 100 / size.max(1), width = WIDTH as usize - filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills() {
        assert_eq!(bar(0, 100), format!("[{}]   0 %", " ".repeat(40)));
        assert_eq!(bar(50, 100), format!("[{}{}]  50 %", "=".repeat(20), " ".repeat(20)));
        assert_eq!(bar(200, 100), format!("[{}] 100 %", "=".repeat(40)));
        assert_eq!(bar(0, 0), format!("[{}]   0 %", " ".repeat(40)));
    }
}
