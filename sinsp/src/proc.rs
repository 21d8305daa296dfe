//! What the inspector may ask of the running machine.

use scap::host;

/// Answers from `/proc`, for live sources: events can be lost, and some facts no event tells.
pub trait Proc: Send {
    /// A thread with its descriptors; `None` if it is gone.
    fn thread(&mut self, tid: i64) -> Option<host::Thread>;

    /// One descriptor of a process.
    fn fd(&mut self, pid: i64, num: i64) -> Option<host::FdKind>;

    /// Whether a thread is alive.
    fn is_alive(&mut self, tid: i64) -> bool;

    /// The whole environment of a process, which events carry only in part.
    fn environ(&mut self, pid: i64) -> Option<Vec<u8>>;
}
