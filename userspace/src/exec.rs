//! The events of exec: a failed one from the arguments of the call, a successful one from the process that it made.

use scap::host::Thread;
use scap::schema::flags::EXECVE_FLAGS;
use scap::{EventBuilder, EventCode};

use crate::call::{Call, Ended};
use crate::facts::{MAX_STRINGS, cut, push_exe_and_args, push_task};
use crate::memory::{MAX_PATH, Memory};
use crate::place::{self, Place};

const MAX_STRING_COUNT: u64 = 64;
const AT_EMPTY_PATH: u64 = 0x1000;
const AT_FDCWD: i32 = -100;

/// Returns the name that the kernel executes a file by, as the call gives it.
pub(crate) fn name(call: &Call, memory: &mut Memory) -> Vec<u8> {
    let [first, second, ..] = call.args;
    if call.event != EventCode::EXECVEAT_X {
        return memory.text(first, MAX_PATH).unwrap_or_default().to_vec();
    }
    let path = memory.text(second, MAX_PATH).unwrap_or_default().to_vec();
    let directory = first as i32;
    if path.starts_with(b"/") || directory == AT_FDCWD {
        path
    } else if path.is_empty() && call.args[4] & AT_EMPTY_PATH != 0 {
        format!("/dev/fd/{directory}").into_bytes()
    } else {
        [format!("/dev/fd/{directory}/").as_bytes(), &path].concat()
    }
}

/// Writes an array of pointers to strings, one after the other, from the one with the number `first`.
fn push_string_array(c: &mut Ended<'_>, array: u64, first: u64, max: usize) {
    let width = if c.call.compat { 4 } else { 8 };
    c.memory.clear();
    for index in 0..if array == 0 { 0 } else { MAX_STRING_COUNT } {
        let p = c.word(array.wrapping_add((first + index) * width));
        if p == 0 || c.memory.appended().len() >= max {
            break;
        }
        c.memory.append_text(p, MAX_STRINGS);
    }
    let bytes = c.memory.appended();
    match bytes.get(..max).filter(|_| bytes.len() > max) {
        Some(cut) => c.out.parts(&[cut.get(..max.saturating_sub(1)).unwrap_or_default(), &[0]]),
        None => c.out.raw(bytes),
    };
}

/// Writes the event of an exec that failed.
pub(crate) fn failed(c: &mut Ended<'_>) {
    let (argv, envp) = match c.call.event {
        EventCode::EXECVEAT_X => (c.arg(2), c.arg(3)),
        _ => (c.arg(1), c.arg(2)),
    };
    let thread = c.thread();
    c.u64(c.ret());
    let first = if argv == 0 { 0 } else { c.word(argv) };
    let len = match c.memory.text(first, MAX_STRINGS).map(<[u8]>::to_vec) {
        Some(exe) => {
            c.out.text(&exe);
            exe.len() + 1
        }
        None => {
            c.empty();
            0
        }
    };
    push_string_array(c, argv, 1, MAX_STRINGS.saturating_sub(len));
    push_task(c.out, c.process.tid, thread.as_ref());
    push_string_array(c, envp, 0, MAX_STRINGS);
    push_facts(c.out, thread.as_ref(), Place::of(c.process.tid, "exe").as_ref());
    if c.call.event == EventCode::EXECVE_19_X {
        c.text(0);
    }
}

/// Writes the event of an exec that succeeded. `name` is the name that the file was executed by.
pub(crate) fn succeeded(out: &mut EventBuilder, tid: i32, thread: Option<&Thread>, name: &[u8]) {
    out.i64(0);
    push_exe_and_args(out, thread);
    push_task(out, tid, thread);
    match thread {
        Some(thread) => out.raw(cut(&thread.env)),
        None => out.empty(),
    };
    let place = Place::of(tid, "exe");
    push_facts(out, thread, place.as_ref());
    out.text(name);
    push_executable(out, place.as_ref());
}

/// Returns the value of a flag of the schema.
fn flag(name: &str) -> u32 {
    EXECVE_FLAGS.entries.iter().find(|(entry, _)| *entry == name).map_or(0, |(_, value)| *value)
}

/// Writes from the terminal to the group: the end of both exec events.
fn push_facts(out: &mut EventBuilder, thread: Option<&Thread>, place: Option<&Place>) {
    let Some(thread) = thread else {
        for _ in 0..14 {
            out.empty();
        }
        return;
    };
    let mut flags = 0;
    for (is, name) in [
        (thread.exe_writable, "EXE_WRITABLE"),
        (thread.exe_upper_layer, "EXE_UPPER_LAYER"),
        (thread.exe_lower_layer, "EXE_LOWER_LAYER"),
        (thread.exe_from_memfd, "EXE_FROM_MEMFD"),
    ] {
        flags |= if is { flag(name) } else { 0 };
    }
    out.u32(thread.tty).i64(thread.vpgid).u32(thread.loginuid).u32(flags);
    out.u64(thread.cap_inheritable).u64(thread.cap_permitted).u64(thread.cap_effective);
    out.u64(thread.exe_ino).u64(thread.exe_ino_ctime).u64(thread.exe_ino_mtime).u32(thread.uid);
    out.text(place.filter(|place| place.state != place::CUT).map_or(&thread.exepath, |place| &place.path))
        .i64(thread.pgid)
        .u32(thread.gid);
}

/// Writes where the executable is, after the parameters of the schema.
fn push_executable(out: &mut EventBuilder, place: Option<&Place>) {
    let Some(place) = place else { return };
    let [a, b, c, d] = place.dev.to_le_bytes();
    out.empty().raw(&[a, b, c, d, 0, 0, place.state, 0]).empty();
}
