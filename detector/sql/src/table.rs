//! A table of captures, as the engine sees it.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use peregrine::Rules;
use peregrine_tables::{ColumnError, Columns, Request, Table};

use crate::capture::{Capture, Notes};
use crate::pushdown::translate;
use crate::scan::CaptureScan;

/// The column whose value a capture has throughout.
const CAPTURE: &str = "capture";

/// A table of captures.
#[derive(Debug)]
pub(crate) struct CaptureTable {
    captures: Arc<[Capture]>,
    rules: Option<Rules>,
    columns: Columns,
    notes: Notes,
}

impl CaptureTable {
    /// Creates a table with its default columns, and those of `names` that it can have.
    pub(crate) fn new(
        table: Table,
        captures: Arc<[Capture]>,
        rules: Option<Rules>,
        names: &[String],
        notes: Notes,
    ) -> std::result::Result<Self, ColumnError> {
        let columns = Columns::default_of(table)?;
        let known: Vec<String> = columns.schema().fields().iter().map(|field| field.name().clone()).collect();
        let more = names.iter().filter(|name| !known.contains(name) && has(table, name));
        Self::with_columns(table, captures, rules, known.iter().chain(more), notes)
    }

    /// Creates a table with columns of these names.
    pub(crate) fn with_columns(
        table: Table,
        captures: Arc<[Capture]>,
        rules: Option<Rules>,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        notes: Notes,
    ) -> std::result::Result<Self, ColumnError> {
        let columns = Columns::new(table, names)?;
        Ok(Self { captures, rules, columns, notes })
    }

    /// Returns the captures that satisfy the predicates about their names.
    fn selected(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<Capture>> {
        let field = self.columns.schema().field_with_name(CAPTURE)?.clone();
        let names = StringArray::from_iter_values(self.captures.iter().map(Capture::name));
        let names = cast(&names, field.data_type())?;
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![names])?;
        let schema = DFSchema::try_from(batch.schema())?;
        let mut wanted = vec![true; self.captures.len()];
        for filter in filters.iter().filter(|filter| is_about_captures(filter)) {
            let filter = state.create_physical_expr(filter.clone(), &schema)?;
            let holds: ArrayRef = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
            let holds = holds.as_boolean();
            for (at, wanted) in wanted.iter_mut().enumerate() {
                *wanted &= holds.is_valid(at) && holds.value(at);
            }
        }
        Ok(self.captures.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(one, _)| one.clone()).collect())
    }
}

/// Returns whether a table can have a column of this name.
pub(crate) fn has(table: Table, name: &str) -> bool {
    column(table, name).is_some()
}

/// Returns the type of a column that a table can have.
pub(crate) fn column(table: Table, name: &str) -> Option<DataType> {
    let columns = Columns::new(table, [name]).ok()?;
    columns.schema().fields().first().map(|field| field.data_type().clone())
}

/// Returns whether a predicate is about the name of the capture alone.
fn is_about_captures(filter: &Expr) -> bool {
    let is_plain = |expr: &Expr| {
        !matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..)
        )
    };
    let columns: HashSet<&Column> = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| column.name == CAPTURE)
        && !filter.is_volatile()
        && datafusion::common::tree_node::TreeNode::exists(filter, |expr| Ok(!is_plain(expr))).is_ok_and(|found| !found)
}

#[async_trait]
impl TableProvider for CaptureTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let table = self.columns.table();
        let answer = |filter: &&Expr| {
            if is_about_captures(filter) {
                return TableProviderFilterPushDown::Exact;
            }
            // The rows of other tables are about many events, whose fields are not always those of the row.
            match translate(filter).filter(|_| table == Table::Events) {
                Some(pushed) if pushed.exact => TableProviderFilterPushDown::Exact,
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = self.columns.table();
        let schema = self.columns.schema();
        let names = match projection {
            Some(places) => schema.project(places)?,
            None => schema.as_ref().clone(),
        };
        let columns = Columns::new(table, names.fields().iter().map(|field| field.name()));
        let columns = columns.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut conditions = Vec::new();
        if table == Table::Events {
            let others = filters.iter().filter(|filter| !is_about_captures(filter));
            conditions.extend(others.filter_map(|filter| Some(translate(filter)?.text())));
        }
        let mut request = Request::new(columns).filter(conditions.join(" and "));
        if let Some(rules) = &self.rules {
            request = request.rules(rules.clone());
        }
        if let Some(limit) = limit {
            request = request.batch(limit);
        }
        let captures = self.selected(state, filters)?;
        let groups = Capture::groups(&captures, state.config().target_partitions());
        Ok(Arc::new(CaptureScan::new(request, groups, limit, self.notes.clone())))
    }
}
