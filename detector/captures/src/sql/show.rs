//! Answers on standard output: as a table for people, or as a file.

use std::fmt::Write as _;
use std::io::{BufWriter, IsTerminal as _, StdoutLock, Write as _};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions, array_value_to_string};
use arrow_schema::{DataType, SchemaRef};
use peregrine_sql::Sink;
use peregrine_tables::{FileFormat, WriteOptions, Writer};

use crate::Fatal;
use crate::cli::Answer;
use crate::export::plain;

/// The widest column that is padded.
const WIDEST: usize = 60;

/// Shows answers.
pub(super) struct Shown {
    format: Answer,
    open: Option<Open>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Open {
    Table(Table),
    File(Writer),
}

impl Shown {
    pub(super) fn new(format: Answer) -> Self {
        Self { format, open: None }
    }
}

impl Sink for Shown {
    type Error = Fatal;

    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Fatal> {
        let format = match self.format {
            Answer::Table => {
                self.open = Some(Open::Table(Table::new(schema)));
                return Ok(());
            }
            Answer::Csv => FileFormat::Csv,
            Answer::Json => FileFormat::Json,
            Answer::Arrow => FileFormat::Arrow,
            Answer::Parquet => FileFormat::Parquet,
        };
        let writer = Writer::create(Path::new("-"), schema, &WriteOptions::new(format)).map_err(plain)?;
        self.open = Some(Open::File(writer));
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<(), Fatal> {
        match &mut self.open {
            Some(Open::Table(table)) => table.rows(batch),
            Some(Open::File(writer)) => writer.write(batch).map_err(plain),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Fatal> {
        match self.open.take() {
            Some(Open::Table(table)) => table.finish(),
            Some(Open::File(writer)) => writer.finish().map_err(plain),
            None => Ok(()),
        }
    }
}

/// A table of text, whose columns are as wide as the first rows need.
struct Table {
    out: BufWriter<StdoutLock<'static>>,
    schema: SchemaRef,
    widths: Vec<usize>,
    rows: u64,
}

impl Table {
    fn new(schema: &SchemaRef) -> Self {
        let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
        Self { out, schema: SchemaRef::clone(schema), widths: Vec::new(), rows: 0 }
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<(), Fatal> {
        if is_plan(&self.schema) {
            return self.plan(batch);
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let options = FormatOptions::default().with_null("NULL");
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut cells: Vec<Vec<String>> = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            cells.push(
                columns
                    .iter()
                    .map(|column| Ok(printable(&column.value(row).try_to_string()?)))
                    .collect::<Result<_, Fatal>>()?,
            );
        }
        self.header(&cells)?;
        for row in &cells {
            let line = line(row, &self.widths, &self.schema, ' ');
            self.out.write_all(line.as_bytes())?;
        }
        self.rows += batch.num_rows() as u64;
        // What is known is seen at once.
        if self.out.get_ref().is_terminal() { Ok(self.out.flush()?) } else { Ok(()) }
    }

    /// Writes plans as they are drawn, each below its name.
    fn plan(&mut self, batch: &RecordBatch) -> Result<(), Fatal> {
        for row in 0..batch.num_rows() {
            for column in batch.columns() {
                for line in array_value_to_string(column, row)?.lines() {
                    writeln!(self.out, "{}", printable(line))?;
                }
            }
        }
        Ok(())
    }

    /// Writes the names, if they are not written yet.
    fn header(&mut self, cells: &[Vec<String>]) -> Result<(), Fatal> {
        if !self.widths.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.schema.fields().iter().map(|field| printable(field.name())).collect();
        let width = |at: usize| {
            let all = cells.iter().filter_map(|row| row.get(at)).chain(names.get(at));
            all.map(|cell| cell.chars().count()).max().unwrap_or_default().min(WIDEST)
        };
        self.widths = (0..names.len()).map(width).collect();
        self.out.write_all(line(&names, &self.widths, &self.schema, ' ').as_bytes())?;
        let rule: Vec<String> = self.widths.iter().map(|width| "-".repeat(*width)).collect();
        self.out.write_all(line(&rule, &self.widths, &self.schema, '-').as_bytes())?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Fatal> {
        if is_plan(&self.schema) {
            return Ok(self.out.flush()?);
        }
        self.header(&[])?;
        let noun = if self.rows == 1 { "row" } else { "rows" };
        writeln!(self.out, "({} {noun})", self.rows)?;
        self.out.flush()?;
        Ok(())
    }
}

/// Returns whether the answer is the plan of a query.
fn is_plan(schema: &SchemaRef) -> bool {
    schema.fields().iter().map(|field| field.name().as_str()).eq(["plan_type", "plan"])
}

/// Returns a line of cells; numbers are on the right.
fn line(cells: &[String], widths: &[usize], schema: &SchemaRef, pad: char) -> String {
    let mut out = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            out.push(pad);
            out.push(if pad == '-' { '+' } else { '|' });
        }
        let is_number = schema.fields().get(at).is_some_and(|field| is_number(field.data_type()));
        let is_last = at + 1 == cells.len();
        // Writing to a string does not fail.
        let _ = match (is_number, is_last) {
            (true, _) => write!(out, "{pad}{cell:>width$}"),
            (false, true) => write!(out, "{pad}{cell}"),
            (false, false) => write!(out, "{pad}{cell:<width$}"),
        };
    }
    if pad == '-' {
        out.push('-');
    }
    out.push('\n');
    out
}

fn is_number(ty: &DataType) -> bool {
    ty.is_numeric()
}

/// Returns text without characters that a terminal obeys: what a capture holds was written by any program.
fn printable(text: &str) -> String {
    if !text.contains(|letter: char| letter.is_control()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if letter.is_control() { out.extend(letter.escape_default()) } else { out.push(letter) }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{Field, Schema};

    use super::*;

    #[test]
    fn numbers_are_on_the_right() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("count", DataType::Int64, true),
            Field::new("last", DataType::Utf8, true),
        ]));
        let cells = ["cat", "7", "x"].map(str::to_owned);
        assert_eq!(line(&cells, &[5, 3, 4], &schema, ' '), " cat   |   7 | x\n");
        assert_eq!(
            line(&["-----", "---", "----"].map(str::to_owned), &[5, 3, 4], &schema, '-'),
            "-------+-----+------\n"
        );
    }

    #[test]
    fn a_terminal_obeys_no_cell() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}é"), r"a\u{1b}[2Jb\nc\u{9b}é");
    }
}
