//! A session: tables, and the queries of them.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::ListingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use peregrine::Rules;
use peregrine_tables::{Columns, Table};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;

use crate::capture::{Capture, Note, Notes};
#[cfg(feature = "ballista")]
use crate::cluster;
use crate::error::{Error, Place};
use crate::names::{self, Parsed};
use crate::parquet;
use crate::table::{CaptureTable, column, has};
use crate::turns::Turns;
use crate::union::{union, wanted};

/// The memory that queries may use unless another limit is set, in bytes.
const MEMORY: usize = 1 << 30;
/// The batches of an answer that wait for its receiver.
const WAITING: usize = 2;
/// The time after which an interrupt is seen.
const INTERRUPT: Duration = Duration::from_millis(50);
/// The time that the threads of a session have to end with it. One may wait for input that never comes.
const END: Duration = Duration::from_millis(500);

/// The settings of a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The captures.
    pub captures: Vec<Capture>,
    /// Parquet files, and folders of them, such as datasets. A table that is in captures too has the rows of both, and the
    /// columns of the files.
    pub parquet: Vec<PathBuf>,
    /// The rules of the table `alerts`, without which captures have no such table.
    pub rules: Option<Rules>,
    /// The memory of sorting, grouping and joining, in bytes. What exceeds it is written to temporary files. The memory
    /// that reading captures takes is not counted.
    pub memory: usize,
    /// The threads; by default, one for each processor.
    pub threads: usize,
    /// The scheduler of Ballista that queries are sent to, such as `df://host:50050`. Its executors read the Parquet files,
    /// which have the same paths there; captures are not possible.
    #[cfg(feature = "ballista")]
    pub ballista: Option<String>,
    /// A query ends with [`Error::Interrupted`] soon after this is set.
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            captures: Vec::new(),
            parquet: Vec::new(),
            rules: None,
            memory: MEMORY,
            threads,
            #[cfg(feature = "ballista")]
            ballista: None,
            interrupt: None,
        }
    }
}

/// The receiver of answers.
pub trait Sink {
    /// The reason why an answer cannot be received.
    type Error: From<Error>;

    /// Receives the columns of an answer, before its rows.
    ///
    /// # Errors
    /// If it cannot.
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Self::Error>;

    /// Receives rows of an answer.
    ///
    /// # Errors
    /// If it cannot.
    fn rows(&mut self, batch: &RecordBatch) -> Result<(), Self::Error>;

    /// Receives the end of an answer.
    ///
    /// # Errors
    /// If it cannot.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Tables, and the queries of them.
///
/// ```
/// use peregrine_sql::{Capture, Options, Session};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures/attack-a.scap");
/// let mut options = Options::default();
/// options.captures.push(Capture::file(path.as_ref()));
/// let session = Session::new(options)?;
/// let answer = session.collect("SELECT proc.name, count(*) FROM events WHERE evt.type = 'execve' GROUP BY 1")?;
/// assert!(answer.iter().map(|batch| batch.num_rows()).sum::<usize>() > 1);
/// # Ok::<(), peregrine_sql::Error>(())
/// ```
pub struct Session {
    threads: Threads,
    context: SessionContext,
    captures: Arc<[Capture]>,
    /// The tables of Parquet files.
    files: BTreeMap<String, Arc<ListingTable>>,
    rules: Option<Rules>,
    interrupt: Option<Arc<AtomicBool>>,
    notes: Notes,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("captures", &self.captures).finish_non_exhaustive()
    }
}

impl Session {
    /// Creates a session, and finds the tables of Parquet files.
    ///
    /// # Errors
    /// If a Parquet file cannot be read, or there is no such scheduler.
    pub fn new(options: Options) -> Result<Self, Error> {
        let threads = Threads::new(options.threads).map_err(|error| Error::io("can't start threads", error))?;
        let mut config =
            SessionConfig::new().with_target_partitions(options.threads.max(1)).with_information_schema(true);
        let settings = config.options_mut();
        settings.sql_parser.collect_spans = true;
        // What a sort keeps back to merge its files.
        let reserved = &mut settings.execution.sort_spill_reservation_bytes;
        *reserved = (*reserved).min(options.memory / 4);
        let pool = Arc::new(FairSpillPool::new(options.memory));
        let environment = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
        let state = SessionStateBuilder::new().with_default_features().with_config(config);
        let state = state.with_runtime_env(environment).with_physical_optimizer_rule(Arc::new(Turns)).build();
        let context = SessionContext::new_with_state(state);
        #[cfg(feature = "ballista")]
        let context = match &options.ballista {
            Some(url) if options.captures.is_empty() => threads.block_on(cluster::connect(context, url))?,
            Some(_) => return Err(Error::Input("captures are read on this machine alone: export them".to_owned())),
            None => context,
        };
        let mut session = Self {
            threads,
            context,
            files: BTreeMap::new(),
            captures: options.captures.into(),
            rules: options.rules,
            interrupt: options.interrupt,
            notes: Notes::default(),
        };
        #[cfg(feature = "ballista")]
        let is_cluster = options.ballista.is_some();
        #[cfg(not(feature = "ballista"))]
        let is_cluster = false;
        // Executors exchange dictionaries as the values in them, which their plans would not expect.
        let like = |table: &str, field: &Field| match session.captured(table) {
            Some(table) => column(table, field.name()),
            None => is_cluster.then(|| parquet::plain(field.data_type())),
        };
        session.files = session.threads.block_on(parquet::tables(&session.context, &options.parquet, &like))?;
        for (name, files) in &session.files {
            let files: Arc<dyn TableProvider> = Arc::<ListingTable>::clone(files);
            session.context.register_table(name.as_str(), files)?;
        }
        session.register(&[])?;
        Ok(session)
    }

    /// Returns the table of this name that captures have.
    fn captured(&self, name: &str) -> Option<Table> {
        let is_there = |table: &Table| !self.captures.is_empty() && (*table != Table::Alerts || self.rules.is_some());
        Table::named(name).filter(is_there)
    }

    /// Registers the tables of captures, with columns of these names beside their default ones.
    fn register(&self, names: &[String]) -> Result<(), Error> {
        for table in Table::ALL {
            let name = table.name();
            if self.captured(name).is_none() {
                continue;
            }
            let captures = Arc::clone(&self.captures);
            let rules = self.rules.clone().filter(|_| *table == Table::Alerts);
            let notes = self.notes.clone();
            let provider: Arc<dyn TableProvider> = match self.files.get(name) {
                None => {
                    let own = CaptureTable::new(*table, captures, rules, names, notes);
                    Arc::new(own.map_err(peregrine_tables::Error::from)?)
                }
                Some(files) => {
                    let files: Arc<dyn TableProvider> = Arc::<ListingTable>::clone(files);
                    let names = wanted(*table, files.as_ref());
                    let own = CaptureTable::with_columns(*table, captures, rules, names, notes);
                    union(*table, Arc::new(own.map_err(peregrine_tables::Error::from)?), files)?
                }
            };
            self.context.deregister_table(name)?;
            self.context.register_table(name, provider)?;
        }
        Ok(())
    }

    /// Returns the names of the tables.
    pub fn tables(&self) -> Vec<String> {
        let state = self.context.state();
        let options = &state.config_options().catalog;
        let catalog = state.catalog_list().catalog(&options.default_catalog);
        let schema = catalog.and_then(|catalog| catalog.schema(&options.default_schema));
        let mut names = schema.map(|schema| schema.table_names()).unwrap_or_default();
        names.sort();
        names
    }

    /// Returns the names and types of the columns of a table: of captures, all that require no argument.
    pub fn columns(&self, table: &str) -> Vec<(String, DataType)> {
        let of = |schema: &SchemaRef| {
            let fields = schema.fields().iter();
            fields.map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
        };
        if let Some(known) = self.captured(table).filter(|_| !self.files.contains_key(table)) {
            let columns = Columns::new(known, known.all_columns()).map(Columns::with_parts);
            return columns.map_or_else(|_| Vec::new(), |columns| of(columns.schema()));
        }
        let found = self.threads.block_on(self.context.table_provider(TableReference::bare(table)));
        found.map_or_else(|_| Vec::new(), |provider| of(&provider.schema()))
    }

    /// Returns the names of the functions.
    pub fn functions(&self) -> Vec<String> {
        let state = self.context.state();
        let names = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
        let mut names: Vec<String> = names.chain(state.window_functions().keys()).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns what is to be said about captures since this was called last, such as that one is cut off.
    pub fn notes(&self) -> Vec<Note> {
        self.notes.take()
    }

    /// Returns whether any table can have a column of this name.
    fn is_column(&self, name: &str, others: &[SchemaRef]) -> bool {
        let of_captures = || Table::ALL.iter().any(|table| has(*table, name));
        others.iter().any(|schema| schema.column_with_name(name).is_some()) || of_captures()
    }

    /// Returns the statements of a text, and registers the columns that they name.
    fn parse(&self, sql: &str) -> Result<Parsed, Error> {
        let mut others = Vec::new();
        for table in self.tables() {
            if let Ok(provider) = self.threads.block_on(self.context.table_provider(TableReference::bare(table))) {
                others.push(provider.schema());
            }
        }
        let parsed = names::parse(sql, &|name| self.is_column(name, &others))?;
        self.register(&parsed.columns)?;
        Ok(parsed)
    }

    /// Executes the statements of a text, one after the other.
    ///
    /// # Errors
    /// If one is not possible, or `sink` returns an error.
    pub fn run<S: Sink>(&self, sql: &str, sink: &mut S) -> Result<(), S::Error> {
        let parsed = self.parse(sql)?;
        for statement in parsed.statements {
            let statement = Statement::Statement(Box::new(statement));
            let plan = self.threads.block_on(self.context.state().statement_to_plan(statement));
            let plan = plan.map_err(|error| self.unplanned(sql, error, &parsed.others))?;
            permitted(&plan)?;
            self.answer(plan, sink)?;
        }
        Ok(())
    }

    /// Returns the error of a statement without a plan. If the engine does not know where, it is the first path that is
    /// not a column.
    fn unplanned(&self, sql: &str, error: DataFusionError, others: &[(String, Place)]) -> Error {
        let found = Error::of_plan(sql, error);
        let Error::Query { place, message, .. } = &found else { return found };
        let lacks_rules = self.rules.is_none() && !self.captures.is_empty() && message.contains("'alerts' not found");
        let help = lacks_rules.then(|| "the table `alerts` requires rules".to_owned());
        let named = others.iter().find(|(name, _)| message.contains(name.as_str()));
        Error::query(sql, message.clone(), place.or(named.map(|(_, place)| *place)), help)
    }

    /// Executes a plan on the threads, while the caller's thread receives the answer and looks for interrupts: a join may
    /// compute for minutes before anything else has its turn on the same thread.
    fn answer<S: Sink>(&self, plan: LogicalPlan, sink: &mut S) -> Result<(), S::Error> {
        let (send, mut parts) = tokio::sync::mpsc::channel(WAITING);
        let context = self.context.clone();
        let task = self.threads.spawn(async move {
            let frame = context.execute_logical_plan(plan).await?;
            let mut rows = frame.execute_stream().await?;
            let mut part = Some(Part::Columns(rows.schema()));
            while let Some(next) = part {
                if send.send(next).await.is_err() {
                    break;
                }
                part = rows.next().await.transpose()?.map(Part::Rows);
            }
            Ok::<(), DataFusionError>(())
        });
        let receive = async {
            while let Some(part) = parts.recv().await {
                match part {
                    Part::Columns(schema) => sink.begin(&schema)?,
                    Part::Rows(batch) => sink.rows(&batch)?,
                }
            }
            let ended = task.join_unwind().await;
            ended.unwrap_or_else(|error| Err(DataFusionError::ExecutionJoin(Box::new(error)))).map_err(Error::from)?;
            sink.end()
        };
        self.threads.wait(async {
            tokio::select! {
                outcome = receive => outcome,
                () = self.interrupted() => Err(Error::Interrupted.into()),
            }
        })
    }

    /// Returns soon after an interrupt.
    async fn interrupted(&self) {
        let mut looks = tokio::time::interval(INTERRUPT);
        loop {
            looks.tick().await;
            if self.interrupt.as_ref().is_some_and(|set| set.load(Ordering::Relaxed)) {
                return;
            }
        }
    }

    /// Executes the statements of a text, and returns all rows.
    ///
    /// # Errors
    /// If one is not possible.
    pub fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        let mut all = Collected(Vec::new());
        self.run(sql, &mut all)?;
        Ok(all.0)
    }
}

/// A part of an answer.
enum Part {
    Columns(SchemaRef),
    Rows(RecordBatch),
}

/// The threads of a session.
struct Threads {
    workers: Option<Runtime>,
    /// The clock of the caller's thread, which workers that compute do not hold up.
    own: Runtime,
}

impl Threads {
    fn new(count: usize) -> std::io::Result<Self> {
        let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(count.max(1)).enable_all().build()?;
        let own = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { workers: Some(workers), own })
    }

    fn workers(&self) -> &Runtime {
        self.workers.as_ref().unwrap_or_else(|| unreachable!("they end with the session"))
    }

    /// Runs something with the workers at hand, and waits for it.
    fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.workers().block_on(work)
    }

    /// Runs something on a worker; it ends early when the task is dropped.
    fn spawn<F: Future<Output: Send> + Send + 'static>(&self, work: F) -> SpawnedTask<F::Output> {
        let _entered = self.workers().enter();
        SpawnedTask::spawn(work)
    }

    /// Waits for something on the caller's thread alone.
    fn wait<F: Future>(&self, work: F) -> F::Output {
        self.own.block_on(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.shutdown_timeout(END);
        }
    }
}

struct Collected(Vec<RecordBatch>);

impl Sink for Collected {
    type Error = Error;

    fn begin(&mut self, _: &SchemaRef) -> Result<(), Error> {
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.0.push(batch.clone());
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Refuses statements that write files, and tables in memory.
fn permitted(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateView(_) | DdlStatement::DropView(_)) => Ok(()),
        plan => {
            let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false);
            options.verify_plan(plan).map_err(|error| Error::Refused(error.strip_backtrace()))
        }
    }
}
