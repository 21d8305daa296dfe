//! The event loop and the threads around it: what happens while events come, and what may change meanwhile.

pub(crate) mod active_config;
pub(crate) mod capture;
pub(crate) mod drops;
pub(crate) mod reload;
pub(crate) mod run;
pub(crate) mod service;
pub(crate) mod watch;
