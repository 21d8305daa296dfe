//! The stateful inspector: threads, file descriptors, users, containers, and the fields that rules name.
//!
//! An event alone has little information: *thread 8 read from file descriptor 3*. An [`Inspector`] takes events from
//! any [`scap::Source`], maintains the [`State`] of the host, and yields each [`Event`] together with it: which program
//! thread 8 runs and which process started it, which file or connection file descriptor 3 is.
//!
//! ```
//! use peregrine_sinsp::Inspector;
//! use scap::text::Trace;
//!
//! let trace: Trace = r#"
//!     thread tid=7 pid=7 ptid=1 vtid=7 vpid=7 comm="sshd" cwd="/"
//!     1700000000.0 tid=7 fork res=8 exe="sshd" tid=7 pid=7 ptid=1 comm="sshd" flags=0 vtid=7 vpid=7
//!     tid=8 chdir res=0 path="/etc"
//!     tid=8 execve res=0 exe="cat" args=["shadow"] tid=8 pid=8 ptid=7 comm="cat" trusted_exepath="/bin/cat"
//!     tid=8 openat fd=3 dirfd=AT_FDCWD name="shadow" flags=O_RDONLY mode=0 dev=0 ino=0
//!     tid=8 read res=4 data=b"root" fd=3 size=4096
//! "#.parse()?;
//!
//! let mut reads = Vec::new();
//! Inspector::new(trace).for_each(|event| {
//!     let (Some(thread), Some(fd)) = (event.thread(), event.fd()) else { return };
//!     let parent = event.state().parent(thread).map(|parent| parent.comm.clone());
//!     reads.push((thread.comm.clone(), parent, fd.name.clone()));
//! })?;
//! // The file is opened, then read: by cat, which sshd started, with its whole path.
//! assert_eq!(reads[1], ("cat".into(), Some("sshd".into()), "/etc/shadow".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The names in rules, such as `proc.name` or `fd.sip`, are rows of [`fields`]. [`Config`] limits the memory, and hostile
//! input costs an entry or a counter, never a panic.
#![forbid(unsafe_code)]

pub mod config;
pub mod fields;
pub mod state;

mod container_lookup;
mod error;
mod event;
mod inspector;
mod live_proc;
mod observer;
mod parse;
mod suppress;
mod text;

pub use config::{Config, ContainerPattern};
pub use error::{Error, Result};
pub use event::{Event, Facts};
pub use inspector::{Inspector, InspectorBuilder, Next};
pub use live_proc::{Proc, ProcFs, ProcLimits, ProcStats};
pub use observer::Observer;
pub use parse::{changes_only_status, state_changes};
/// The crate of sources, captures, and the event schema.
pub use scap;
pub use state::State;
