//! Live events of one command or process without privileges.
//!
//! Where nobody is given `CAP_BPF` (rootless containers, hosted containers, CI jobs) the probe cannot run. This source
//! traces one command and all its children instead: a seccomp filter stops the selected system calls, and only those; a
//! tracer reads them by ptrace and `process_vm_readv`, and writes the events that the probe writes, from the same rows
//! of the schema. [`Userspace`] returns them as a [`scap::Source`].
//!
//! ```no_run
//! use peregrine_userspace::Builder;
//! use scap::{Next, Source};
//!
//! let mut source = Builder::new().command(["sh", "-c", "cat /etc/hostname"]).open()?;
//! loop {
//!     match source.next()? {
//!         Next::Event(event) => println!("{} {}", event.tid(), event.code()),
//!         Next::End => break, // the command and its children have ended
//!         _ => continue,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! ```text
//! command ─ seccomp filter: selected call? ── no ──▶ kernel, at full speed
//!                 │ yes
//!                 ▼
//!         stop before the call ▶ kernel ▶ stop after the call ─ tracer (a thread) ─ queue ─ Userspace
//! ```
//!
//! The tracer is one thread, since the kernel lets only the thread that traces a process control it. It reads the
//! arguments at the second stop, as the probe does; process facts come from `/proc`. If its reader is slow, the queue
//! fills and the traced processes wait: no event is dropped.
//!
//! # What traced programs notice
//!
//! * **setuid programs** run without the privileges of their file, and file capabilities are ignored: without
//!   privileges the kernel accepts a seccomp filter only together with `no_new_privs`. If the tracer has
//!   `CAP_SYS_ADMIN`, the filter is installed without that and such programs work.
//! * **Debuggers** and `strace` cannot attach to a traced process, which can have only one tracer.
//! * **If the tracer dies**, even by `SIGKILL`, the kernel kills the traced command and its children: their filter
//!   would let no selected call succeed any more. A process that was attached to ([`Builder::pid`]) has no filter and
//!   runs on.
//! * Signals, stops and job control pass through. 32-bit programs are read as such.
//!
//! # What it does not see
//!
//! Requests through io_uring, the x32 form of calls, calls of the x86 vsyscall page and of the vDSO, and processes that
//! are created with `CLONE_UNTRACED`. The layers of overlay file systems and the kernel's addresses of unix sockets are
//! unknown.

mod call;
mod clone;
mod config;
mod convert;
mod error;
mod events;
mod exec;
mod facts;
mod filter;
mod generated;
mod launch;
mod memory;
mod place;
mod process;
mod queue;
mod socket;
mod source;
mod sys;
mod tracee;
mod tracer;

pub use config::Builder;
pub use error::{Error, Result};
pub use source::Userspace;
