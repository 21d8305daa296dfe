//! The fields of threads and of what belongs to them, as tables: rows with Falco's names and types.

use sinsp::state::{Fd, FdKind, State, Thread};

use super::data::{BOOL, Data, I64, STRING, Sub, TABLE, U16, U32, U64};

/// A field of a thread.
pub(crate) struct ThreadRow {
    pub(crate) name: &'static std::ffi::CStr,
    /// The type, as the plugin interface numbers it.
    pub(crate) kind: u32,
    pub(crate) get: for<'a> fn(&'a Thread, &'a State) -> Data<'a>,
}

/// A field of a file descriptor, given with its number.
pub(crate) struct FdRow {
    pub(crate) name: &'static std::ffi::CStr,
    pub(crate) kind: u32,
    pub(crate) get: for<'a> fn(&'a Fd, i64) -> Data<'a>,
}

macro_rules! rows {
    ($row:ident: $($name:literal $kind:ident, $get:expr;)*) => {
        &[$($row { name: $name, kind: $kind, get: $get },)*]
    };
}

fn signed<'a>(number: i64) -> Data<'a> {
    Data::Number(number as u64)
}

/// The fields of the table `threads`.
pub(crate) const THREAD: &[ThreadRow] = rows! { ThreadRow:
    c"tid" I64, |thread, _| signed(thread.tid);
    c"pid" I64, |thread, _| signed(thread.pid);
    c"ptid" I64, |thread, _| signed(thread.ptid);
    c"reaper_tid" I64, |thread, _| signed(thread.reaper_tid);
    c"sid" I64, |thread, _| signed(thread.sid);
    c"comm" STRING, |thread, _| Data::Text(&thread.comm);
    c"exe" STRING, |thread, _| Data::Text(&thread.exe);
    c"exe_path" STRING, |thread, _| Data::Text(&thread.exepath);
    c"exe_writable" BOOL, |thread, _| Data::Number(thread.exe_writable.into());
    c"exe_upper_layer" BOOL, |thread, _| Data::Number(thread.exe_upper_layer.into());
    c"exe_lower_layer" BOOL, |thread, _| Data::Number(thread.exe_lower_layer.into());
    c"exe_from_memfd" BOOL, |thread, _| Data::Number(thread.exe_from_memfd.into());
    c"args" TABLE, |_, _| Data::Table(Sub::Args);
    c"env" TABLE, |_, _| Data::Table(Sub::Env);
    c"cgroups" TABLE, |_, _| Data::Table(Sub::Cgroups);
    c"flags" U32, |thread, _| Data::Number(thread.flags.into());
    c"fd_limit" I64, |thread, _| signed(thread.fdlimit);
    c"uid" U32, |thread, _| Data::Number(thread.uid.into());
    c"gid" U32, |thread, _| Data::Number(thread.gid.into());
    c"loginuid" U32, |thread, _| Data::Number(thread.loginuid.into());
    c"exe_ino" U64, |thread, _| Data::Number(thread.exe_ino);
    c"exe_ino_ctime" U64, |thread, _| Data::Number(thread.exe_ino_ctime);
    c"exe_ino_mtime" U64, |thread, _| Data::Number(thread.exe_ino_mtime);
    c"vtid" I64, |thread, _| signed(thread.vtid);
    c"vpid" I64, |thread, _| signed(thread.vpid);
    c"vpgid" I64, |thread, _| signed(thread.vpgid);
    c"pgid" I64, |thread, _| signed(thread.pgid);
    c"pidns_init_start_ts" U64, |thread, _| Data::Number(thread.pidns_init_start_ts);
    c"root" STRING, |thread, _| Data::Text(&thread.root);
    c"tty" U32, |thread, _| Data::Number(thread.tty.into());
    c"file_descriptors" TABLE, |_, _| Data::Table(Sub::Fds);
    c"cwd" STRING, |thread, state| Data::Text(state.cwd(thread));
};

/// The fields of `file_descriptors`.
pub(crate) const FD: &[FdRow] = rows! { FdRow:
    c"open_flags" U32, |fd, _| Data::Number(fd.open_flags.into());
    c"name" STRING, |fd, _| Data::Text(&fd.name);
    c"name_raw" STRING, |fd, _| Data::Text(&fd.name_raw);
    c"dev" U32, |fd, _| Data::Number(fd.dev.into());
    c"ino" U64, |fd, _| Data::Number(fd.ino);
    c"pid" I64, |fd, _| if let FdKind::PidFd { pid } = fd.kind { signed(pid) } else { signed(0) };
    c"fd" I64, |_, number| signed(number);
    c"socket_ipv4_src_ip" U32, |fd, _| ipv4(fd, |tuple| u32::from_ne_bytes(tuple.source.octets()).into());
    c"socket_ipv4_dest_dip" U32, |fd, _| ipv4(fd, |tuple| u32::from_ne_bytes(tuple.destination.octets()).into());
    c"socket_ipv4_src_port" U16, |fd, _| ipv4(fd, |tuple| tuple.source_port.into());
    c"socket_ipv4_dst_port" U16, |fd, _| ipv4(fd, |tuple| tuple.destination_port.into());
};

fn ipv4<'a>(fd: &Fd, part: fn(&sinsp::state::Ipv4Tuple) -> u64) -> Data<'a> {
    Data::Number(if let FdKind::Ipv4(tuple) = &fd.kind { part(tuple) } else { 0 })
}
