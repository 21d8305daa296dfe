//! open, openat, openat2, creat, open_by_handle_at: files get a descriptor.

use scap::EventCode;
use scap::schema::param::{creat_x, open_by_handle_at_x, open_x, openat_2_x, openat2_x};

use super::ctx::Ctx;
use crate::state::{FdFacts, FdKind, Overlay, path};

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
    Of(&'a [u8]),
    /// A descriptor that we do not know.
    Unknown,
}

impl Dir<'_> {
    /// Its path, ended by a slash if it has any; `None` if it is not known.
    pub(super) fn to_vec(&self) -> Option<Vec<u8>> {
        match self {
            Self::Nowhere => Some(b".".to_vec()),
            Self::Cwd(path) => Some(path.to_vec()),
            Self::Of(path) if path.is_empty() || path.ends_with(b"/") => Some(path.to_vec()),
            Self::Of(path) => Some([path, &b"/"[..]].concat()),
            Self::Unknown => None,
        }
    }

    /// Joins a path to it.
    fn join(&self, name: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Nowhere => path::join(b"", name, out),
            Self::Cwd(base) => path::join(base, name, out),
            Self::Of(dir) => path::join_in(dir, name, out),
            Self::Unknown => path::join(b"<UNKNOWN>", name, out),
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
        Some(fd) => Dir::Of(&fd.name),
    }
}

/// What is known of an opened file but its path.
struct Opened {
    flags: u32,
    dev: u32,
    ino: u64,
}

impl Opened {
    /// Replaces the flags by those that the program passed, keeping the ones that the probe added.
    fn trust(&mut self, flags: Option<u32>) {
        if let Some(flags) = flags {
            self.flags = flags | self.flags & !(F_CREATED - 1);
        }
    }
}

/// Takes the path from the entry, if the entry of this call was kept and has one.
fn entered(ctx: &mut Ctx<'_, '_>, index: usize, name: &mut Vec<u8>) -> bool {
    ctx.entry().is_some() && ctx.entry_text(index, |text| name.extend_from_slice(text)).is_some()
}

pub(super) fn open(ctx: &mut Ctx<'_, '_>) {
    if give_up(ctx) {
        return;
    }
    let mut file = Opened {
        flags: ctx.u32(open_x::flags).unwrap_or(0),
        dev: ctx.u32(open_x::dev).unwrap_or(0),
        ino: ctx.u64(open_x::ino).unwrap_or(0),
    };
    with_scratch(ctx, |ctx, held| {
        let mut name = ctx.text(open_x::name);
        if entered(ctx, 0, held) {
            name = held;
            file.trust(ctx.entry_u32(1));
        }
        add(ctx, &file, name, AT_FDCWD);
    });
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
    let file =
        Opened { flags: layer, dev: ctx.u32(creat_x::dev).unwrap_or(0), ino: ctx.u64(creat_x::ino).unwrap_or(0) };
    with_scratch(ctx, |ctx, held| {
        let name = if entered(ctx, 0, held) { &held[..] } else { ctx.text(creat_x::name) };
        add(ctx, &file, name, AT_FDCWD);
    });
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
        flags: ctx.u32(openat_2_x::flags).unwrap_or(0),
        dev: ctx.u32(dev).unwrap_or(0),
        ino: ctx.u64(ino).unwrap_or(0),
    };
    with_scratch(ctx, |ctx, held| {
        let mut name = ctx.text(openat_2_x::name);
        let mut dirfd = ctx.i64(openat_2_x::dirfd);
        if entered(ctx, 1, held) {
            name = held;
            file.trust(ctx.entry_u32(2));
            dirfd = ctx.entry_i64(0);
        }
        match dirfd {
            Some(dirfd) => add(ctx, &file, name, dirfd),
            None => add_at(ctx, &file, name, b""),
        }
    });
}

/// The kernel gives the whole path.
pub(super) fn open_by_handle_at(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let file = Opened {
        flags: ctx.u32(open_by_handle_at_x::flags).unwrap_or(0),
        dev: ctx.u32(open_by_handle_at_x::dev).unwrap_or(0),
        ino: ctx.u64(open_by_handle_at_x::ino).unwrap_or(0),
    };
    add_at(ctx, &file, ctx.text(open_by_handle_at_x::path), b"");
}

/// A call that failed opens nothing; its entry, if there is one, has still been found.
fn give_up(ctx: &mut Ctx<'_, '_>) -> bool {
    let failed = ctx.res() < 0;
    if failed {
        ctx.entry();
    }
    failed
}

/// Lends room for a path that is held while the state changes.
fn with_scratch<'e>(ctx: &mut Ctx<'_, 'e>, work: impl FnOnce(&mut Ctx<'_, 'e>, &mut Vec<u8>)) {
    let mut held = std::mem::take(&mut ctx.scratch[1]);
    held.clear();
    work(ctx, &mut held);
    ctx.scratch[1] = held;
}

fn add(ctx: &mut Ctx<'_, '_>, file: &Opened, name: &[u8], dirfd: i64) {
    let mut joined = std::mem::take(&mut ctx.scratch[0]);
    directory(ctx, name, dirfd).join(name, &mut joined);
    finish(ctx, file, name, &joined);
    ctx.scratch[0] = joined;
}

fn add_at(ctx: &mut Ctx<'_, '_>, file: &Opened, name: &[u8], dir: &[u8]) {
    let mut joined = std::mem::take(&mut ctx.scratch[0]);
    path::join(dir, name, &mut joined);
    finish(ctx, file, name, &joined);
    ctx.scratch[0] = joined;
}

fn finish(ctx: &mut Ctx<'_, '_>, file: &Opened, name: &[u8], path: &[u8]) {
    let facts = FdFacts {
        kind: if file.flags & O_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File },
        name: path,
        name_raw: name,
        open_flags: file.flags,
        dev: file.dev,
        ino: file.ino,
        overlay: match file.flags {
            flags if flags & UPPER_LAYER != 0 => Overlay::Upper,
            flags if flags & LOWER_LAYER != 0 => Overlay::Lower,
            _ => Overlay::None,
        },
        from_scan: false,
    };
    ctx.add_facts(ctx.res(), facts);
}
