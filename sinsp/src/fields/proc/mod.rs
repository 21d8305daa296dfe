//! `proc.*` and `thread.*`: the process of an event, its ancestors, leaders and executable.
//!
//! The rows are here, their functions in files by topic. A process is its leader thread, which has what the threads of
//! a process share.

mod ancestors;
mod caps;
mod env;
mod exe;
mod leaders;
mod stdio;
mod usage;

use bumpalo::Bump;

use super::macros::fields;
use super::value::{self, Text, Value, push_signed};
use super::{Arg, FieldRef};
use crate::Event;
use crate::state::Thread;

fields! {
    /// The process and the thread that the event comes from.
    pub(crate) PROCESS = "process" "" {
        "proc.exe" CharBuf na, Thread, |e, _, _| Some((&*e.thread()?.exe).into()),
            "the first argument of the command line, unchanged: a path, or only a name." on exec = "curl";
        "proc.pexe" CharBuf na, Lineage, |e, _, _| Some((&*ancestors::parent(e)?.exe).into()),
            "`proc.exe` of the parent process." on exec = "-bash";
        "proc.aexe" CharBuf na [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Index), Lineage,
            |e, f, arena| ancestors::value(e, f, arena, |thread, _| (&*thread.exe).into()),
            text |e, f, arena| ancestors::text(e, f, arena, |thread, _| &thread.exe),
            "`proc.exe` of an ancestor: [0] is the process itself, [1] its parent, and so on. Without an index a \
             condition is true if it is for any ancestor." on exec ["[2]"] = "sshd: ann";
        "proc.exepath" CharBuf na, Thread, |e, _, _| Some((&*e.thread()?.exepath).into()),
            "the path of the executable as the kernel resolved it, links followed." on exec = "/usr/bin/curl";
        "proc.pexepath" CharBuf na, Lineage, |e, _, _| Some((&*ancestors::parent(e)?.exepath).into()),
            "`proc.exepath` of the parent process." on exec = "/usr/bin/bash";
        "proc.aexepath" CharBuf na [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Index), Lineage,
            |e, f, arena| ancestors::value(e, f, arena, |thread, _| (&*thread.exepath).into()),
            text |e, f, arena| ancestors::text(e, f, arena, |thread, _| &thread.exepath),
            "`proc.exepath` of an ancestor, or of any, as `proc.aexe`." on exec ["[2]"] = "/usr/sbin/sshd";
        "proc.name" CharBuf na, Thread, |e, _, _| Some((&*e.thread()?.comm).into()),
            "the file name of the executable, cut after 15 bytes; `PR_SET_NAME` does not change it, see \
             `thread.comm`." on exec = "curl";
        "proc.pname" CharBuf na, Lineage, |e, _, _| Some((&*ancestors::parent(e)?.comm).into()),
            "`proc.name` of the parent process." on exec = "bash";
        "proc.aname" CharBuf na [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Index), Lineage,
            |e, f, arena| ancestors::value(e, f, arena, |thread, _| (&*thread.comm).into()),
            text |e, f, arena| ancestors::text(e, f, arena, |thread, _| &thread.comm),
            "`proc.name` of an ancestor, or of any, as `proc.aexe`." on exec ["[2]"] = "sshd";
        "proc.args" CharBuf na [ARG_ALLOWED] (Index), Thread, args,
            "the arguments after the first, separated by spaces; with an index one of them, empty if there are fewer."
            on exec ["[1]"] = "http://10.0.0.5:8080/x";
        "proc.aargs" CharBuf na [ARG_ALLOWED] (Index), Lineage,
            |e, f, arena| Some(ancestors::text(e, f, arena, joined_args)?.into()),
            "`proc.args` of an ancestor; without an index those of all ancestors, one after the other."
            on exec ["[2]"] = "-D";
        "proc.cmdline" CharBuf na, Thread, |e, _, arena| Some(cmdline(e.thread()?, arena).into()),
            "the command line: `proc.name` and `proc.args`." on exec = "curl -s http://10.0.0.5:8080/x";
        "proc.pcmdline" CharBuf na, Lineage, |e, _, arena| Some(cmdline(ancestors::parent(e)?, arena).into()),
            "`proc.cmdline` of the parent process." on exec = "bash";
        "proc.acmdline" CharBuf na [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Index), Lineage,
            |e, f, arena| ancestors::value(e, f, arena, |thread, arena| cmdline(thread, arena).into()),
            text |e, f, arena| ancestors::text(e, f, arena, cmdline),
            "`proc.cmdline` of an ancestor, or of any, as `proc.aexe`." on exec ["[2]"] = "sshd -D";
        "proc.cmdnargs" UInt64 dec, Thread, |e, _, _| Some(Value::U64(e.thread()?.args().count() as u64)),
            "the number of arguments after the first." on exec = "2";
        "proc.cmdlenargs" UInt64 dec, Thread,
            |e, _, _| Some(Value::U64(e.thread()?.args().map(|arg| arg.len() as u64).sum())),
            "the size of the arguments after the first in bytes, without the spaces between them." on exec = "24";
        "proc.exeline" CharBuf na, Thread, |e, _, arena| {
                let thread = e.thread()?;
                let mut line = Text::new_in(arena);
                line.extend_from_slice_copy(&thread.exe);
                line.push(b' ');
                push_args(&mut line, thread);
                Some(Value::Bytes(line.into_bump_slice()))
            },
            "the command line, unchanged: `proc.exe` and `proc.args`." on exec = "curl -s http://10.0.0.5:8080/x";
        "proc.env" CharBuf na [ARG_ALLOWED] (Name), Thread, env::env,
            "the environment, separated by spaces; with a name the value of that variable, empty if it is not set."
            on exec ["[HOME]"] = "/home/ann";
        "proc.aenv" CharBuf na [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Name), Lineage, env::aenv,
            text env::aenv_text,
            "with a name, that variable of the nearest ancestor that has it; with an index, the environment of that \
             ancestor. Without either a condition is true if it is for the environment of any ancestor."
            on exec ["[LANG]"] = "C.UTF-8";
        "proc.cwd" CharBuf na, Thread, |e, _, _| Some(e.state().cwd(e.thread()?).into()),
            "the working directory, ended by a slash." on exec = "/home/ann/";
        "proc.loginshellid" Int64 id, Lineage, |e, _, _| leaders::login_shell(e).map(Value::I64),
            "the process id of the oldest ancestor, or the process itself, whose name ends in `sh`: the login shell."
            on exec = "1000";
        "proc.tty" UInt32 id, Thread, |e, _, _| Some(e.thread()?.tty.into()),
            "the number of the terminal; 0 for none." on exec = "34816";
        "proc.pid" Int64 id, Thread, |e, _, _| id(e.thread()?.pid),
            "the process id." on exec = "1001";
        "proc.ppid" Int64 id, Lineage, |e, _, _| id(ancestors::parent(e)?.pid),
            "the process id of the parent." on exec = "1000";
        "proc.apid" Int64 id [ARG_ALLOWED|NO_TRANSFORMER|NO_RHS] (Index), Lineage, ancestors::pid_value,
            text ancestors::pid_text, json ancestors::pid_json,
            "the process id of an ancestor: [0] is the process itself, [1] its parent, and so on. Without an index a \
             condition is true if it is for any ancestor." on exec ["[2]"] = "900";
        "proc.vpid" Int64 id, Thread, |e, _, _| known(e.thread()?.vpid),
            "the process id in the process's pid namespace." on exec = "1001";
        "proc.pvpid" Int64 id, Lineage, |e, _, _| Some(e.state().parent(e.thread()?)?.vpid.into()),
            "the parent's process id in the parent's pid namespace." on exec = "1000";
        "proc.sid" Int64 id, Thread, |e, _, _| Some(e.thread()?.sid.into()),
            "the session id, in the process's pid namespace." on exec = "1000";
        "proc.sname" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::session, |leader| &leader.comm),
            "`proc.name` of the session's leader, or if that is gone of the oldest ancestor in the session; empty \
             if there is neither." on exec = "bash";
        "proc.sid.exe" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::session, |leader| &leader.exe),
            "`proc.exe` of the session's leader, as `proc.sname`." on exec = "-bash";
        "proc.sid.exepath" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::session, |leader| &leader.exepath),
            "`proc.exepath` of the session's leader, as `proc.sname`." on exec = "/usr/bin/bash";
        "proc.vpgid" Int64 id, Thread, |e, _, _| Some(e.thread()?.vpgid.into()),
            "the process group, in the process's pid namespace." on exec = "1001";
        "proc.vpgid.name" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::vgroup, |leader| &leader.comm),
            "`proc.name` of the leader of the process group, or if that is gone of the oldest ancestor in the \
             group; empty if there is neither." on exec = "curl";
        "proc.vpgid.exe" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::vgroup, |leader| &leader.exe),
            "`proc.exe` of the leader of the process group, as `proc.vpgid.name`." on exec = "curl";
        "proc.vpgid.exepath" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::vgroup, |leader| &leader.exepath),
            "`proc.exepath` of the leader of the process group, as `proc.vpgid.name`." on exec = "/usr/bin/curl";
        "proc.pgid" Int64 id, Thread, |e, _, _| Some(e.thread()?.pgid.into()),
            "the process group, in the host's pid namespace." on exec = "1001";
        "proc.pgid.name" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::group, |leader| &leader.comm),
            "`proc.name` of the leader of `proc.pgid`, as `proc.vpgid.name`." on exec = "curl";
        "proc.pgid.exe" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::group, |leader| &leader.exe),
            "`proc.exe` of the leader of `proc.pgid`, as `proc.vpgid.name`." on exec = "curl";
        "proc.pgid.exepath" CharBuf na, Leaders, |e, _, _| leaders::of(e, leaders::group, |leader| &leader.exepath),
            "`proc.exepath` of the leader of `proc.pgid`, as `proc.vpgid.name`." on exec = "/usr/bin/curl";
        "proc.duration" RelTime dec, Event, |e, _, _| age(e, e.thread()?),
            "nanoseconds since the process started; none if its start was not seen." on exec = "1000000";
        "proc.ppid.duration" RelTime dec, Event, parent_age,
            "nanoseconds since the parent process started; if that was not seen, as in Falco, the number of \
             open file descriptors of the process." on exec = "1000000000";
        "proc.pid.ts" RelTime dec, Event, |e, _, _| not_zero(e.thread()?.clone_ts),
            "the start of the process, in nanoseconds since 1970." on exec = "1700000000999000000";
        "proc.ppid.ts" RelTime dec, Event, |e, _, _| Some(e.state().parent(e.thread()?)?.clone_ts.into()),
            "the start of the parent process, in nanoseconds since 1970; 0 if it was not seen."
            on exec = "1700000000000000000";
        "proc.is_exe_writable" Bool na, Thread, |e, _, _| Some(e.thread()?.exe_writable.into()),
            "whether the user of the process may write to its executable." on exec = "false";
        "proc.is_exe_upper_layer" Bool na, Thread, |e, _, _| Some(e.thread()?.exe_upper_layer.into()),
            "whether the executable lies in the upper layer of an overlay: it is not part of the container's image."
            on exec = "false";
        "proc.is_exe_lower_layer" Bool na, Thread, |e, _, _| Some(e.thread()?.exe_lower_layer.into()),
            "whether the executable lies in the lower layer of an overlay: it is part of the container's image."
            on exec = "false";
        "proc.is_exe_from_memfd" Bool na, Thread, |e, _, _| Some(e.thread()?.exe_from_memfd.into()),
            "whether the executable is an anonymous file in memory." on exec = "false";
        "proc.is_sid_leader" Bool na, Thread, |e, _, _| e.thread().map(|t| (t.sid == t.vpid).into()),
            "whether the process leads its session." on exec = "false";
        "proc.is_vpgid_leader" Bool na, Thread, |e, _, _| e.thread().map(|t| (t.vpgid == t.vpid).into()),
            "whether the process leads its process group, by the numbers of its pid namespace." on exec = "true";
        "proc.is_pgid_leader" Bool na, Thread, |e, _, _| e.thread().map(|t| (t.pgid == t.pid).into()),
            "whether the process leads its process group, by the numbers of the host." on exec = "true";
        "proc.exe_dev" Int32 hex, Thread,
            |e, _, _| Some(Value::I64((e.thread()?.exe_dev as i32).into())).filter(|dev| *dev != Value::I64(0)),
            "the device that the executable lies on, in hexadecimal." on exec = none;
        "proc.exe_devpath" CharBuf na, Thread, |e, _, arena| exe::device_path(e, arena).map(Value::Bytes),
            "the path of the executable from the root of its own file system, as `fd.devpath`." on exec = none;
        "proc.exe_pathstate" CharBuf na, Thread, |e, _, _| e.thread()?.exe_place.state_name().map(Value::from),
            "what is known of the path of the executable, as `fd.pathstate`: of a memfd none, of one that was deleted \
             before it was started deleted." on exec = none;
        "proc.exe_ino" Int64 dec, Thread,
            |e, _, _| Some(Value::I64(e.thread()?.exe_ino as i64)).filter(|ino| *ino != Value::I64(0)),
            "the inode of the executable." on exec = "4242";
        "proc.exe_ino.ctime" AbsTime dec, Thread, |e, _, _| not_zero(e.thread()?.exe_ino_ctime),
            "the change time of the executable's inode, in nanoseconds since 1970." on exec = "1600000000000000000";
        "proc.exe_ino.mtime" AbsTime dec, Thread, |e, _, _| not_zero(e.thread()?.exe_ino_mtime),
            "the modification time of the executable, in nanoseconds since 1970." on exec = "1500000000000000000";
        "proc.exe_ino.ctime_duration_proc_start" AbsTime dec, Thread, exe::ctime_to_clone,
            "nanoseconds from the last change of the executable's inode to the start of the process."
            on exec = "100000000999000000";
        "proc.exe_ino.ctime_duration_pidns_start" AbsTime dec, Thread, exe::pidns_to_ctime,
            "nanoseconds from the start of the pid namespace to the last change of the executable's inode, if that \
             came later." on exec = none;
        "proc.pidns_init_start_ts" UInt64 dec, Thread, |e, _, _| not_zero(e.thread()?.pidns_init_start_ts),
            "the start of the first process of the pid namespace, in nanoseconds since 1970: in a container, when that \
             started." on exec = none;
        "thread.cap_permitted" CharBuf na, Thread, |e, _, arena| Some(caps::names(e.thread()?.cap_permitted, arena)),
            "names of the permitted capabilities." on exec = "CAP_CHOWN CAP_NET_RAW";
        "thread.cap_inheritable" CharBuf na, Thread,
            |e, _, arena| Some(caps::names(e.thread()?.cap_inheritable, arena)),
            "names of the inheritable capabilities." on exec = "";
        "thread.cap_effective" CharBuf na, Thread, |e, _, arena| Some(caps::names(e.thread()?.cap_effective, arena)),
            "names of the effective capabilities." on exec = "CAP_NET_RAW";
        "proc.fdopencount" UInt64 dec, Event, |e, _, _| Some(Value::U64(usage::open_fds(e, e.thread()?))),
            "the number of open file descriptors of the process." on open = "4";
        "proc.fdlimit" Int64 dec, Event, |e, _, _| Some(usage::fd_limit(e, e.thread()?).into()),
            "the limit of open file descriptors of the process." on exec = "1024";
        "proc.fdusage" Double na, Event, |e, _, _| Some(usage::fd_share(e, e.thread()?).into()),
            "open file descriptors in percent of the limit." on open = "0.4";
        "proc.vmsize" UInt64 dec, Event, |e, _, _| Some(e.thread()?.vmsize_kb.into()),
            "virtual memory in kilobytes." on exec = "9000";
        "proc.vmrss" UInt64 dec, Event, |e, _, _| Some(e.thread()?.vmrss_kb.into()),
            "resident memory in kilobytes." on exec = "900";
        "proc.vmswap" UInt64 dec, Event, |e, _, _| Some(e.thread()?.vmswap_kb.into()),
            "swapped memory in kilobytes." on exec = "9";
        "thread.pfmajor" UInt64 dec, Event, |e, _, _| Some(e.thread()?.pfmajor.into()),
            "major page faults, which read from disk." on exec = "3";
        "thread.pfminor" UInt64 dec, Event, |e, _, _| Some(e.thread()?.pfminor.into()),
            "minor page faults, which do not read from disk." on exec = "200";
        "thread.tid" Int64 id, Event, |e, _, _| id(e.raw().tid()),
            "the thread id." on exec = "1001";
        "proc.is_entering_container" Bool na, Thread, |e, _, _| Some(e.thread()?.entered_container.into()),
            "whether the process has come from the host into its container since its last exec, as container runtimes do \
             before they execute the program of the container; nothing that runs in a container can." on exec = "false";
        "thread.comm" CharBuf na, Event, |e, _, _| Some(Value::Bytes(e.thread()?.current_comm())),
            "the current name of the thread in the kernel, which it may have set itself (`PR_SET_NAME`); \
             `proc.name` is that of the last exec." on exec = "curl";
        "thread.ismain" Bool na, Thread, |e, _, _| Some(e.thread()?.is_leader().into()),
            "whether the thread is the leader of its process." on exec = "true";
        "thread.vtid" Int64 id, Thread, |e, _, _| known(e.thread()?.vtid),
            "the thread id in the thread's pid namespace." on exec = "1001";
        "thread.nametid" CharBuf na [TABLE_ONLY], Event, |e, _, arena| {
                let mut text = Text::new_in(arena);
                text.extend_from_slice_copy(&e.thread()?.comm);
                push_signed(&mut text, e.raw().tid());
                Some(Value::Bytes(text.into_bump_slice()))
            },
            "`proc.name` and `thread.tid`, concatenated." on exec = "curl1001";
        "thread.exectime" RelTime dec, Event, |e, _, _| Some(e.facts().exec_time.into()),
            "on a switch of tasks, nanoseconds that the thread ran on the processor; 0 on other events." on exec = "0";
        "thread.totexectime" RelTime dec, Event, |e, _, _| Some(e.thread()?.exec_time.into()),
            "the sum of `thread.exectime` of the thread so far." on exec = "0";
        "thread.cgroups" CharBuf na, Thread, usage::cgroups,
            "the cgroups, as subsystem and path, separated by spaces." on exec = "cpu=/user memory=/user";
        "thread.cgroup" CharBuf na [ARG_REQUIRED] (Cgroup), Thread, usage::cgroup,
            "the path of the cgroup for one subsystem." on exec [".cpu"] = "/user";
        "proc.nthreads" UInt64 dec, Event, |e, _, _| Some(Value::U64(e.state().thread_count(e.thread()?))),
            "the number of living threads of the process." on exec = "1";
        "proc.nchilds" UInt64 dec, Event, |e, _, _| Some(usage::other_threads(e, e.thread()?).into()),
            "the number of living threads of the process without its leader." on exec = "0";
        "thread.cpu" Double na, Event, |e, _, _| usage::cpu(e, true, true),
            "on a report of processor time, the thread's share since the last report in percent, at most 100."
            on procinfo = "0.0";
        "thread.cpu.user" Double na, Event, |e, _, _| usage::cpu(e, true, false),
            "as `thread.cpu`, for user time only." on procinfo = "0.0";
        "thread.cpu.system" Double na, Event, |e, _, _| usage::cpu(e, false, true),
            "as `thread.cpu`, for system time only." on procinfo = "0.0";
        "thread.vmsize" UInt64 dec, Event, |e, _, _| Some(leader_only(e.thread()?, e.thread()?.vmsize_kb.into())),
            "virtual memory of the process in kilobytes; 0 on threads other than the leader." on exec = "9000";
        "thread.vmrss" UInt64 dec, Event, |e, _, _| Some(leader_only(e.thread()?, e.thread()?.vmrss_kb.into())),
            "resident memory of the process in kilobytes; 0 on threads other than the leader." on exec = "900";
        "thread.vmsize.b" UInt64 dec [TABLE_ONLY], Event,
            |e, _, _| Some(leader_only(e.thread()?, u64::from(e.thread()?.vmsize_kb) * 1024)),
            "`thread.vmsize` in bytes." on exec = "9216000";
        "thread.vmrss.b" UInt64 dec [TABLE_ONLY], Event,
            |e, _, _| Some(leader_only(e.thread()?, u64::from(e.thread()?.vmrss_kb) * 1024)),
            "`thread.vmrss` in bytes." on exec = "921600";
        "proc.stdin.type" CharBuf na, Event, |e, _, _| stdio::kind(e, 0),
            "the type of standard input, as `fd.type`." on exec = "file";
        "proc.stdout.type" CharBuf na, Event, |e, _, _| stdio::kind(e, 1),
            "the type of standard output, as `fd.type`." on exec = "file";
        "proc.stderr.type" CharBuf na, Event, |e, _, _| stdio::kind(e, 2),
            "the type of standard error, as `fd.type`." on exec = "file";
        "proc.stdin.name" CharBuf na, Event, |e, _, _| stdio::name(e, 0),
            "the name of standard input, as `fd.name`." on exec = "/dev/pts/0";
        "proc.stdout.name" CharBuf na, Event, |e, _, _| stdio::name(e, 1),
            "the name of standard output, as `fd.name`." on exec = "/dev/pts/0";
        "proc.stderr.name" CharBuf na, Event, |e, _, _| stdio::name(e, 2),
            "the name of standard error, as `fd.name`." on exec = "/dev/pts/0";
    }
}

/// Returns an id that can be shown: sources that number processes in their own way use numbers beyond 32 bits.
pub(super) fn id<'e>(id: i64) -> Option<Value<'e>> {
    (-1..=i64::from(u32::MAX)).contains(&id).then_some(Value::I64(id))
}

fn known<'e>(id: i64) -> Option<Value<'e>> {
    (id != -1).then_some(Value::I64(id))
}

fn not_zero<'e>(number: u64) -> Option<Value<'e>> {
    (number != 0).then_some(Value::U64(number))
}

fn leader_only<'e>(thread: &Thread, number: u64) -> Value<'e> {
    Value::U64(if thread.is_leader() { number } else { 0 })
}

fn age<'e>(e: &Event<'_>, thread: &Thread) -> Option<Value<'e>> {
    (thread.clone_ts != 0).then(|| Value::U64(e.ts().wrapping_sub(thread.clone_ts)))
}

/// Returns the age of the parent. If its start is not known, Falco falls through to the next field of its list, and
/// rules see that number.
fn parent_age<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let parent = ancestors::parent(e)?;
    age(e, parent).or_else(|| Some(Value::U64(usage::open_fds(e, e.thread()?))))
}

fn args<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let thread = e.thread()?;
    Some(match field.arg {
        Arg::Index(index) => {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            thread.args().nth(index).unwrap_or_default().into()
        }
        _ => joined_args(thread, arena).into(),
    })
}

fn joined_args<'e>(thread: &'e Thread, arena: &'e Bump) -> &'e [u8] {
    value::join(thread.args(), b' ', arena)
}

fn push_args(text: &mut Text<'_>, thread: &Thread) {
    for (i, arg) in thread.args().enumerate() {
        if i > 0 {
            text.push(b' ');
        }
        text.extend_from_slice_copy(arg);
    }
}

fn cmdline<'e>(thread: &'e Thread, arena: &'e Bump) -> &'e [u8] {
    let comm = if thread.cmdline_comm.is_empty() { &thread.comm } else { &thread.cmdline_comm };
    value::join(std::iter::once(&**comm).chain(thread.args()), b' ', arena)
}
