//! The open family and changes of the working directory: properties of a file come from `/proc`, not from the name.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

use crate::call::Ended;
use crate::convert::{self, O_F_CREATED};
use crate::generated::flags;
use crate::memory::MAX_PATH;

/// States of a path in the events, see `docs/kernels.md`.
const PATH_NONE: u8 = 0;
const PATH_WHOLE: u8 = 1;
const PATH_DELETED: u8 = 2;
/// The flag of a given path that nobody else can have changed.
const HOLDS: u8 = 1;
const DELETED: &[u8] = b" (deleted)";
/// Flags of openat2 that only matter to the open.
const OWN_FLAGS: u32 = 0o100 | 0o200 | 0o400 | 0o1000 | 0o100_000;

/// A freshly opened file.
#[derive(Debug, Default)]
struct Opened {
    dev: u32,
    ino: u64,
    created: u32,
    /// Its path; empty if the call failed.
    path: Vec<u8>,
}

fn opened(c: &Ended<'_>, creates: bool) -> Opened {
    if c.result < 0 {
        return Opened::default();
    }
    let link = format!("/proc/{}/fd/{}", c.process.tid, c.result);
    let Ok(meta) = std::fs::metadata(&link) else { return Opened::default() };
    let path = std::fs::read_link(&link).map(|path| path.into_os_string().as_bytes().to_vec()).unwrap_or_default();
    let created = if creates && !c.existed { O_F_CREATED } else { 0 };
    Opened { dev: meta.dev() as u32, ino: meta.ino(), created, path }
}

/// Writes the text of the argument, and returns it.
fn push_given(c: &mut Ended<'_>, index: usize) -> Vec<u8> {
    let text = c.memory.text(c.arg(index), MAX_PATH).map(<[u8]>::to_vec);
    match text {
        Some(text) => {
            c.out.text(&text);
            text
        }
        None => {
            c.out.empty();
            Vec::new()
        }
    }
}

/// Writes where the call led to, after the parameters of the schema.
fn push_led_to(c: &mut Ended<'_>, dev: u32, path: &[u8], text: &[u8]) {
    if path.is_empty() {
        return;
    }
    let (state, path) = state_of(path);
    if path == text && state == PATH_WHOLE {
        c.out.raw(b"=");
    } else if state == PATH_NONE {
        c.out.empty();
    } else {
        c.out.text(path);
    }
    push_facts(c, dev, state);
}

fn push_facts(c: &mut Ended<'_>, dev: u32, state: u8) {
    let flags = if c.process.is_single { HOLDS } else { 0 };
    let [a, b, d, e] = dev.to_le_bytes();
    c.out.raw(&[a, b, d, e, 0, 0, state, flags]).empty();
}

/// Returns the state of the target of a link in `/proc`, and its path.
fn state_of(path: &[u8]) -> (u8, &[u8]) {
    match path.strip_suffix(DELETED) {
        _ if !path.starts_with(b"/") || path.starts_with(b"/memfd:") => (PATH_NONE, b""),
        Some(path) => (PATH_DELETED, path),
        None => (PATH_WHOLE, path),
    }
}

pub(super) fn open(c: &mut Ended<'_>) {
    let flags = c.arg(1) as u32;
    let o = opened(c, flags & convert::O_CREAT != 0);
    c.u64(c.ret());
    let text = push_given(c, 0);
    c.u32((convert::open_flags(flags) | o.created).into());
    c.u32(convert::open_mode(flags, c.arg(2) as u32).into());
    c.u32(o.dev.into());
    c.u64(o.ino);
    push_led_to(c, o.dev, &o.path, &text);
}

pub(super) fn openat(c: &mut Ended<'_>) {
    let flags = c.arg(2) as u32;
    let o = opened(c, flags & convert::O_CREAT != 0);
    c.u64(c.ret());
    c.push_fd(0);
    let text = push_given(c, 1);
    c.u32((convert::open_flags(flags) | o.created).into());
    c.u32(convert::open_mode(flags, c.arg(3) as u32).into());
    c.u32(o.dev.into());
    c.u64(o.ino);
    push_led_to(c, o.dev, &o.path, &text);
}

pub(super) fn openat2(c: &mut Ended<'_>) {
    // Flags, mode and resolve lie in memory that may have changed since; the open file has its own flags.
    let mut how = [0; 24];
    c.memory.read(c.arg(2), &mut how);
    let mut words = how.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word));
    let mut word = || words.next().unwrap_or_default();
    let (given, mode, resolve) = (word() as u32, word() as u32, word() as u32);
    let o = opened(c, given & convert::O_CREAT != 0);
    let flags = match file_flags(c) {
        Some(file) if !c.process.is_single => given & OWN_FLAGS | file & !OWN_FLAGS,
        _ => given,
    };
    c.u64(c.ret());
    c.push_fd(0);
    let text = push_given(c, 1);
    c.u32((convert::open_flags(flags) | o.created).into());
    c.u32(convert::open_mode(given, mode).into());
    c.u32(flags::resolve_flags(resolve).into());
    c.u32(o.dev.into());
    c.u64(o.ino);
    push_led_to(c, o.dev, &o.path, &text);
}

/// Returns the flags of the opened file.
fn file_flags(c: &Ended<'_>) -> Option<u32> {
    let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/{}", c.process.tid, c.result)).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(flags.trim(), 8).ok()
}

pub(super) fn creat(c: &mut Ended<'_>) {
    let o = opened(c, true);
    c.u64(c.ret());
    let text = push_given(c, 0);
    c.u32(convert::open_mode(convert::O_CREAT, c.arg(1) as u32).into());
    c.u32(o.dev.into());
    c.u64(o.ino);
    c.u16(0);
    push_led_to(c, o.dev, &o.path, &text);
}

pub(super) fn open_by_handle_at(c: &mut Ended<'_>) {
    let o = opened(c, false);
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(convert::open_flags(c.arg(2) as u32).into());
    // A handle has no name: the path is the one that it was found under.
    let (state, path) = state_of(&o.path);
    if path.is_empty() {
        c.empty();
    } else {
        c.out.text(path);
    }
    c.u32(o.dev.into());
    c.u64(o.ino);
    if !o.path.is_empty() {
        c.empty();
        push_facts(c, o.dev, state);
    }
}

fn working_directory(c: &Ended<'_>) -> (u32, Vec<u8>) {
    let link = format!("/proc/{}/cwd", c.process.tid);
    let dev = std::fs::metadata(&link).map_or(0, |meta| meta.dev() as u32);
    (dev, std::fs::read_link(&link).map(|path| path.into_os_string().as_bytes().to_vec()).unwrap_or_default())
}

pub(super) fn chdir(c: &mut Ended<'_>) {
    c.u64(c.ret());
    let text = push_given(c, 0);
    if c.result == 0 {
        let (dev, path) = working_directory(c);
        push_led_to(c, dev, &path, &text);
    }
}

pub(super) fn fchdir(c: &mut Ended<'_>) {
    c.u64(c.ret());
    c.push_fd(0);
    if c.result == 0 {
        let (dev, path) = working_directory(c);
        let (state, path) = state_of(&path);
        c.out.text(path);
        push_facts(c, dev, state);
    }
}
