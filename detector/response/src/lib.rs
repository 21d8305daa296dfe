//! Acts on what a detector found, behind brakes.
//!
//! A detector decides, this crate acts. It receives a [`Proposal`] for each alert that has a response, makes sure that the
//! process is still the one of the event, and that nothing speaks against it, acts, and reports what came of it.
//!
//! ```text
//! event loop ── propose(rule, event, process, action) ──▶ queue (bounded) ──▶ thread
//!            ── read_to(time), ended(pid) ──────────────▶ the stream           │
//!                                                                              ▼
//!     brakes: warm-up, age, rate, disarmed ── held by a pidfd, start and executable as in the event ── protected set
//!                                                                              ▼
//!                                 signal, cgroup, program or webhook ──▶ report(outcome, latency)
//! ```
//!
//! Nothing is done unless the mode is [`Mode::Act`]: the default reports what would be done.
//!
//! # Privileges
//!
//! Signals to processes of other users require CAP_KILL, `/proc` of others CAP_SYS_PTRACE, files of cgroups their owner,
//! usually root, and programs that run as another user CAP_SETUID and CAP_SETGID. Without them the outcome is
//! [`Outcome::Failed`] with the kernel's error.

mod action;
mod brakes;
mod cgroup;
mod identity;
mod process;
mod program;
mod protected;
mod responder;
mod target;
#[cfg(test)]
mod tests;
mod webhook;

pub use action::{Outcome, Proposal, Report};
pub use brakes::Limits;
pub use program::Program;
pub use protected::{Protected, own_processes};
pub use responder::{Config, Error, Mode, Plan, Responder};
pub use rule_engine::response::{Action, Process, Scope};
pub use webhook::Post;
