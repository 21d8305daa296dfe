//! open, openat, openat2, creat, open_by_handle_at: files get a descriptor.

use scap::EventCode;
use scap::schema::param::{creat_x, open_by_handle_at_x, open_x, openat_2_x, openat2_x};

use super::ctx::Ctx;
use crate::state::{Fd, FdKind, Overlay, Text, path};

const O_DIRECTORY: u32 = 1 << 10;
const F_CREATED: u32 = 1 << 14;
const UPPER_LAYER: u32 = 1 << 15;
const LOWER_LAYER: u32 = 1 << 16;

/// The number that stands for the working directory.
const AT_FDCWD: i64 = -100;

/// Where a relative path starts.
pub(super) enum Dir<'a> {
    /// The path is absolute: nowhere.
    Nowhere,
    /// The working directory.
    Cwd(&'a [u8]),
    /// The directory of a descriptor.
    Of(Vec<u8>),
    /// A descriptor that we do not know.
    Unknown,
}

impl Dir<'_> {
    /// Its path; `None` if it is not known.
    pub(super) fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Nowhere => Some(b"."),
            Self::Cwd(path) => Some(path),
            Self::Of(path) => Some(path),
            Self::Unknown => None,
        }
    }
}

/// Where `name` starts for a call that gives it relative to `dirfd`.
pub(super) fn directory<'a>(ctx: &'a Ctx<'_, '_>, name: &[u8], dirfd: i64) -> Dir<'a> {
    if name.first() == Some(&b'/') {
        return Dir::Nowhere;
    }
    let Some(thread) = ctx.thread() else { return Dir::Unknown };
    if dirfd == AT_FDCWD {
        return Dir::Cwd(ctx.state.cwd(thread));
    }
    match ctx.state.fd(thread, dirfd) {
        None => Dir::Unknown,
        Some(fd) => {
            let mut path = fd.name.to_vec();
            if path.last().is_some_and(|last| *last != b'/') {
                path.push(b'/');
            }
            Dir::Of(path)
        }
    }
}

/// What is known of an opened file.
struct Opened {
    name: Text,
    flags: u32,
    dev: u32,
    ino: u64,
}

impl Opened {
    /// Replaces name and flags by those that the program passed, keeping the flags that the probe added.
    fn trust(&mut self, name: Option<Text>, flags: Option<u32>) -> bool {
        let Some(name) = name else { return false };
        self.name = name;
        if let Some(flags) = flags {
            self.flags = flags | self.flags & !(F_CREATED - 1);
        }
        true
    }
}

pub(super) fn open(ctx: &mut Ctx<'_, '_>) {
    if give_up(ctx) {
        return;
    }
    let mut file = Opened {
        name: ctx.kept(open_x::name),
        flags: ctx.u32(open_x::flags).unwrap_or(0),
        dev: ctx.u32(open_x::dev).unwrap_or(0),
        ino: ctx.u64(open_x::ino).unwrap_or(0),
    };
    if ctx.entry().is_some() {
        file.trust(ctx.entry_text(0, Text::new), ctx.entry_u32(1));
    }
    add(ctx, file, AT_FDCWD);
}

pub(super) fn creat(ctx: &mut Ctx<'_, '_>) {
    if give_up(ctx) {
        return;
    }
    let layer = match ctx.u16(creat_x::creat_flags) {
        Some(flags) if flags & 1 != 0 => UPPER_LAYER,
        Some(flags) if flags & 2 != 0 => LOWER_LAYER,
        _ => 0,
    };
    let mut file = Opened {
        name: ctx.kept(creat_x::name),
        flags: layer,
        dev: ctx.u32(creat_x::dev).unwrap_or(0),
        ino: ctx.u64(creat_x::ino).unwrap_or(0),
    };
    if ctx.entry().is_some() {
        file.trust(ctx.entry_text(0, Text::new), None);
    }
    add(ctx, file, AT_FDCWD);
}

/// openat and openat2, whose parameters agree up to the flags.
pub(super) fn openat(ctx: &mut Ctx<'_, '_>) {
    if give_up(ctx) {
        return;
    }
    let (dev, ino) = match ctx.event.code() {
        EventCode::OPENAT2_X => (openat2_x::dev, openat2_x::ino),
        _ => (openat_2_x::dev, openat_2_x::ino),
    };
    let mut file = Opened {
        name: ctx.kept(openat_2_x::name),
        flags: ctx.u32(openat_2_x::flags).unwrap_or(0),
        dev: ctx.u32(dev).unwrap_or(0),
        ino: ctx.u64(ino).unwrap_or(0),
    };
    let mut dirfd = ctx.i64(openat_2_x::dirfd);
    if ctx.entry().is_some() && file.trust(ctx.entry_text(1, Text::new), ctx.entry_u32(2)) {
        dirfd = ctx.entry_i64(0);
    }
    match dirfd {
        Some(dirfd) => add(ctx, file, dirfd),
        None => add_at(ctx, file, b""),
    }
}

/// The kernel gives the whole path.
pub(super) fn open_by_handle_at(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let file = Opened {
        name: ctx.kept(open_by_handle_at_x::path),
        flags: ctx.u32(open_by_handle_at_x::flags).unwrap_or(0),
        dev: ctx.u32(open_by_handle_at_x::dev).unwrap_or(0),
        ino: ctx.u64(open_by_handle_at_x::ino).unwrap_or(0),
    };
    add_at(ctx, file, b"");
}

/// A call that failed opens nothing; its entry, if there is one, has still been found.
fn give_up(ctx: &mut Ctx<'_, '_>) -> bool {
    let failed = ctx.res() < 0;
    if failed {
        ctx.entry();
    }
    failed
}

fn add(ctx: &mut Ctx<'_, '_>, file: Opened, dirfd: i64) {
    let mut joined = std::mem::take(ctx.scratch);
    let dir = directory(ctx, &file.name, dirfd);
    path::join(dir.path().unwrap_or(b"<UNKNOWN>"), &file.name, &mut joined);
    finish(ctx, file, &joined);
    *ctx.scratch = joined;
}

fn add_at(ctx: &mut Ctx<'_, '_>, file: Opened, dir: &[u8]) {
    let mut joined = std::mem::take(ctx.scratch);
    path::join(dir, &file.name, &mut joined);
    finish(ctx, file, &joined);
    *ctx.scratch = joined;
}

fn finish(ctx: &mut Ctx<'_, '_>, file: Opened, path: &[u8]) {
    let mut fd = Fd::new(if file.flags & O_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File });
    fd.open_flags = file.flags;
    fd.dev = file.dev;
    fd.ino = file.ino;
    fd.name = if file.name == *path { file.name.clone() } else { Text::new(path) };
    fd.name_raw = file.name;
    fd.overlay = match file.flags {
        flags if flags & UPPER_LAYER != 0 => Overlay::Upper,
        flags if flags & LOWER_LAYER != 0 => Overlay::Lower,
        _ => Overlay::None,
    };
    ctx.add_fd(ctx.res(), fd);
}
