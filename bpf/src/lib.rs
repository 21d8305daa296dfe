//! Live events of this host: the CO-RE probe and its loader.
//!
//! The probe is one BPF object (`c/`) that is attached to the exit of every system call and to a few tracepoints. It
//! writes events in the schema's own layout into ring buffers; [`BpfSource`] returns them, oldest first, as a
//! [`scap::Source`]. Events are borrowed from the ring.
//!
//! ```no_run
//! use peregrine_bpf::{Probe, Selection};
//! use scap::{Next, Source};
//!
//! let mut source = Probe::builder().select(Selection::named(&["openat", "execve"])?).open()?;
//! loop {
//!     match source.next()? {
//!         Next::Event(event) => println!("{} {}", event.tid(), event.code()),
//!         Next::Idle => continue, // nothing just now: time for other work
//!         _ => break,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Losses
//!
//! Events that find no room are counted by CPU, cause and family ([`Source::stats`](scap::Source::stats),
//! [`BpfSource::cpu_stats`]), and the stream itself reports them: at most once a second for each CPU, an `asyncevent`
//! named `drop` with data such as `{"lost":12,"buffer":{"open":10,"close":2}}` is returned where they are missing. It
//! is not counted as seen by the probe or as delivered.
//!
//! # Denials
//!
//! With [`deny`] the kernel denies calls before they happen. It has none of that unless it is started.
//!
//! # Phases
//!
//! Each step is a type, so that the order is checked by the compiler:
//!
//! ```text
//! Probe::builder()  Builder    what is wanted: selection, rings, buffers
//!   .prepare()      Prepared   the object is open: sizes are set, no program is in the kernel yet
//!   .load()         Loaded     the kernel has verified the programs; what it refused is left out and reported
//!   .attach()       BpfSource  events flow
//! ```
//!
//! [`Builder::open`] does all of it. It requires `CAP_BPF` and `CAP_PERFMON` (before Linux 5.11 also
//! `CAP_SYS_RESOURCE`), `CAP_SYS_PTRACE` to read the `/proc` entries of other users' processes, and a kernel of 5.8 or
//! later with BTF; root has all of it. Each missing requirement is one [`Error`] that says what to do.

mod config;
pub mod deny;
mod error;
mod features;
mod generated;
mod iterators;
#[cfg(test)]
mod layout;
mod loaded;
mod loader;
mod losses;
mod merge;
mod plan;
mod ringbuf;
mod select;
mod source;
mod stats;
mod sys;

pub use config::{Builder, Config, Probe, Toctou};
pub use error::{Error, Refused, Result};
pub use loaded::{Loaded, Program};
pub use loader::Prepared;
pub use losses::is_drop_event;
pub use plan::{LeftOut, PlanMode, Verified};
pub use select::Selection;
pub use source::BpfSource;
pub use stats::{CpuStats, ProgramStats};
pub use sys::boot_time;
