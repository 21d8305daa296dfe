//! The event loop, the threads around it, and what may change while it runs.

pub(crate) mod active_config;
pub(crate) mod drops;
mod heartbeat;
pub(crate) mod reload;
pub(crate) mod run;
pub(crate) mod service;
pub(crate) mod watch;
