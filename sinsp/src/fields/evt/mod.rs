//! `evt.*` of system calls: type, parameters, result, properties of the call.
//!
//! The rows are here, their functions in files by topic; the fields of events of every source are in [`generic`].

pub(crate) mod args;
pub(super) mod generic;
mod infra;
mod io;
mod kind;
mod open;
mod path;
mod truncated;
mod zone;

pub use truncated::{MayBeCut, has_cut_parameter};
pub use zone::utc_offset;

use scap::schema::EventFlags;

use super::macros::fields;
use super::{Arg, Value};
use crate::Event;
use generic::SECOND;

fields! {
    /// Fields of system calls. `evt.arg` has the parameters of each by name: `evt.arg.filename`.
    pub(crate) EVT = "evt" "Syscall events only" {
        "evt.latency" RelTime dec [DEPRECATED], Event, |_, _, _| Some(Value::U64(0)),
            "0: the time from entry to exit of a call is no longer measured." on open = "0";
        "evt.latency.s" RelTime dec [DEPRECATED], Event, |_, _, _| Some(Value::U64(0)),
            "0, as `evt.latency`." on open = "0";
        "evt.latency.ns" RelTime padded [DEPRECATED], Event, |_, _, _| Some(Value::U64(0)),
            "0, as `evt.latency`." on open = "000000000";
        "evt.latency.quantized" UInt64 dec [TABLE_ONLY|DEPRECATED], Event, |_, _, _| Some(Value::U64(0)),
            "0, as `evt.latency`." on open = "0";
        "evt.latency.human" CharBuf na [DEPRECATED], Event, |_, _, _| Some("0ns".into()),
            "0, as `evt.latency`." on open = "0ns";
        "evt.deltatime" RelTime dec, Event, |e, _, _| Some(delta(e).into()),
            "nanoseconds since the previous event." on open = "1000000000";
        "evt.deltatime.s" RelTime dec, Event, |e, _, _| Some((delta(e) / SECOND).into()),
            "whole seconds since the previous event." on open = "1";
        "evt.deltatime.ns" RelTime padded, Event, |e, _, _| Some((delta(e) % SECOND).into()),
            "the fraction of `evt.deltatime.s` in nanoseconds." on open = "000000000";
        "evt.outputtime" CharBuf na [PRINT_ONLY], Event, kind::output_time,
            json |e, _, _| Some(e.ts().into()),
            "the time in the configured form: local, absolute, relative to the start or to the previous event."
            on exec = "22:13:21.000000000";
        "evt.dir" CharBuf dir [DEPRECATED], Event, |e, _, _| Some(if e.code().is_enter() { ">" } else { "<" }.into()),
            "`>` on the entry of a call, `<` on its exit; enter events are no longer shown." on open = "<";
        "evt.type" CharBuf na, Event, |e, _, _| kind::name(e).map(Value::Bytes),
            "the name of the event, which is that of the system call if it is one." on open = "openat";
        "evt.type.is" UInt32 na [ARG_REQUIRED] (EventType), Event, |e, field, _| match field.arg {
                Arg::Codes(a, b) => Some(Value::U64((u32::from(e.code().0) == a || u32::from(e.code().0) == b).into())),
                _ => None,
            },
            "1 on events of the type with the given number or name, else 0." on open [".307"] = "1";
        "syscall.type" CharBuf na, Event, |e, _, _| kind::syscall(e).map(Value::Bytes),
            "the name of the system call; none for events that are not system calls." on open = "openat";
        "evt.category" CharBuf na, Event, |e, _, _| Some(kind::category(e).into()),
            "the category of the event: file, net, process, memory and so on; for reads and writes by the type of \
             the file descriptor." on open = "file";
        "evt.cpu" Int16 id, Event, |e, _, _| Some(Value::I64((e.raw().cpu() as i16).into())),
            "the processor of the event." on open = "0";
        "evt.args" CharBuf na, Event, args::args,
            "all parameters as name=value, with the resolved value in parentheses."
            on setuid = "res=0 uid=0(root)";
        "evt.arg" CharBuf na [ARG_REQUIRED|NO_PTR_STABILITY] (Param), Event, args::arg, text args::arg_text,
            "one parameter, by name (`evt.arg.flags`) or number (`evt.arg[0]`), as text: the resolved value \
             if there is one, else the value." on open [".flags"] = "O_RDONLY";
        "evt.rawarg" Dyn na [ARG_REQUIRED|NO_TRANSFORMER|NO_RHS] (RawParam), Event, args::rawarg,
            text args::rawarg_text, json args::rawarg_json,
            "one parameter by name (`evt.rawarg.flags`), as the value itself." on open [".flags"] = "1";
        "evt.info" CharBuf na, Event, args::args,
            "as `evt.args`." on setuid = "res=0 uid=0(root)";
        "evt.buffer" ByteBuf na [NO_PTR_STABILITY], Event, args::buffer, text args::buffer_text,
            "the data that was read or written, as far as it was captured." on write = "GET /x";
        "evt.buflen" UInt64 dec, Event, |e, _, _| io::len(e, io::ANY, |_| true),
            "the number of bytes that were read or written." on write = "6";
        "evt.res" CharBuf dec [NO_PTR_STABILITY], Event, kind::result,
            "SUCCESS, or the name of the error." on failed_open = "ENOENT";
        "evt.rawres" Int64 dec, Event, |e, _, _| args::result(e).map(Value::I64),
            "the return value of the call." on failed_open = "-2";
        "evt.failed" Bool na, Event, |e, _, _| Some(Value::Bool(args::result(e)? < 0)),
            "whether the call failed." on failed_open = "true";
        "evt.truncated" CharBuf na, Event, truncated::names,
            "the names of the parameters that may have been longer than what is kept of them, separated by commas: \
             arguments together with the program's name, environment, and text, of 4096 bytes each." on exec = none;
        "evt.is_io" Bool na, Event, |e, _, _| Some(has(e, EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD)),
            "whether the event reads or writes." on write = "true";
        "evt.is_io_read" Bool na, Event, |e, _, _| Some(has(e, EventFlags::READS_FROM_FD)),
            "whether the event reads." on write = "false";
        "evt.is_io_write" Bool na, Event, |e, _, _| Some(has(e, EventFlags::WRITES_TO_FD)),
            "whether the event writes." on write = "true";
        "evt.io_dir" CharBuf na, Event, |e, _, _| match (flags(e), EventFlags::WRITES_TO_FD) {
                (flags, writes) if flags.intersects(writes) => Some("write".into()),
                (flags, _) if flags.intersects(EventFlags::READS_FROM_FD) => Some("read".into()),
                _ => None,
            },
            "`read` or `write`." on write = "write";
        "evt.is_wait" Bool na, Event, |e, _, _| Some(has(e, EventFlags::WAITS)),
            "whether the call may wait." on poll = "true";
        "evt.wait_latency" RelTime dec [DEPRECATED], Event, |_, _, _| Some(Value::U64(0)),
            "0, as `evt.latency`." on poll = "0";
        "evt.is_syslog" Bool na, Event, |e, _, _| {
                let log = e.fd().is_some_and(|fd| memchr::memmem::find(&fd.name, b"/dev/log").is_some());
                Some(Value::Bool(flags(e).intersects(EventFlags::WRITES_TO_FD) && log))
            },
            "whether the event writes to the system log." on write = "false";
        "evt.count" UInt32 dec, Event, |_, _, _| Some(Value::U64(1)),
            "1, for sums." on open = "1";
        "evt.count.error" UInt32 dec, Event, |e, _, _| kind::failures(e),
            "1 if the call failed, else 0." on failed_open = "1";
        "evt.count.error.file" UInt32 dec, Event, |e, _, _| io::is_file_failure(e).then(|| kind::failures(e))?,
            "as `evt.count.error`, for files." on failed_open = "1";
        "evt.count.error.net" UInt32 dec, Event, |e, _, _| io::is_net_failure(e).then(|| kind::failures(e))?,
            "as `evt.count.error`, for sockets." on connect = "0";
        "evt.count.error.memory" UInt32 dec, Event, |e, _, _| io::is_memory(e).then(|| kind::failures(e))?,
            "as `evt.count.error`, for memory calls." on open = none;
        "evt.count.error.other" UInt32 dec, Event, |e, _, _| io::is_other_failure(e).then(|| kind::failures(e))?,
            "as `evt.count.error`, for all others." on setuid = "0";
        "evt.count.exit" UInt32 dec, Event, |e, _, _| e.code().is_exit().then_some(Value::U64(1)),
            "1 on the exit of a call." on open = "1";
        "evt.count.procinfo" UInt32 dec [TABLE_ONLY], Event, |e, _, _| {
                let leader = e.thread().is_some_and(crate::state::Thread::is_leader);
                Some(Value::U64((kind::is_procinfo(e) && leader).into()))
            },
            "1 on a report of the processor time of a process." on procinfo = "1";
        "evt.count.threadinfo" UInt32 dec [TABLE_ONLY], Event, |e, _, _| Some(Value::U64(kind::is_procinfo(e).into())),
            "1 on a report of processor time." on procinfo = "1";
        "evt.around" UInt64 dec [FILTER_ONLY|ARG_REQUIRED|NO_TRANSFORMER|NO_RHS] (Time), Event,
            |_, field, _| if let Arg::Time(time) = field.arg { Some(Value::U64(time)) } else { None },
            "`evt.around[T] = D` is true within D milliseconds of the time T, given in nanoseconds since 1970."
            on open ["[1700000001000000000]"] = "1700000001000000000";
        "evt.abspath" CharBuf na [ARG_REQUIRED] (PathEnd), Event, path::absolute,
            "the absolute path of a call with a directory and a path; `.src` and `.dst` select one of two."
            on rename [".dst"] = "/home/ann/b";
        "evt.buflen.in" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::READ, |_| true),
            "`evt.buflen` of reads." on write = none;
        "evt.buflen.out" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::WRITE, |_| true),
            "`evt.buflen` of writes." on write = "6";
        "evt.buflen.file" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::ANY, io::is_file),
            "`evt.buflen` for files." on write = none;
        "evt.buflen.file.in" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::READ, io::is_file),
            "`evt.buflen` of reads from files." on write = none;
        "evt.buflen.file.out" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::WRITE, io::is_file),
            "`evt.buflen` of writes to files." on write = none;
        "evt.buflen.net" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::ANY, io::is_net),
            "`evt.buflen` for sockets." on write = "6";
        "evt.buflen.net.in" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::READ, io::is_net),
            "`evt.buflen` of reads from sockets." on write = none;
        "evt.buflen.net.out" UInt64 dec [TABLE_ONLY], Event, |e, _, _| io::len(e, io::WRITE, io::is_net),
            "`evt.buflen` of writes to sockets." on write = "6";
        "evt.is_open_read" Bool na, Event, |e, _, _| Some(open::reads(e).into()),
            "whether a file was opened for reading." on open = "true";
        "evt.is_open_write" Bool na, Event, |e, _, _| Some(open::writes(e).into()),
            "whether a file was opened for writing." on open = "false";
        "evt.infra.docker.name" CharBuf na [TABLE_ONLY], Event, |e, _, _| infra::part(e, b"Event").map(Value::Bytes),
            "the name of an event of docker." on open = none;
        "evt.infra.docker.container.id" CharBuf na [TABLE_ONLY], Event, |e, _, _| infra::id(e).map(Value::Bytes),
            "the container of an event of docker." on open = none;
        "evt.infra.docker.container.name" CharBuf na [TABLE_ONLY], Event,
            |e, _, _| infra::part(e, b"name").map(Value::Bytes),
            "the name of the container of an event of docker." on open = none;
        "evt.infra.docker.container.image" CharBuf na [TABLE_ONLY], Event, |e, _, _| infra::image(e).map(Value::Bytes),
            "the image of the container of an event of docker." on open = none;
        "evt.is_open_exec" Bool na, Event, |e, _, _| Some(open::executable(e).into()),
            "whether an executable file was created." on open = "false";
        "evt.is_open_create" Bool na, Event, |e, _, _| Some(open::creates(e).into()),
            "whether a file was created by opening it." on open = "false";
    }
}

fn flags(e: &Event<'_>) -> EventFlags {
    e.raw().info().map_or(EventFlags::default(), |info| info.flags)
}

fn has<'e>(e: &Event<'_>, any: EventFlags) -> Value<'e> {
    Value::Bool(flags(e).intersects(any))
}

/// Returns the time since the previous event of any thread; 0 for the first.
fn delta(e: &Event<'_>) -> u64 {
    match e.facts().prev_ts {
        0 => 0,
        before => e.ts().wrapping_sub(before),
    }
}
