//! open, openat, creat and all other calls that open files.

use scap::EventCode;
use scap::event::{KernelFile, PathState};
use scap::schema::ParamRole;

use super::ctx::{Ctx, text};
use crate::state::{FdFacts, FdKind, Overlay, Thread, path, thread_flags};

const O_DIRECTORY: u32 = 1 << 10;
/// The flag of a call that makes the directory the root of the path.
const RESOLVE_IN_ROOT: u32 = 2;
const F_CREATED: u32 = 1 << 14;
const UPPER_LAYER: u32 = 1 << 15;
const LOWER_LAYER: u32 = 1 << 16;

/// The maximum number of parameters of a call that opens files.
pub(super) const MOST_PARAMS: usize = 8;

/// The number of the working directory.
const AT_FDCWD: i64 = -100;

/// The start of a relative path.
pub(super) enum Dir<'a> {
    /// No directory: the path is absolute.
    Nowhere,
    /// The working directory.
    Cwd(&'a [u8]),
    /// The directory of a file descriptor.
    Of(&'a [u8]),
    /// An unknown file descriptor.
    Unknown,
}

impl Dir<'_> {
    /// Returns its path, ended by a slash unless it is empty; `None` if it is not known.
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

/// Returns the directory where `name` starts for a call that takes it relative to `dirfd`.
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

/// The facts of an opened file besides its path.
struct Opened<'e> {
    flags: u32,
    dev: u32,
    ino: u64,
    /// The path that the kernel resolved; empty if not known.
    real_path: &'e [u8],
    /// The other facts of the kernel about it.
    kernel: KernelFile<'e>,
    /// Whether the path given by the process does not determine the file.
    elsewhere: bool,
    /// Whether the given path is the one that the kernel used: it was recorded at entry, or nobody else can have
    /// changed it.
    given_holds: bool,
}

impl Opened<'_> {
    /// Replaces the flags by those that the program passed, keeping the ones that the probe added.
    fn trust(&mut self, flags: Option<u32>) {
        if let Some(flags) = flags {
            self.flags = flags | self.flags & !(F_CREATED - 1);
        }
    }
}

/// Handles any call that opens a file; its row of the schema gives the roles of its parameters.
pub(super) fn open(ctx: &mut Ctx<'_, '_>) {
    let code = ctx.event.code();
    let resolved = code.param_with(ParamRole::ResolvedPath);
    if resolved.is_some() && ctx.res() < 0 || resolved.is_none() && give_up(ctx) {
        return;
    }
    let values: [_; MOST_PARAMS] = ctx.event.first_raws();
    let value = |index: usize| values.get(index).copied().flatten();
    let number = |role| code.param_with(role).and_then(value).and_then(|raw| raw.first_chunk());
    let inode = code.param_with(ParamRole::Inode).and_then(value).and_then(|raw| raw.first_chunk());
    let mut file = Opened {
        flags: number(ParamRole::Flags).map_or(0, |flags| u32::from_le_bytes(*flags)) | layers(ctx),
        dev: number(ParamRole::Device).map_or(0, |dev| u32::from_le_bytes(*dev)),
        ino: inode.map_or(0, |ino| u64::from_le_bytes(*ino)),
        real_path: b"",
        kernel: ctx.event.kernel_file().unwrap_or_default(),
        given_holds: false,
        elsewhere: number(ParamRole::Resolve).is_some_and(|flags| u32::from_le_bytes(*flags) & RESOLVE_IN_ROOT != 0),
    };
    // The kernel reports the whole path.
    if let Some(path) = resolved {
        file.real_path = value(path).map_or(b"", until_nul);
        file.given_holds = true;
        return add_at(ctx, &file, text(value(path)), b"");
    }
    let Some(path) = code.param_with(ParamRole::Path) else { return };
    file.elsewhere |= value(path).is_some_and(<[u8]>::is_empty);
    file.real_path = if file.kernel.is_given { value(path).map_or(b"", until_nul) } else { file.kernel.path };
    file.given_holds = file.kernel.given_holds;
    with_scratch(ctx, |ctx, held| {
        let mut name = text(value(path));
        let mut dirfd = code
            .dirfd_param()
            .map(|dirfd| value(dirfd).and_then(|raw| raw.first_chunk()).map(|num| i64::from_le_bytes(*num)));
        if let Some(entry) = entered(ctx, held) {
            name = held;
            file.given_holds = true;
            correct(ctx, entry, name);
            file.trust(entry.param_with(ParamRole::Flags).and_then(|index| ctx.entry_u32(index)));
            dirfd = dirfd.and(entry.dirfd_param().map(|dirfd| ctx.entry_i64(dirfd)));
        }
        match dirfd {
            None => add(ctx, &file, name, AT_FDCWD),
            Some(Some(dirfd)) => add(ctx, &file, name, dirfd),
            Some(None) => add_at(ctx, &file, name, b""),
        }
    });
}

fn until_nul(raw: &[u8]) -> &[u8] {
    raw.get(..memchr::memchr(0, raw).unwrap_or(raw.len())).unwrap_or_default()
}

/// Returns the layers of an overlay as bits of the flags, if the event has them separately.
fn layers(ctx: &Ctx<'_, '_>) -> u32 {
    match ctx.event.code().param_with(ParamRole::Layers).and_then(|index| ctx.u16(index)) {
        Some(layers) if layers & 1 != 0 => UPPER_LAYER,
        Some(layers) if layers & 2 != 0 => LOWER_LAYER,
        _ => 0,
    }
}

/// Takes the path from the enter event, if that of this call was stored and has one; returns the code of the enter
/// event.
fn entered(ctx: &mut Ctx<'_, '_>, name: &mut Vec<u8>) -> Option<EventCode> {
    let entry = ctx.entry()?;
    ctx.entry_text(entry.param_with(ParamRole::Path)?, |text| name.extend_from_slice(text))?;
    Some(entry)
}

/// Gives parameters that point to memory the values of the enter event.
fn correct(ctx: &mut Ctx<'_, '_>, entry: EventCode, name: &[u8]) {
    let code = ctx.event.code();
    let other = |role, there: &dyn Fn(u32) -> u32| {
        let index = code.param_with(role)?;
        let (here, given) = (ctx.u32(index)?, ctx.entry_u32(entry.param_with(role)?)?);
        (here != there(given)).then(|| (index, there(given).to_le_bytes()))
    };
    let added = code.param_with(ParamRole::Flags).and_then(|index| ctx.u32(index)).unwrap_or(0) & !(F_CREATED - 1);
    let numbers = [
        other(ParamRole::Flags, &|flags| flags | added),
        other(ParamRole::Mode, &|mode| mode),
        other(ParamRole::Resolve, &|flags| flags),
    ];
    let path = code.param_with(ParamRole::Path).filter(|path| ctx.text(*path) != name);
    let path = path.map(|path| (path, [name, &b"\0"[..]]));
    let numbers = numbers.iter().flatten().map(|(index, bytes)| (*index, [&bytes[..], b""]));
    let corrections: smallvec::SmallVec<[_; 4]> = path.into_iter().chain(numbers).collect();
    ctx.correct(&corrections);
}

/// Ends the handling of a failed call, which opens nothing; its enter event, if there is one, was still found.
fn give_up(ctx: &mut Ctx<'_, '_>) -> bool {
    let failed = ctx.res() < 0;
    if failed {
        with_scratch(ctx, |ctx, held| {
            if let Some(entry) = entered(ctx, held) {
                correct(ctx, entry, held);
            }
        });
    }
    failed
}

/// Calls `work` with a buffer for a path that is held while the state changes.
fn with_scratch<'e>(ctx: &mut Ctx<'_, 'e>, work: impl FnOnce(&mut Ctx<'_, 'e>, &mut Vec<u8>)) {
    let mut held = std::mem::take(&mut ctx.scratch[1]);
    held.clear();
    work(ctx, &mut held);
    ctx.scratch[1] = held;
}

fn add(ctx: &mut Ctx<'_, '_>, file: &Opened<'_>, name: &[u8], dirfd: i64) {
    let mut joined = std::mem::take(&mut ctx.scratch[0]);
    let from = directory(ctx, name, dirfd);
    // Another process that shares the working directory may have changed it.
    let shared = |thread: &Thread| thread.is_leader() && thread.flags & thread_flags::CLONE_FS != 0;
    let unknown = match from {
        Dir::Unknown => true,
        Dir::Cwd(_) => ctx.thread().is_some_and(shared),
        _ => false,
    };
    from.join(name, &mut joined);
    // If the given path may have been changed while the call ran, it is only evidence where it agrees with the kernel.
    let known = !file.real_path.is_empty() && file.kernel.state != PathState::Detached;
    if known && (unknown || file.elsewhere || !file.given_holds) && joined != file.real_path {
        joined.clear();
        joined.extend_from_slice(file.real_path);
        if !file.given_holds
            && let Some(path) = ctx.event.code().param_with(ParamRole::Path)
        {
            ctx.correct(&[(path, [file.real_path, b"\0"])]);
            return finish_add(ctx, file, file.real_path, joined);
        }
    }
    finish_add(ctx, file, name, joined);
}

fn finish_add(ctx: &mut Ctx<'_, '_>, file: &Opened<'_>, name: &[u8], joined: Vec<u8>) {
    finish(ctx, file, name, &joined);
    ctx.scratch[0] = joined;
}

fn add_at(ctx: &mut Ctx<'_, '_>, file: &Opened<'_>, name: &[u8], dir: &[u8]) {
    let mut joined = std::mem::take(&mut ctx.scratch[0]);
    path::join(dir, name, &mut joined);
    finish_add(ctx, file, name, joined);
}

fn finish(ctx: &mut Ctx<'_, '_>, file: &Opened<'_>, name: &[u8], path: &[u8]) {
    let facts = FdFacts {
        kind: if file.flags & O_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File },
        name: path,
        name_raw: name,
        real_path: file.real_path,
        kernel: file.kernel,
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
