//! The host that is watched: its name, and where its file system is mounted.

use crate::log;

/// The name of this host in alerts: `FALCO_HOSTNAME`, or what the kernel says.
pub(crate) fn hostname() -> String {
    match std::env::var("FALCO_HOSTNAME") {
        Ok(name) => {
            log::info(format!("the host name is taken from the environment: {name}"));
            name
        }
        Err(_) => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// Where the host's file system is mounted, for a program in a container.
pub(crate) fn host_root() -> std::ffi::OsString {
    std::env::var_os("HOST_ROOT").unwrap_or_else(|| "/".into())
}
