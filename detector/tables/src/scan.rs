//! A capture read as the batches of a table.

use arrow_array::RecordBatch;
use peregrine::Rules;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::{Filter, FilterError};
use scap::Source;
use sinsp::fields::Fields;
use sinsp::{Inspector, Next};

use crate::alerts::Alerts;
use crate::columns::{ColumnError, Columns};
use crate::connections::Connections;
use crate::files::Files;
use crate::processes::Processes;
use crate::rows::{ROWS, Rows, hostname};
use crate::table::Table;

/// The reason why a capture is not a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column does not exist.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// The filter is not a condition.
    #[error("{}", .0.explained())]
    Filter(#[from] FilterError),
    /// The table `alerts` has no rules.
    #[error("the table `alerts` requires rules")]
    NoRules,
    /// The capture is damaged or cut off.
    #[error(transparent)]
    Capture(#[from] sinsp::Error),
    /// The capture cannot be opened.
    #[error(transparent)]
    Open(#[from] scap::Error),
    /// A batch is too large.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file cannot be written.
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A file cannot be read or written.
    #[error("{context}: {source}")]
    Io {
        /// The operation that failed, with the name of the file.
        context: String,
        /// The error that the system returned.
        #[source]
        source: std::io::Error,
    },
    /// A value that is not possible here.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// Returns the error of the system if the reader of a pipe is gone, so that callers can distinguish it; else the
    /// error itself.
    ///
    /// # Errors
    /// If it has another cause.
    pub fn into_closed_pipe(self) -> Result<std::io::Error, Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&self);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
                return Ok(std::io::ErrorKind::BrokenPipe.into());
            }
            cause = error.source();
        }
        Err(self)
    }

    pub(crate) fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }
}

/// The description of a scan: columns, filter and rules.
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    columns: Columns,
    filter: String,
    rules: Option<Rules>,
    batch: usize,
}

impl Request {
    /// Requests columns of a table, of all events.
    pub fn new(columns: Columns) -> Self {
        Self { columns, filter: String::new(), rules: None, batch: ROWS }
    }

    /// Restricts the table to the events that match a condition; an empty one is true. The other tables than `events`
    /// count only these events: a process without one has no row.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Sets the rules of the table `alerts`.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Sets the most rows of a batch: 8,192, which is also the limit. For who needs few rows, and those early.
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows;
        self
    }

    /// Returns the columns.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the condition.
    pub fn condition(&self) -> &str {
        &self.filter
    }
}

/// The builder of a table's rows.
#[allow(clippy::large_enum_variant, reason = "a scan has one")]
enum Builder {
    Events,
    Processes(Processes),
    Connections(Connections),
    Files(Files),
    Alerts(Alerts),
}

/// A capture as the batches of a table. The memory is that of the inspector, a batch, and the living processes.
///
/// ```
/// use peregrine_tables::{Columns, Request, Scan, Table};
/// use scap::text::Trace;
///
/// let trace: Trace = r#"
///     thread tid=7 pid=7 ptid=1 comm="cat"
///     1700000000.0 tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/shadow" flags=O_RDONLY mode=0 dev=0 ino=0
/// "#.parse()?;
/// let columns = Columns::new(Table::Events, ["proc.name", "fd.name"])?;
/// let mut scan = Scan::new(trace, "x.scap", &Request::new(columns).filter("evt.type = openat"))?;
/// let batch = scan.next()?.expect("a batch");
/// assert_eq!((batch.num_rows(), batch.num_columns()), (1, 2));
/// assert!(scan.next()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scan<S> {
    inspector: Inspector<S>,
    filter: Option<Filter<SinspSchema>>,
    builder: Builder,
    rows: Rows,
    seen: u64,
    failure: Option<sinsp::Error>,
    ended: bool,
}

impl<S> std::fmt::Debug for Scan<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("columns", self.rows.columns()).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl<S: Source> Scan<S> {
    /// Reads a source; `capture` is the value of the column of that name.
    ///
    /// # Errors
    /// If the filter is not a condition, or rules are missing.
    pub fn new(source: S, capture: &str, request: &Request) -> Result<Self, Error> {
        let builder = match request.columns.table() {
            Table::Events => Builder::Events,
            Table::Processes => Builder::Processes(Processes::new()),
            Table::Connections => Builder::Connections(Connections::new()),
            Table::Files => Builder::Files(Files::new()),
            Table::Alerts => Builder::Alerts(Alerts::new(request.rules.as_ref().ok_or(Error::NoRules)?)),
        };
        let is_empty = request.filter.trim().is_empty();
        let filter =
            if is_empty { None } else { Some(Filter::compile(&request.filter, SinspSchema::new(Fields::new()))?) };
        let mut rows = Rows::new(request.columns.clone(), capture);
        rows.set_most(request.batch);
        Ok(Self { inspector: Inspector::new(source), filter, builder, rows, seen: 0, failure: None, ended: false })
    }

    /// Returns the next batch: at least one row; `None` at the end.
    ///
    /// # Errors
    /// If the capture is damaged or cut off. The rows before the damage were returned.
    #[allow(clippy::should_implement_trait, reason = "an iterator of results would go on after an error")]
    pub fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        while !self.ended && !self.rows.is_full() {
            self.step();
        }
        if !self.rows.is_empty() {
            return Ok(Some(self.rows.take()?));
        }
        match self.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(None),
        }
    }

    /// Reads events until the batch is full or the capture ends.
    fn step(&mut self) {
        let Self { inspector, filter, builder, rows, seen, .. } = self;
        let failure = loop {
            let event = match inspector.next() {
                Ok(Next::Event(event)) => event,
                Ok(Next::Hidden | Next::Idle) => continue,
                Ok(Next::End) => break None,
                Err(error) => break Some(error),
            };
            *seen += 1;
            rows.host(event.state());
            let matches = filter.as_mut().is_none_or(|filter| filter.matches(&event));
            match builder {
                Builder::Events if matches => rows.event(&event),
                Builder::Events => continue,
                Builder::Processes(table) => table.event(&event, matches, rows),
                Builder::Connections(table) => table.event(&event, matches, rows),
                Builder::Files(table) => table.event(&event, matches, rows),
                Builder::Alerts(table) => table.event(&event, matches, rows),
            }
            if rows.is_full() {
                return;
            }
        };
        self.failure = failure;
        self.ended = true;
        match builder {
            Builder::Events | Builder::Alerts(_) => {}
            Builder::Processes(table) => table.finish(rows),
            Builder::Connections(table) => table.finish(rows),
            Builder::Files(table) => table.finish(rows),
        }
    }

    /// Returns the number of events that were read.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns the number of values that did not fit their column; they are null.
    pub fn invalid(&self) -> u64 {
        self.rows.invalid()
    }

    /// Returns the number of rows that were written early, to bound the memory: what followed is in other rows.
    pub fn split(&self) -> u64 {
        match &self.builder {
            Builder::Events | Builder::Alerts(_) => 0,
            Builder::Processes(table) => table.split(),
            Builder::Connections(table) => table.split(),
            Builder::Files(table) => table.split(),
        }
    }

    /// Returns the name of the host, as far as it is known by now.
    pub fn hostname(&self) -> Option<&[u8]> {
        hostname(self.inspector.state())
    }

    /// Returns the source.
    pub fn source(&self) -> &S {
        self.inspector.source()
    }
}

#[cfg(test)]
mod tests {
    use scap::text::Trace;

    use super::*;

    #[test]
    fn a_small_batch_comes_early() {
        let trace: Trace = "thread tid=7 pid=7 ptid=1\n1700000000.0 tid=7 close res=0 fd=3\n\
                            +1ms tid=7 close res=0 fd=4\n+1ms tid=7 close res=0 fd=5\n"
            .parse()
            .expect("a trace");
        let columns = Columns::new(Table::Events, ["evt.num"]).expect("columns");
        let mut scan = Scan::new(trace, "x", &Request::new(columns).batch(2)).expect("a scan");
        let mut next = || {
            let rows = scan.next().expect("a batch").map(|batch| batch.num_rows());
            (rows, scan.seen())
        };
        assert_eq!([next(), next(), next()], [(Some(2), 2), (Some(1), 3), (None, 3)]);
    }
}
