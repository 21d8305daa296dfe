//! Families of system calls by which drops are counted, with Falco's names and ours.

/// Falco's families, and the families of ours that belong to each.
pub(crate) const FAMILIES: &[(&str, &[&str])] = &[
    ("n_drops_buffer_clone_fork_exit", &["clone_fork"]),
    ("n_drops_buffer_execve_exit", &["execve"]),
    ("n_drops_buffer_connect_exit", &["connect", "connect_enter"]),
    ("n_drops_buffer_open_exit", &["open", "open_enter"]),
    ("n_drops_buffer_dir_file_exit", &["dir_file"]),
    ("n_drops_buffer_other_interest_exit", &["identity", "net"]),
    ("n_drops_buffer_close_exit", &["close"]),
    ("n_drops_buffer_proc_exit", &["exit"]),
];
