//! `syscalls.h` and `generated.rs`: numbers of calls to codes of the schema, 32-bit numbers to 64-bit ones.
//!
//! A call that only 32-bit programs have gets a number above those of x86_64, so that one table of programs serves both.

use super::events::{CAUSES, ENTERED, FAMILIES};
use super::ia32::IA32;
use scap::schema::{SYSCALLS, SyscallInfo};
use std::fmt::Write as _;

/// Numbers of calls are below this.
const NUMBERS: u16 = 512;
/// No such call.
const NONE: u16 = u16::MAX;

/// Calls that only 32-bit programs make and that have a specific event.
const OWN_EVENTS: &[(&str, &str)] = &[
    ("stat64", "STAT64_X"),
    ("lstat64", "LSTAT64_X"),
    ("fstat64", "FSTAT64_X"),
    ("_llseek", "LLSEEK_X"),
    ("mmap2", "MMAP2_X"),
    ("umount", "UMOUNT_1_X"),
    ("send", "SEND_X"),
    ("recv", "RECV_X"),
];

/// The calls behind `socketcall`, by their number there.
const SOCKETCALL: &[&str] = &[
    "",
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// Returns the 64-bit call that does the same as the 32-bit call `name`, where it has another name.
fn native_name(name: &str) -> &str {
    match name {
        "fstatat64" => "newfstatat",
        "ugetrlimit" => "getrlimit",
        "_newselect" => "select",
        "waitpid" => "wait4",
        "epoll_pwait2" | "prlimit64" | "fadvise64" | "pread64" | "pwrite64" | "getdents64" => name,
        "fadvise64_64" => "fadvise64",
        _ if SYSCALLS.iter().any(|row| row.name == name && row.x86_64.is_some()) => name,
        _ if OWN_EVENTS.iter().any(|(own, _)| *own == name) => name,
        _ => {
            let stem = name.strip_suffix("_time64").or_else(|| name.strip_suffix("64")).or(name.strip_suffix("32"));
            match stem {
                Some(stem) if SYSCALLS.iter().any(|row| row.name == stem && row.x86_64.is_some()) => stem,
                _ => name,
            }
        }
    }
}

fn row(name: &str) -> Option<&'static SyscallInfo> {
    SYSCALLS.iter().find(|row| row.name == name)
}

/// A call whose arguments are recorded at entry.
pub(super) struct Entered {
    name: &'static str,
    code: u16,
    number: u16,
    /// The constants of its events at entry and at exit.
    pub(super) events: (&'static str, &'static str),
}

/// Returns the calls whose arguments are recorded at entry.
pub(super) fn entered() -> impl Iterator<Item = Entered> {
    ENTERED.iter().filter_map(|name| {
        let row = row(name)?;
        let (enter, exit) = row.events?;
        let events = (enter.info()?.constant, exit.info()?.constant);
        Some(Entered { name: row.name, code: row.code.0, number: row.x86_64?, events })
    })
}

struct Numbers {
    /// Number -> code of the schema.
    codes: Vec<u16>,
    /// Calls that only 32-bit programs have: number, code, specific event.
    extra: Vec<(u16, u16, Option<&'static str>)>,
    /// 32-bit number -> number.
    ia32: Vec<u16>,
    /// Number in socketcall -> number.
    socketcall: Vec<u16>,
}

fn numbers() -> Result<Numbers, String> {
    let mut codes = vec![0; usize::from(NUMBERS)];
    let mut next = 0;
    for row in SYSCALLS {
        if let Some(nr) = row.x86_64 {
            codes[usize::from(nr)] = row.code.0;
            next = next.max(nr + 1);
        }
    }
    let mut extra: Vec<(u16, u16, Option<&'static str>)> = Vec::new();
    let mut number_of = |name: &str| -> Result<u16, String> {
        let Some(row) = row(native_name(name)) else { return Ok(NONE) };
        if let Some(nr) = row.x86_64 {
            return Ok(nr);
        }
        if let Some((nr, ..)) = extra.iter().find(|(_, code, _)| *code == row.code.0) {
            return Ok(*nr);
        }
        if next >= NUMBERS {
            return Err(format!("no number is left for {name}"));
        }
        let event = OWN_EVENTS.iter().find(|(own, _)| *own == row.name).map(|(_, event)| *event);
        extra.push((next, row.code.0, event));
        next += 1;
        Ok(next - 1)
    };
    let mut ia32 = vec![NONE; usize::from(NUMBERS)];
    for (nr, name) in IA32 {
        ia32[usize::from(*nr)] = number_of(name)?;
    }
    let socketcall = SOCKETCALL
        .iter()
        .map(|name| if name.is_empty() { Ok(NONE) } else { number_of(name) })
        .collect::<Result<Vec<_>, _>>()?;
    for (nr, code, _) in &extra {
        codes[usize::from(*nr)] = *code;
    }
    Ok(Numbers { codes, extra, ia32, socketcall })
}

fn array(out: &mut String, head: &str, values: &[u16], tail: &str) {
    out.push_str(head);
    for line in values.chunks(16) {
        let line: Vec<String> = line.iter().map(u16::to_string).collect();
        let _ = write!(out, "\n\t{},", line.join(", "));
    }
    out.push_str(tail);
}

/// Returns the text of `syscalls.h`.
pub(super) fn header() -> Result<String, String> {
    let numbers = numbers()?;
    let mut out = super::c_header("Numbers of calls, their codes in the schema, and the numbers of 32-bit calls.");
    let _ = writeln!(out, "#define SYSCALL_NUMBERS {NUMBERS}\n#define SYSCALL_NONE {NONE}\n");
    let first = numbers.extra.first().map_or(NUMBERS, |(nr, ..)| *nr);
    let _ =
        writeln!(out, "/* From here on: calls that only 32-bit programs have. */\n#define SYSCALL_IA32_ONLY {first}");
    let _ = writeln!(out, "#define SOCKETCALL_NUMBERS {}\n#define IA32_SOCKETCALL 102\n", numbers.socketcall.len());
    out.push_str("/* Calls whose arguments are recorded at entry. */\n");
    for Entered { name, number, .. } in entered() {
        let _ = writeln!(out, "#define NR_{} {number}", name.to_uppercase());
    }
    out.push('\n');
    array(&mut out, "const u16 syscall_codes[SYSCALL_NUMBERS] = {", &numbers.codes, "\n};\n\n");
    array(&mut out, "const u16 ia32_numbers[SYSCALL_NUMBERS] = {", &numbers.ia32, "\n};\n\n");
    array(&mut out, "const u16 socketcall_numbers[SOCKETCALL_NUMBERS] = {", &numbers.socketcall, "\n};\n");
    Ok(out)
}

/// Returns the text of `generated.rs`.
pub(super) fn rust() -> String {
    let numbers = numbers().unwrap_or(Numbers { codes: vec![], extra: vec![], ia32: vec![], socketcall: vec![] });
    let mut out = String::from(
        "//! Tables that the loader shares with the probe.\n//!\n//! DO NOT EDIT. Written by: cargo xtask codegen\n\n#![cfg_attr(rustfmt, rustfmt_skip)]\n\n",
    );
    let names = |out: &mut String, name: &str, doc: &str, values: &[&str]| {
        let _ = writeln!(out, "/// {doc}\npub(crate) const {name}: &[&str] = &{values:?};\n");
    };
    names(&mut out, "FAMILIES", "Families of the drop counters.", FAMILIES);
    names(&mut out, "CAUSES", "The causes of drops.", CAUSES);
    let _ = writeln!(out, "/// Numbers of calls are below this.\npub(crate) const NUMBERS: usize = {NUMBERS};\n");
    out.push_str(
        "/// Programs that record the arguments of a call at entry: name, tracepoint, the call's code of the schema.\n",
    );
    let _ = writeln!(out, "pub(crate) const ENTERS: [(&str, &str, u16); {}] = [", entered().count());
    for Entered { name, code, events: (enter, _), .. } in entered() {
        let _ = writeln!(out, "    ({:?}, \"syscalls/sys_enter_{name}\", {code}),", enter.to_lowercase());
    }
    out.push_str("];\n\n");
    out.push_str("/// Calls that only 32-bit programs have: number, code of the schema, their specific event.\n");
    out.push_str("pub(crate) const IA32_ONLY: &[(u16, u16, Option<&str>)] = &[\n");
    for (nr, code, event) in &numbers.extra {
        let event = event.map(str::to_lowercase);
        let _ = writeln!(out, "    ({nr}, {code}, {event:?}),");
    }
    out.push_str("];\n\n");
    array(
        &mut out,
        "/// 32-bit number -> number; 65535 where there is none.\npub(crate) const IA32: &[u16; 512] = &[",
        &numbers.ia32,
        "\n];\n\n",
    );
    array(
        &mut out,
        "/// Number in socketcall -> number.\npub(crate) const SOCKETCALL: &[u16] = &[",
        &numbers.socketcall,
        "\n];\n",
    );
    out
}

/// Returns the text of `userspace/src/generated/numbers.rs`.
pub(super) fn userspace() -> Result<String, String> {
    let numbers = numbers()?;
    let mut out = super::rust_header("Numbers of calls, their codes in the schema, and the numbers of 32-bit calls.");
    out.push_str("use scap::schema::EventCode;\n\n");
    let first = numbers.extra.first().map_or(NUMBERS, |(nr, ..)| *nr);
    let _ = writeln!(out, "/// No such call.\npub(crate) const NONE: u16 = {NONE};\n");
    let _ = writeln!(
        out,
        "/// From here on: calls that only 32-bit programs have.\npub(crate) const IA32_ONLY: u16 = {first};\n"
    );
    out.push_str("/// The specific events of calls that only 32-bit programs have.\n");
    out.push_str("pub(crate) const IA32_EVENTS: &[(u16, EventCode)] = &[\n");
    for (nr, _, event) in &numbers.extra {
        if let Some(event) = event {
            let _ = writeln!(out, "    ({nr}, EventCode::{event}),");
        }
    }
    out.push_str("];\n\n");
    for (doc, name, values) in [
        ("Number -> code of the schema.", "CODES", &numbers.codes),
        ("32-bit number -> number.", "IA32", &numbers.ia32),
        ("Number in socketcall -> number.", "SOCKETCALL", &numbers.socketcall),
    ] {
        let head = format!("/// {doc}\npub(crate) static {name}: [u16; {}] = [", values.len());
        array(&mut out, &head, values, "\n];\n\n");
    }
    Ok(out)
}
