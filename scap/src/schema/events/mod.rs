//! The rows of the event table, one file per family.

mod fd;
mod file;
mod identity;
mod io;
mod ipc;
mod iter;
mod memory;
mod meta;
mod net;
mod process;
mod retired;
mod signal;
mod system;
mod time;

use super::EventInfo;

/// Every family's rows; [`assemble`](super::assemble) joins them by code.
pub(super) const FAMILIES: &[&[EventInfo]] = &[
    file::ROWS,
    fd::ROWS,
    io::ROWS,
    net::ROWS,
    process::ROWS,
    identity::ROWS,
    memory::ROWS,
    ipc::ROWS,
    signal::ROWS,
    time::ROWS,
    system::ROWS,
    meta::ROWS,
    iter::ROWS,
    retired::ROWS,
];

/// The positions of parameters by event: `param::openat_2_x::name` is the index of `name` in code 307.
pub mod param {
    pub use super::fd::param::*;
    pub use super::file::param::*;
    pub use super::identity::param::*;
    pub use super::io::param::*;
    pub use super::ipc::param::*;
    pub use super::iter::param::*;
    pub use super::memory::param::*;
    pub use super::meta::param::*;
    pub use super::net::param::*;
    pub use super::process::param::*;
    pub use super::retired::param::*;
    pub use super::signal::param::*;
    pub use super::system::param::*;
    pub use super::time::param::*;
}
