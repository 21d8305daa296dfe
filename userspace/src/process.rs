//! The process of a call.

use std::os::fd::OwnedFd;

/// The process of a call.
#[derive(Debug)]
pub(crate) struct Process<'t> {
    pub(crate) tid: i32,
    pub(crate) pid: i32,
    /// Whether it has one thread, so that nobody else can have changed its memory during the call.
    pub(crate) is_single: bool,
    /// Refers to the process, once it was needed.
    pub(crate) pidfd: &'t mut Option<OwnedFd>,
}
