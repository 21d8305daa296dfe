//! The monitored host: its name, and where its file system is mounted.

use crate::log;

/// Returns the host name for alerts: `FALCO_HOSTNAME`, or that of the kernel.
pub(crate) fn hostname() -> String {
    match std::env::var("FALCO_HOSTNAME") {
        Ok(name) => {
            log::info(format!("using the host name of the environment: {name}"));
            name
        }
        Err(_) => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// Returns where the host's file system is mounted, for a detector in a container.
pub(crate) fn host_root() -> std::ffi::OsString {
    std::env::var_os("HOST_ROOT").unwrap_or_else(|| "/".into())
}
