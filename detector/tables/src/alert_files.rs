//! Alerts of a running detector as Parquet files: complete ones, by host and date.
//!
//! Parquet has its index at the end, so a file can be read only when it is complete. It has its name from then on, and
//! is completed when it is old or large enough, or when the detector ends.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::alerts::AlertRows;
use crate::dataset::Dataset;
use crate::scan::Error;
use crate::table::Table;

/// When files of alerts are completed.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// About the bytes of a file.
    pub bytes: u64,
    /// The age of a file.
    pub age: Duration,
}

/// Called with what was lost after alerts were taken, from any thread: the number of alerts, and the reason.
pub type OnLoss = Box<dyn FnMut(u64, Error) + Send>;

/// Writes alerts to Parquet files in a folder: `host=NAME/date=YYYY-MM-DD/alerts-TIME.parquet`.
///
/// A thread completes a file that is old enough although no alert comes. Dropping it completes what is open.
#[derive(Debug)]
pub struct AlertFiles {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    folder: Box<Path>,
    host: Box<[u8]>,
    rotation: Rotation,
    rows: AlertRows,
    open: Option<Open>,
    on_loss: Option<OnLoss>,
    ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("folder", &self.folder).field("open", &self.open).finish_non_exhaustive()
    }
}

/// The files that are not complete.
#[derive(Debug)]
struct Open {
    files: Dataset,
    since: Instant,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AlertFiles {
    /// Creates the writer; files are created with the first alert.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(folder: &Path, host: &str, rotation: Rotation) -> Result<Self, Error> {
        let state = State {
            folder: folder.into(),
            host: host.as_bytes().into(),
            rotation,
            rows: AlertRows::new()?,
            open: None,
            on_loss: None,
            ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("parquet".to_owned());
        let thread = thread.spawn(move || complete_old(&of_thread));
        let thread = thread.map_err(|error| Error::io("can't start a thread", error))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Sets what is called when alerts are lost that were taken before.
    pub fn on_loss(&self, on_loss: OnLoss) {
        self.shared.lock().on_loss = Some(on_loss);
    }

    /// Takes alerts, each a JSON object or a text.
    ///
    /// # Errors
    /// If none of them can be written; they can be tried again. Alerts that were taken before and are lost with them are
    /// reported by themselves.
    pub fn push<'a>(&self, alerts: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Error> {
        let outcome = self.shared.lock().push(alerts);
        self.shared.changed.notify_all();
        outcome
    }

    /// Completes the open files. If they cannot be written, their alerts are lost, which is reported.
    pub fn complete(&self) {
        self.shared.lock().complete();
    }
}

impl Drop for AlertFiles {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.complete();
        state.ended = true;
        drop(state);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has only waited.
            let _ = thread.join();
        }
    }
}

/// Completes files when they are old enough, until the end.
fn complete_old(shared: &Shared) {
    let mut state = shared.lock();
    while !state.ended {
        let left = state.open.as_ref().map(|open| state.rotation.age.saturating_sub(open.since.elapsed()));
        state = match left {
            Some(Duration::ZERO) => {
                state.complete();
                state
            }
            Some(left) => shared.changed.wait_timeout(state, left).map_or_else(|error| error.into_inner().0, |it| it.0),
            None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

impl State {
    fn push<'a>(&mut self, alerts: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        for alert in alerts {
            self.rows.push(alert, now);
        }
        let batch = self.rows.take()?;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let before = open.files.rows();
        if let Err(error) = open.files.write(Some(&self.host), &batch) {
            if before > 0 {
                self.lost(before, Error::Invalid(error.to_string()));
            }
            return Err(error);
        }
        let is_large = open.files.bytes() >= self.rotation.bytes;
        let is_old = open.since.elapsed() >= self.rotation.age;
        self.open = Some(open);
        if is_large || is_old {
            self.complete();
        }
        Ok(())
    }

    fn begin(&self) -> Result<Open, Error> {
        let mut files = Dataset::parquet(&self.folder, self.rows.schema(), Table::Alerts.time_column())?;
        files.begin(&jiff::Timestamp::now().strftime("alerts-%Y%m%dT%H%M%S.%9fZ").to_string())?;
        Ok(Open { files, since: Instant::now() })
    }

    fn complete(&mut self) {
        if let Some(open) = self.open.take() {
            let rows = open.files.rows();
            if let Err(error) = open.files.finish() {
                self.lost(rows, error);
            }
        }
    }

    fn lost(&mut self, alerts: u64, error: Error) {
        if let Some(on_loss) = &mut self.on_loss {
            on_loss(alerts, error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::fs::File;
    use std::path::PathBuf;

    const ALERT: &str = r#"{"time":"2026-11-30T08:00:00Z","rule":"R","priority":"Notice","output":"it happened"}"#;
    const LATER: &str = r#"{"time":"2026-12-01T08:00:00Z","rule":"S","priority":"Notice","output":"again"}"#;

    fn found(folder: &Path) -> Vec<PathBuf> {
        let pattern = format!("{}/*/*/*", folder.display());
        // Files that are not complete are hidden.
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        glob::glob_with(&pattern, options).expect("a pattern").map(|path| path.expect("a path")).collect()
    }

    fn rows(path: &Path) -> usize {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
        reader.build().expect("batches").map(|batch| batch.expect("a batch").num_rows()).sum()
    }

    fn files(folder: &Path, bytes: u64, age: Duration) -> AlertFiles {
        AlertFiles::new(folder, "web1", Rotation { bytes, age }).expect("a thread")
    }

    #[test]
    fn files_have_their_names_when_they_are_complete() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(folder.path(), 1 << 30, Duration::from_secs(3600));
        files.push([ALERT.as_bytes(), LATER.as_bytes(), ALERT.as_bytes()]).expect("they are taken");
        assert!(found(folder.path()).is_empty(), "only hidden files are there");
        drop(files);
        let found = found(folder.path());
        assert_eq!(found.iter().map(|path| rows(path)).collect::<Vec<_>>(), [2, 1]);
        assert!(found[0].to_string_lossy().contains("/host=web1/date=2026-11-30/alerts-2"), "{found:?}");
        assert!(found[1].to_string_lossy().contains("/host=web1/date=2026-12-01/alerts-2"), "{found:?}");
    }

    #[test]
    fn large_and_old_files_are_completed() {
        let folder = tempfile::tempdir().expect("a folder");
        let large = files(folder.path(), 1, Duration::from_secs(3600));
        large.push([ALERT.as_bytes()]).expect("it is taken");
        large.push([ALERT.as_bytes()]).expect("it is taken");
        assert_eq!(found(folder.path()).len(), 2);

        let folder = tempfile::tempdir().expect("a folder");
        let old = files(folder.path(), 1 << 30, Duration::from_millis(50));
        old.push([ALERT.as_bytes()]).expect("it is taken");
        while found(folder.path()).is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(rows(&found(folder.path())[0]), 1);
    }

    #[test]
    fn what_cannot_be_written_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("x");
        std::fs::write(&inside, "").expect("a file");
        let files = files(&inside, 1 << 30, Duration::from_secs(3600));
        let error = files.push([ALERT.as_bytes()]).expect_err("a file is no folder").to_string();
        assert!(error.contains("can't create"), "{error}");
        std::fs::remove_file(&inside).expect("it is removed");
        files.push([ALERT.as_bytes()]).expect("another attempt");
        // The folder is gone before the file is complete.
        let (sender, lost) = std::sync::mpsc::channel();
        files.on_loss(Box::new(move |alerts, error| {
            let _ = sender.send((alerts, error.to_string()));
        }));
        std::fs::remove_dir_all(&inside).expect("it is removed");
        files.complete();
        let (alerts, error) = lost.recv().expect("a report");
        assert_eq!(alerts, 1);
        assert!(error.contains("can't write"), "{error}");
    }
}
