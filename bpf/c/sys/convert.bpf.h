/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Translations of arguments that are more than a table of flags. */
#pragma once

#define O_ACCMODE 3
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_LARGEFILE 0100000
#define O_TMPFILE_BIT 020000000
#define FUTEX_COMMAND 127
#define MOUNT_MAGIC 0xc0ed0000
#define MOUNT_MAGIC_MASK 0xffff0000
#define MAX_FAMILY 39

static __always_inline u32 open_flags(u32 flags)
{
	u32 access = flags & O_ACCMODE;

	/* 3 requests neither reading nor writing; the schema has no value for it. */
	return open_bits(flags) | (access == O_ACCMODE ? FILE_FLAGS__O_RDONLY : access + 1);
}

/* A mode means something only when a file may be created. */
static __always_inline u32 open_mode(u32 flags, u32 mode)
{
	return flags & (O_CREAT | O_TMPFILE_BIT) ? chmod_mode(mode) : 0;
}

static __always_inline u32 futex_operation(u32 op)
{
	return futex_command(op & FUTEX_COMMAND) | futex_bits(op);
}

static __always_inline u32 mknod_mode(u32 mode)
{
	return chmod_mode(mode) | mknod_type(mode & S_IFMT);
}

/* mknod's argument has the coding of user space; the schema wants it as the other device numbers are. */
static __always_inline u32 device_number(u32 dev)
{
	return dev;
}

/* The schema's families are the kernel's; an unknown one becomes unspecified. */
static __always_inline u32 socket_family(u32 family)
{
	family &= 0xff;
	return family <= MAX_FAMILY ? family : 0;
}

static __always_inline u32 mount_flags(u32 flags)
{
	return (flags & MOUNT_MAGIC_MASK) == MOUNT_MAGIC ? flags & ~MOUNT_MAGIC_MASK : flags;
}
