//! The open family and changes of the working directory: properties of a file come from `/proc`, not from the name.

use crate::call::Ended;
use crate::convert::{self, O_F_CREATED};
use crate::generated::flags;
use crate::memory::MAX_PATH;
use crate::place::{self, Place};

/// The flag of a given path that nobody else can have changed.
const HOLDS: u8 = 1;
/// Flags of openat2 that only matter to the open.
const OWN_FLAGS: u32 = 0o100 | 0o200 | 0o400 | 0o1000 | 0o100_000;

/// A freshly opened file.
#[derive(Debug, Default)]
struct Opened {
    created: u32,
    /// Absent if the call failed.
    place: Option<Place>,
}

impl Opened {
    fn dev(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.dev.into())
    }

    fn ino(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.ino)
    }
}

fn opened(c: &Ended<'_>, creates: bool) -> Opened {
    if c.result < 0 {
        return Opened::default();
    }
    let Some(place) = Place::of(c.process.tid, &format!("fd/{}", c.result)) else { return Opened::default() };
    Opened { created: if creates && !c.existed { O_F_CREATED } else { 0 }, place: Some(place) }
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
fn push_led_to(c: &mut Ended<'_>, place: Option<&Place>, text: &[u8]) {
    let Some(place) = place else { return };
    if place.state == place::WHOLE && place.path == text {
        c.out.raw(b"=");
    } else {
        push_path(c, place);
    }
    push_facts(c, place);
}

fn push_path(c: &mut Ended<'_>, place: &Place) {
    match place.path() {
        b"" => c.out.empty(),
        path => c.out.text(path),
    };
}

fn push_facts(c: &mut Ended<'_>, place: &Place) {
    let flags = if c.process.is_single { HOLDS } else { 0 };
    let [a, b, d, e] = place.dev.to_le_bytes();
    c.out.raw(&[a, b, d, e, 0, 0, place.state, flags]).empty();
}

pub(super) fn open(c: &mut Ended<'_>) {
    let flags = c.arg(1) as u32;
    let o = opened(c, flags & convert::O_CREAT != 0);
    c.u64(c.ret());
    let text = push_given(c, 0);
    c.u32((convert::open_flags(flags) | o.created).into());
    c.u32(convert::open_mode(flags, c.arg(2) as u32).into());
    c.u32(o.dev());
    c.u64(o.ino());
    push_led_to(c, o.place.as_ref(), &text);
}

pub(super) fn openat(c: &mut Ended<'_>) {
    let flags = c.arg(2) as u32;
    let o = opened(c, flags & convert::O_CREAT != 0);
    c.u64(c.ret());
    c.push_fd(0);
    let text = push_given(c, 1);
    c.u32((convert::open_flags(flags) | o.created).into());
    c.u32(convert::open_mode(flags, c.arg(3) as u32).into());
    c.u32(o.dev());
    c.u64(o.ino());
    push_led_to(c, o.place.as_ref(), &text);
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
    c.u32(o.dev());
    c.u64(o.ino());
    push_led_to(c, o.place.as_ref(), &text);
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
    c.u32(o.dev());
    c.u64(o.ino());
    c.u16(0);
    push_led_to(c, o.place.as_ref(), &text);
}

pub(super) fn open_by_handle_at(c: &mut Ended<'_>) {
    let o = opened(c, false);
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(convert::open_flags(c.arg(2) as u32).into());
    // A handle has no name: the path is the one that it was found under.
    push_path(c, o.place.as_ref().unwrap_or(&Place::default()));
    c.u32(o.dev());
    c.u64(o.ino());
    if let Some(place) = &o.place {
        c.empty();
        push_facts(c, place);
    }
}

pub(super) fn chdir(c: &mut Ended<'_>) {
    c.u64(c.ret());
    let text = push_given(c, 0);
    if c.result == 0 {
        let place = Place::of(c.process.tid, "cwd");
        push_led_to(c, place.as_ref(), &text);
    }
}

pub(super) fn fchdir(c: &mut Ended<'_>) {
    c.u64(c.ret());
    c.push_fd(0);
    if c.result == 0 {
        let place = Place::of(c.process.tid, "cwd").unwrap_or_default();
        push_path(c, &place);
        push_facts(c, &place);
    }
}
