//! Captures of system calls, and alerts, as tables.
//!
//! A [`Scan`] reads any source of events as Arrow record batches of a [`Table`]: events, processes, connections, files,
//! or the alerts of rules. Its [`Columns`] are the fields of Falco's rules, derived from the rows of
//! [`sinsp::fields`]: a field that is added there is a column here. A [`Writer`] writes batches as Parquet, Arrow, CSV or
//! JSON, a [`Dataset`] as files by host and date.
//!
//! ```
//! use peregrine_tables::{Columns, Request, Scan, Table};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures/attack-a.scap");
//! let columns = Columns::new(Table::Connections, ["proc.name", "fd.name", "bytes_out"])?;
//! let mut scan = Scan::new(scap::savefile::Reader::open(path)?, "attack-a.scap", &Request::new(columns))?;
//! let mut connections = 0;
//! while let Some(batch) = scan.next()? {
//!     connections += batch.num_rows();
//! }
//! assert!(connections > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod alert_files;
mod alerts;
mod column;
mod columns;
mod connections;
mod dataset;
mod files;
mod flat;
mod interner;
mod kept;
mod processes;
mod rows;
mod scan;
mod table;
mod tracker;
mod write;

pub use alert_files::{AlertFiles, OnLoss, Rotation};
pub use alerts::AlertRows;
pub use columns::{ColumnError, Columns, SCHEMA_VERSION};
pub use dataset::Dataset;
pub use scan::{Error, Request, Scan};
pub use table::Table;
pub use write::{FileFormat, WriteOptions, Writer};
