//! A table that is in captures and in Parquet files.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::functions::expr_fn::to_char;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, lit};
use peregrine_tables::Table;

use crate::table::has;

/// The folders of a dataset that captures have no column for.
const DATE: &str = "date";
/// The form of a date in the name of its folder.
const DATES: &str = "%Y-%m-%d";

/// Returns the names of columns that captures must have to be in one table with `files`.
pub(crate) fn wanted(table: Table, files: &dyn TableProvider) -> Vec<String> {
    let schema = files.schema();
    let mut names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    names.retain(|name| has(table, name));
    let time = table.time_column();
    if schema.column_with_name(DATE).is_some() && !names.iter().any(|name| name == time) {
        names.push(time.to_owned());
    }
    names
}

/// Returns the rows of files and of captures as one table, which has the columns of the files: what is missing there is
/// known of no row of theirs. What captures cannot have is null for them.
pub(crate) fn union(
    table: Table,
    captures: Arc<dyn TableProvider>,
    files: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>> {
    let schema = files.schema();
    let of_files: Vec<Expr> = schema.fields().iter().map(|field| named(field.name())).collect();
    let of_captures = schema.fields().iter().map(|field| of_captures(table, field)).collect::<Result<Vec<_>>>()?;
    let scan = |provider, columns: Vec<Expr>| {
        LogicalPlanBuilder::scan(table.name(), provider_as_source(provider), None)?.project(columns)?.build()
    };
    let files = LogicalPlanBuilder::from(scan(files, of_files)?);
    let plan = files.union(scan(captures, of_captures)?)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Returns a column of captures as files have it.
fn of_captures(table: Table, field: &Field) -> Result<Expr> {
    let (name, ty) = (field.name(), field.data_type());
    let value = if has(table, name) {
        let is_same = crate::table::column(table, name).is_some_and(|own| own == *ty);
        if is_same { named(name) } else { cast(named(name), ty.clone()) }
    } else if name == DATE {
        cast(to_char(cast(named(table.time_column()), DataType::Date32), lit(DATES)), ty.clone())
    } else {
        lit(ScalarValue::try_from(ty)?)
    };
    Ok(value.alias(name))
}

/// Returns the column of a name, which may have dots.
fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
