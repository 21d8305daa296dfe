//! Captures as tables, for the tests.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::{Array as _, RecordBatch};
use arrow_cast::display::array_value_to_string;
use peregrine_tables::{Columns, Request, Scan, Table};
use scap::savefile::Reader;

pub(crate) fn capture(name: &str) -> PathBuf {
    testkit::root().join("testdata/captures").join(name)
}

pub(crate) fn scan(name: &str, request: &Request) -> Scan<Reader<File>> {
    Scan::new(Reader::open(capture(name)).expect("a capture"), name, request).expect("a scan")
}

pub(crate) fn batches(name: &str, request: &Request) -> Vec<RecordBatch> {
    let mut scan = scan(name, request);
    let mut all = Vec::new();
    while let Some(batch) = scan.next().expect("a batch") {
        all.push(batch);
    }
    assert_eq!(scan.invalid(), 0, "every value fits its column");
    all
}

/// Returns the cells of some columns as text, a row in a line; a missing value is `-`.
pub(crate) fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let row = |batch: &RecordBatch, row: usize| {
        let cells = batch.columns().iter().map(|array| match array.is_valid(row) {
            true => array_value_to_string(array, row).expect("text"),
            false => "-".to_owned(),
        });
        cells.collect::<Vec<_>>().join(" | ")
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

#[allow(dead_code, reason = "one of the tests does not use it")]
pub(crate) fn table(name: &str, table: Table, columns: &[&str], filter: &str) -> Vec<String> {
    rows(&batches(name, &Request::new(Columns::new(table, columns).expect("columns")).filter(filter)))
}
