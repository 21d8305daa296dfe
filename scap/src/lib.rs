//! The event model of Peregrine: the schema of events, their byte layout, capture files and the `/proc` snapshot.
//!
//! A *capture* is a stream of events (system calls, process exits, signals) and the state of the host when it began.
//! This crate holds the [schema] of all events, a view of one event's bytes ([`Event`]), reader and writer of `.scap`
//! files, the `/proc` snapshot that starts a live capture, and the [`Source`] trait, which hides from the rest of the
//! suite where events come from.
//!
//! The example writes a capture in memory, of a host with one process that closes a file descriptor, and reads it back:
//!
//! ```
//! use peregrine_scap::host::{Fd, FdKind, Thread};
//! use peregrine_scap::savefile::{Compression, Reader, Writer};
//! use peregrine_scap::schema::param::close_x;
//! use peregrine_scap::{EventBuilder, EventCode, HostState, Next, Source};
//!
//! // The host when the capture begins.
//! let log = FdKind::File { flags: 0, name: b"/var/log/app.log".to_vec(), dev: 0 };
//! let app = Thread {
//!     tid: 42,
//!     pid: 42,
//!     comm: b"app".to_vec(),
//!     fds: vec![Fd { num: 3, ino: 0, kind: log }],
//!     ..Thread::default()
//! };
//! let host = HostState { threads: vec![app], ..HostState::default() };
//!
//! // The events that follow.
//! let mut writer = Writer::new(Vec::new(), &host, Compression::Gzip)?;
//! let mut builder = EventBuilder::new();
//! let close = builder.start(EventCode::CLOSE_X).ts(1_700_000_000_000_000_000).tid(42).i64(0).i64(3).finish()?;
//! writer.write(&close)?;
//! let capture: Vec<u8> = writer.finish()?;
//!
//! // Any `Read` is a capture: a file, a pipe, memory.
//! let mut reader = Reader::new(capture.as_slice())?;
//! assert_eq!(reader.host().threads[0].comm, b"app");
//! while let Next::Event(event) = reader.next()? {
//!     let fd = event.param(close_x::fd).and_then(|fd| fd.i64());
//!     assert_eq!((event.code().to_string().as_str(), event.tid(), fd), ("close", 42, Some(3)));
//! }
//! # Ok::<(), peregrine_scap::Error>(())
//! ```
//!
//! Bytes are borrowed, never copied: an [`Event`] borrows from its source until the next one is requested. Any byte
//! string is acceptable input; invalid input gives an [`Error`] that names the place, never a panic.
#![forbid(unsafe_code)]
// Hostile input is normal input: no input may cause a panic.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable)]

pub mod event;
pub mod host;
pub mod plan;
pub mod procfs;
pub mod render;
pub mod savefile;
pub mod schema;
pub mod source;
pub mod text;

mod error;

pub use error::{Error, Result};
pub use event::{Event, EventBuilder, Param};
pub use host::HostState;
pub use schema::{EventCode, ParamType};
pub use source::{Next, Source, SourceStats};
