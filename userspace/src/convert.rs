//! Translations of arguments that are more than a table of flags: those of the probe's `sys/convert.bpf.h`.

use crate::generated::flags;

pub(crate) const O_CREAT: u32 = 0o100;
pub(crate) const O_F_CREATED: u32 = 1 << 14;
const O_ACCMODE: u32 = 3;
const O_TMPFILE: u32 = 0o20_000_000;
const FUTEX_COMMAND: u32 = 127;
const MOUNT_MAGIC: u32 = 0xc0ed_0000;
const MOUNT_MAGIC_MASK: u32 = 0xffff_0000;
const S_IFMT: u32 = 0o170_000;
const MAX_FAMILY: u32 = 39;

pub(crate) fn open_flags(flags: u32) -> u32 {
    // 3 requests neither reading nor writing; the schema has no value for it.
    let access = flags & O_ACCMODE;
    flags::open_bits(flags) | if access == O_ACCMODE { 1 } else { access + 1 }
}

/// A mode means something only when a file may be created.
pub(crate) fn open_mode(flags: u32, mode: u32) -> u32 {
    if flags & (O_CREAT | O_TMPFILE) != 0 { flags::chmod_mode(mode) } else { 0 }
}

pub(crate) fn futex_operation(op: u32) -> u32 {
    flags::futex_command(op & FUTEX_COMMAND) | flags::futex_bits(op)
}

pub(crate) fn mknod_mode(mode: u32) -> u32 {
    flags::chmod_mode(mode) | flags::mknod_type(mode & S_IFMT)
}

pub(crate) fn device_number(device: u32) -> u32 {
    device
}

/// The schema's families are the kernel's; an unknown one becomes unspecified.
pub(crate) fn socket_family(family: u32) -> u32 {
    let family = family & 0xff;
    if family <= MAX_FAMILY { family } else { 0 }
}

pub(crate) fn mount_flags(flags: u32) -> u32 {
    if flags & MOUNT_MAGIC_MASK == MOUNT_MAGIC { flags & !MOUNT_MAGIC_MASK } else { flags }
}
