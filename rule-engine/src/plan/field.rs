//! The dependencies of fields, as far as plans are concerned.

use sinsp::scap::schema::{EventFlags, EventInfo, ParamInfo, ParamType};

/// The origin of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// Whether the call failed.
    Failed,
    /// The result of the call.
    Result,
    /// The result as the name of an error.
    ResultName,
    /// Whether a file was opened for reading.
    OpenRead,
    /// Whether a file was opened for writing.
    OpenWrite,
    /// The number of the file descriptor.
    FdNum,
    /// The path of an opened file.
    Path,
    /// The path of an opened file as it was given.
    GivenPath,
    /// The directory of an opened file.
    Directory,
    /// The last component of the path of an opened file.
    FileName,
    /// The type of the file descriptor.
    FdType,
    /// The same as a character.
    FdTypeChar,
    /// The family of a socket.
    Family,
    /// An end of a connection.
    Net,
    /// Another.
    Other,
}

impl Meaning {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "evt.failed" => Self::Failed,
            "evt.rawres" => Self::Result,
            "evt.res" => Self::ResultName,
            "evt.is_open_read" => Self::OpenRead,
            "evt.is_open_write" => Self::OpenWrite,
            "fd.num" => Self::FdNum,
            "fd.name" | "fs.path.name" | "evt.arg.name" | "evt.rawarg.name" | "evt.abspath" => Self::Path,
            "fd.nameraw" | "fs.path.nameraw" => Self::GivenPath,
            "fd.directory" => Self::Directory,
            "fd.filename" => Self::FileName,
            "fd.type" => Self::FdType,
            "fd.typechar" => Self::FdTypeChar,
            "fd.sockfamily" => Self::Family,
            "fd.ip" | "fd.cip" | "fd.sip" | "fd.lip" | "fd.rip" | "fd.port" | "fd.cport" | "fd.sport" | "fd.lport"
            | "fd.rport" | "fd.net" | "fd.cnet" | "fd.snet" | "fd.lnet" | "fd.rnet" => Self::Net,
            _ => Self::Other,
        }
    }
}

/// Returns whether a field depends on how many events there are, or which one was the last: nothing can be left out then.
pub(super) fn depends_on_stream(name: &str) -> bool {
    let name = name.split('[').next().unwrap_or(name);
    matches!(name, "evt.num" | "evt.outputtime" | "util.cnt")
        || ["evt.reltime", "evt.deltatime", "thread.exectime", "thread.totexectime", "evt.counter"]
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// Returns whether a field of any event depends on all open file descriptors of the process, or on given ones.
pub(super) fn reads_descriptors(name: &str) -> bool {
    ["proc.stdin", "proc.stdout", "proc.stderr", "proc.fd", "thread.fd", "fd.types", "fdlist."]
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

/// The ways in which a field of an event depends on a file descriptor that the call was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// Not at all.
    Not,
    /// As the directory in which a path begins.
    AsDirectory,
    /// In any way.
    Anyhow,
}

/// Returns how a field of an event of a type depends on a file descriptor that the call was given: any file descriptor
/// that was not created by the event itself.
pub(super) fn depends_on_given(info: &EventInfo, name: &str, is_built_in: bool) -> Given {
    let is_fd = |param: &ParamInfo| matches!(param.ty, ParamType::Fd | ParamType::Fd32 | ParamType::FdList);
    let takes = info.params.iter().skip(1).any(is_fd)
        || info.flags.intersects(EventFlags::USES_FD | EventFlags::DESTROYS_FD)
        || info.params.first().is_some_and(|param| is_fd(param) && !info.flags.intersects(EventFlags::CREATES_FD));
    if !takes {
        return Given::Not;
    }
    let begins = info.params.iter().any(|param| param.dirfd.is_some());
    let creates = info.flags.intersects(EventFlags::CREATES_FD);
    let plain = name.split('[').next().unwrap_or(name);
    if !is_built_in {
        return Given::Anyhow;
    }
    if let Some(param) = name.strip_prefix("evt.arg.") {
        return match info.params.iter().find(|param_info| param_info.name == param) {
            None => Given::Not,
            Some(param) if is_fd(param) => Given::Anyhow,
            Some(param) if param.dirfd.is_some() => Given::AsDirectory,
            Some(_) => Given::Not,
        };
    }
    match plain {
        "fd.num" | "evt.rawarg" => Given::Not,
        "evt.arg" | "evt.args" | "evt.info" | "evt.category" | "evt.is_syslog" => Given::Anyhow,
        "evt.abspath" => {
            if begins {
                Given::AsDirectory
            } else {
                Given::Not
            }
        }
        // What a call creates is the file descriptor of its event; its path may begin at another one.
        _ if plain.starts_with("fd.") && creates && begins => Given::AsDirectory,
        _ if plain.starts_with("fd.") && creates && info.params.iter().skip(1).all(|param| !is_fd(param)) => Given::Not,
        _ if plain.starts_with("fs.path.") && begins => Given::AsDirectory,
        _ if plain.starts_with("fd.") || plain.starts_with("fs.path.") => Given::Anyhow,
        _ if plain.starts_with("evt.buflen.") || plain.starts_with("evt.count.error.") => Given::Anyhow,
        _ => Given::Not,
    }
}

/// Returns whether a call of this name can succeed with a file other than a directory in place of the directory where its
/// path begins, if the path is empty.
pub(super) fn accepts_no_directory(name: &str) -> bool {
    !matches!(
        name,
        "openat" | "openat2" | "unlinkat" | "mkdirat" | "mknodat" | "renameat" | "renameat2" | "symlinkat" | "fchmodat"
    )
}
