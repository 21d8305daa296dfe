//! The scan of captures as a step of a plan: captures in groups, each read on a separate thread.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use peregrine_tables::{Request, Scan};
use scap::{HostState, Next, Source, SourceStats};
use tokio::sync::mpsc::Sender;

use crate::capture::{Capture, Notes};

/// The batches that wait for the rest of the plan, of each group.
const WAITING: usize = 2;
/// The events after which it is seen whether somebody still waits for rows.
const EVENTS: u32 = 4_096;

/// Reads captures as a table.
#[derive(Debug)]
pub(crate) struct CaptureScan {
    request: Request,
    groups: Vec<Vec<Capture>>,
    limit: Option<usize>,
    notes: Notes,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CaptureScan {
    pub(crate) fn new(request: Request, groups: Vec<Vec<Capture>>, limit: Option<usize>, notes: Notes) -> Self {
        let schema = Arc::clone(request.columns().schema());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(groups.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            request,
            groups,
            limit,
            notes,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for CaptureScan {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.request.columns();
        let names: Vec<&str> = columns.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let captures = self.groups.iter().map(Vec::len).sum::<usize>();
        let (table, condition) = (columns.table().name(), self.request.condition());
        if form == DisplayFormatType::TreeRender {
            writeln!(f, "table={table}")?;
            writeln!(f, "captures={captures}")?;
            writeln!(f, "columns={}", names.join(", "))?;
            return if condition.is_empty() { Ok(()) } else { writeln!(f, "condition={condition}") };
        }
        write!(f, "CaptureScan: table={table}, captures={captures}, columns=[{}]", names.join(", "))?;
        if !condition.is_empty() {
            write!(f, ", condition={condition}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for CaptureScan {
    fn name(&self) -> &'static str {
        "CaptureScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.request.columns().schema());
        let mut stream = RecordBatchReceiverStream::builder(schema, WAITING);
        let reader = Reader {
            request: self.request.clone(),
            captures: self.groups.get(partition).cloned().unwrap_or_default(),
            left: self.limit.unwrap_or(usize::MAX),
            notes: self.notes.clone(),
            rows: stream.tx(),
        };
        let events = MetricBuilder::new(&self.metrics).counter("events", partition);
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        stream.spawn_blocking(move || reader.run(&|count| events.add(count), &|count| rows.add(count)));
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The reader of a group.
struct Reader {
    request: Request,
    captures: Vec<Capture>,
    left: usize,
    notes: Notes,
    rows: Sender<Result<RecordBatch>>,
}

impl Reader {
    fn run(mut self, events: &dyn Fn(usize), rows: &dyn Fn(usize)) -> Result<()> {
        for capture in &self.captures {
            let open = capture.open().map_err(|error| failed(error.into()))?;
            let source = Awaited { source: open, rows: self.rows.clone(), countdown: EVENTS, ended: false };
            let mut scan = Scan::new(source, capture.name(), &self.request).map_err(failed)?;
            let outcome = loop {
                match scan.next() {
                    Ok(Some(batch)) => {
                        let batch = batch.slice(0, batch.num_rows().min(self.left));
                        self.left -= batch.num_rows();
                        rows(batch.num_rows());
                        if self.rows.blocking_send(Ok(batch)).is_err() || self.left == 0 {
                            return Ok(());
                        }
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            events(usize::try_from(scan.seen()).unwrap_or(usize::MAX));
            let say = |text: String, incomplete| self.notes.add(format!("{}: {text}", capture.name()), incomplete);
            if scan.invalid() > 0 {
                say(format!("{} values did not fit their column and are null", scan.invalid()), false);
            }
            if scan.split() > 0 {
                let early = "rows were written early, to bound the memory: what followed is in other rows";
                say(format!("{} {early}", scan.split()), false);
            }
            match outcome {
                None => {}
                // What was read before the damage is an answer.
                Some(error @ peregrine_tables::Error::Capture(_)) => {
                    say(format!("{error}; the {} events before that are in the answer", scan.seen()), true);
                }
                Some(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

fn failed(error: peregrine_tables::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A capture that ends when nobody waits for its rows any more: after an interrupt, or when another part of the plan has
/// enough.
struct Awaited {
    source: Box<dyn Source + Send>,
    rows: Sender<Result<RecordBatch>>,
    countdown: u32,
    ended: bool,
}

impl Source for Awaited {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        self.countdown -= 1;
        if self.countdown == 0 {
            self.countdown = EVENTS;
            self.ended |= self.rows.is_closed();
        }
        if self.ended {
            return Ok(Next::End);
        }
        self.source.next()
    }

    fn host(&self) -> &HostState {
        self.source.host()
    }

    fn stats(&self) -> SourceStats {
        self.source.stats()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }
}
