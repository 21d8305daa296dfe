/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The programs of the calls whose parameters are plain arguments.
 * DO NOT EDIT. Written by: cargo xtask codegen
 */
#pragma once


ON_EXIT(stat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_STAT_X, EV_STAT_X_PARAMS, EV_STAT_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(lstat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LSTAT_X, EV_LSTAT_X_PARAMS, EV_LSTAT_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(fstat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FSTAT_X, EV_FSTAT_X_PARAMS, 46, EV_FSTAT_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, ret);
	PUT64(r, 38, (s64)(s32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(stat64_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_STAT64_X, EV_STAT64_X_PARAMS, EV_STAT64_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(lstat64_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LSTAT64_X, EV_LSTAT64_X_PARAMS, EV_LSTAT64_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(fstat64_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FSTAT64_X, EV_FSTAT64_X_PARAMS, 36, EV_FSTAT64_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x8);
	PUT64(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(lseek_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_LSEEK_X, EV_LSEEK_X_PARAMS, 59, EV_LSEEK_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x1000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT64(r, 50, c->args[1]);
	PUT8(r, 58, lseek_whence(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(getcwd_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_GETCWD_X, EV_GETCWD_X_PARAMS, EV_GETCWD_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, ret >= 0 ? c->args[0] : 0, MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(rename_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RENAME_X, EV_RENAME_X_PARAMS, EV_RENAME_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_user_text(&e, c->args[1], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(renameat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RENAMEAT_X, EV_RENAMEAT_X_PARAMS, EV_RENAMEAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u64(&e, (s64)(s32)c->args[2]);
	push_user_text(&e, c->args[3], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(renameat2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RENAMEAT2_X, EV_RENAMEAT2_X_PARAMS, EV_RENAMEAT2_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u64(&e, (s64)(s32)c->args[2]);
	push_user_text(&e, c->args[3], MAX_PATH);
	push_u32(&e, c->args[4]);
	event_finish(&e);
	return 0;
}

ON_EXIT(symlink_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SYMLINK_X, EV_SYMLINK_X_PARAMS, EV_SYMLINK_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_user_text(&e, c->args[1], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(symlinkat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SYMLINKAT_X, EV_SYMLINKAT_X_PARAMS, EV_SYMLINKAT_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u64(&e, (s64)(s32)c->args[1]);
	push_user_text(&e, c->args[2], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(getdents_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETDENTS_X, EV_GETDENTS_X_PARAMS, 46, EV_GETDENTS_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, ret);
	PUT64(r, 38, (s64)(s32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(getdents64_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETDENTS64_X, EV_GETDENTS64_X_PARAMS, 46, EV_GETDENTS64_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, ret);
	PUT64(r, 38, (s64)(s32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(flock_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FLOCK_X, EV_FLOCK_X_PARAMS, 52, EV_FLOCK_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT32(r, 48, flock_flags(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(mount_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MOUNT_X, EV_MOUNT_X_PARAMS, EV_MOUNT_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_user_text(&e, c->args[2], MAX_PATH);
	push_u32(&e, mount_flags(c->args[3]));
	event_finish(&e);
	return 0;
}

ON_EXIT(access_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_ACCESS_X, EV_ACCESS_X_PARAMS, EV_ACCESS_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, access_flags(c->args[1]));
	event_finish(&e);
	return 0;
}

ON_EXIT(mkdir_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MKDIR_2_X, EV_MKDIR_2_X_PARAMS, EV_MKDIR_2_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, c->args[1]);
	event_finish(&e);
	return 0;
}

ON_EXIT(rmdir_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RMDIR_2_X, EV_RMDIR_2_X_PARAMS, EV_RMDIR_2_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(unlink_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_UNLINK_2_X, EV_UNLINK_2_X_PARAMS, EV_UNLINK_2_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(unlinkat_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_UNLINKAT_2_X, EV_UNLINKAT_2_X_PARAMS, EV_UNLINKAT_2_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, unlinkat_flags(c->args[2]));
	event_finish(&e);
	return 0;
}

ON_EXIT(mkdirat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MKDIRAT_X, EV_MKDIRAT_X_PARAMS, EV_MKDIRAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(link_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LINK_2_X, EV_LINK_2_X_PARAMS, EV_LINK_2_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_user_text(&e, c->args[1], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(linkat_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LINKAT_2_X, EV_LINKAT_2_X_PARAMS, EV_LINKAT_2_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u64(&e, (s64)(s32)c->args[2]);
	push_user_text(&e, c->args[3], MAX_PATH);
	push_u32(&e, linkat_flags(c->args[4]));
	event_finish(&e);
	return 0;
}

ON_EXIT(fchmodat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_FCHMODAT_X, EV_FCHMODAT_X_PARAMS, EV_FCHMODAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, chmod_mode(c->args[2]));
	event_finish(&e);
	return 0;
}

ON_EXIT(chmod_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CHMOD_X, EV_CHMOD_X_PARAMS, EV_CHMOD_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, chmod_mode(c->args[1]));
	event_finish(&e);
	return 0;
}

ON_EXIT(fchmod_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FCHMOD_X, EV_FCHMOD_X_PARAMS, 52, EV_FCHMOD_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT32(r, 48, chmod_mode(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(userfaultfd_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_USERFAULTFD_X, EV_USERFAULTFD_X_PARAMS, 42, EV_USERFAULTFD_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(copy_file_range_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_COPY_FILE_RANGE_X, EV_COPY_FILE_RANGE_X_PARAMS, 86, EV_COPY_FILE_RANGE_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000800080008ULL);
	PUT32(r, 34, 0x80008);
	PUT64(r, 38, ret);
	PUT64(r, 46, (s64)(s32)c->args[2]);
	PUT64(r, 54, c->args[3]);
	PUT64(r, 62, (s64)(s32)c->args[0]);
	PUT64(r, 70, c->args[1]);
	PUT64(r, 78, c->args[4]);
	record_finish(r);
	return 0;
}

ON_EXIT(chown_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CHOWN_X, EV_CHOWN_X_PARAMS, EV_CHOWN_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, c->args[1]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(lchown_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LCHOWN_X, EV_LCHOWN_X_PARAMS, EV_LCHOWN_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, c->args[1]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(fchown_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FCHOWN_X, EV_FCHOWN_X_PARAMS, 58, EV_FCHOWN_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT32(r, 50, c->args[1]);
	PUT32(r, 54, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(fchownat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_FCHOWNAT_X, EV_FCHOWNAT_X_PARAMS, EV_FCHOWNAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, c->args[2]);
	push_u32(&e, c->args[3]);
	push_u32(&e, fchownat_flags(c->args[4]));
	event_finish(&e);
	return 0;
}

ON_EXIT(umount_1_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_UMOUNT_1_X, EV_UMOUNT_1_X_PARAMS, EV_UMOUNT_1_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(umount2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_UMOUNT2_X, EV_UMOUNT2_X_PARAMS, EV_UMOUNT2_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, umount_flags(c->args[1]));
	event_finish(&e);
	return 0;
}

ON_EXIT(newfstatat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_NEWFSTATAT_X, EV_NEWFSTATAT_X_PARAMS, EV_NEWFSTATAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, newfstatat_flags(c->args[3]));
	event_finish(&e);
	return 0;
}

ON_EXIT(close_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_CLOSE_X, EV_CLOSE_X_PARAMS, 46, EV_CLOSE_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, ret);
	PUT64(r, 38, (s64)(s32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(close_range_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_CLOSE_RANGE_X, EV_CLOSE_RANGE_X_PARAMS, 54, EV_CLOSE_RANGE_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, c->args[0]);
	PUT32(r, 46, c->args[1]);
	PUT32(r, 50, close_range_flags(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(fcntl_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FCNTL_X, EV_FCNTL_X_PARAMS, 59, EV_FCNTL_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000100080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT8(r, 50, fcntl_command(c->args[1]));
	PUT64(r, 51, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(ioctl_3_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_IOCTL_3_X, EV_IOCTL_3_X_PARAMS, 66, EV_IOCTL_3_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT64(r, 50, c->args[1]);
	PUT64(r, 58, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(dup_1_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_DUP_1_X, EV_DUP_1_X_PARAMS, 46, EV_DUP_1_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, (s64)(s32)ret);
	PUT64(r, 38, (s64)(s32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(dup2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_DUP2_X, EV_DUP2_X_PARAMS, 56, EV_DUP2_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, (s64)(s32)ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT64(r, 48, (s64)(s32)c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(dup3_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_DUP3_X, EV_DUP3_X_PARAMS, 62, EV_DUP3_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000800080008ULL);
	PUT64(r, 34, (s64)(s32)ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT64(r, 50, (s64)(s32)c->args[1]);
	PUT32(r, 58, dup3_flags(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(eventfd_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_EVENTFD_X, EV_EVENTFD_X_PARAMS, 52, EV_EVENTFD_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, c->args[0]);
	PUT32(r, 48, 0);
	record_finish(r);
	return 0;
}

ON_EXIT(eventfd2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_EVENTFD2_X, EV_EVENTFD2_X_PARAMS, 50, EV_EVENTFD2_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x20008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, ret);
	PUT16(r, 40, nonblock_cloexec(c->args[1]));
	PUT64(r, 42, (u32)c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(inotify_init_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_INOTIFY_INIT_X, EV_INOTIFY_INIT_X_PARAMS, 39, EV_INOTIFY_INIT_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x10008);
	PUT64(r, 30, ret);
	PUT8(r, 38, 0);
	record_finish(r);
	return 0;
}

ON_EXIT(inotify_init1_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_INOTIFY_INIT1_X, EV_INOTIFY_INIT1_X_PARAMS, 40, EV_INOTIFY_INIT1_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x20008);
	PUT64(r, 30, ret);
	PUT16(r, 38, nonblock_cloexec(c->args[0]));
	record_finish(r);
	return 0;
}

ON_EXIT(signalfd_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u64 user2 = user_u32(c->args[1]);
	u8 *r = record_begin(c, EV_SIGNALFD_X, EV_SIGNALFD_X_PARAMS, 55, EV_SIGNALFD_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x1000400080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT32(r, 50, user2);
	PUT8(r, 54, 0);
	record_finish(r);
	return 0;
}

ON_EXIT(signalfd4_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u64 user3 = user_u32(c->args[1]);
	u8 *r = record_begin(c, EV_SIGNALFD4_X, EV_SIGNALFD4_X_PARAMS, 56, EV_SIGNALFD4_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000800020008ULL);
	PUT64(r, 34, (s64)(s32)ret);
	PUT16(r, 42, nonblock_cloexec(c->args[3]));
	PUT64(r, 44, (s64)(s32)c->args[0]);
	PUT32(r, 52, user3);
	record_finish(r);
	return 0;
}

ON_EXIT(timerfd_create_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_TIMERFD_CREATE_X, EV_TIMERFD_CREATE_X_PARAMS, 42, EV_TIMERFD_CREATE_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x10008);
	PUT16(r, 30, 0x1);
	PUT64(r, 32, ret);
	PUT8(r, 40, c->args[0]);
	PUT8(r, 41, nonblock_cloexec(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(io_uring_register_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_IO_URING_REGISTER_X, EV_IO_URING_REGISTER_X_PARAMS, 66, EV_IO_URING_REGISTER_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000200080008ULL);
	PUT16(r, 34, 0x4);
	PUT64(r, 36, ret);
	PUT64(r, 44, (s64)(s32)c->args[0]);
	PUT16(r, 52, c->args[1]);
	PUT64(r, 54, c->args[2]);
	PUT32(r, 62, c->args[3]);
	record_finish(r);
	return 0;
}

ON_EXIT(epoll_create_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_EPOLL_CREATE_X, EV_EPOLL_CREATE_X_PARAMS, 42, EV_EPOLL_CREATE_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(epoll_create1_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_EPOLL_CREATE1_X, EV_EPOLL_CREATE1_X_PARAMS, 42, EV_EPOLL_CREATE1_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, epoll_create1_flags(c->args[0]));
	record_finish(r);
	return 0;
}

ON_EXIT(memfd_create_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MEMFD_CREATE_X, EV_MEMFD_CREATE_X_PARAMS, EV_MEMFD_CREATE_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, memfd_create_flags(c->args[1]));
	event_finish(&e);
	return 0;
}

ON_EXIT(pidfd_getfd_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_PIDFD_GETFD_X, EV_PIDFD_GETFD_X_PARAMS, 62, EV_PIDFD_GETFD_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT64(r, 50, (s64)(s32)c->args[1]);
	PUT32(r, 58, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(pidfd_open_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_PIDFD_OPEN_X, EV_PIDFD_OPEN_X_PARAMS, 52, EV_PIDFD_OPEN_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT32(r, 48, pidfd_open_flags(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(splice_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SPLICE_X, EV_SPLICE_X_PARAMS, 72, EV_SPLICE_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000800080008ULL);
	PUT16(r, 34, 0x4);
	PUT64(r, 36, ret);
	PUT64(r, 44, (s64)(s32)c->args[0]);
	PUT64(r, 52, (s64)(s32)c->args[2]);
	PUT64(r, 60, c->args[4]);
	PUT32(r, 68, splice_flags(c->args[5]));
	record_finish(r);
	return 0;
}

ON_EXIT(sendfile_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u64 user1 = user_u64(c->args[2]);
	u8 *r = record_begin(c, EV_SENDFILE_X, EV_SENDFILE_X_PARAMS, 76, EV_SENDFILE_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000800080008ULL);
	PUT16(r, 34, 0x8);
	PUT64(r, 36, ret);
	PUT64(r, 44, user1);
	PUT64(r, 52, (s64)(s32)c->args[0]);
	PUT64(r, 60, (s64)(s32)c->args[1]);
	PUT64(r, 68, c->args[3]);
	record_finish(r);
	return 0;
}

ON_EXIT(brk_4_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_BRK_4_X, EV_BRK_4_X_PARAMS, 64, EV_BRK_4_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT16(r, 34, 0x8);
	PUT64(r, 36, ret);
	PUT32(r, 44, task_vm_size(task));
	PUT32(r, 48, task_vm_rss(task));
	PUT32(r, 52, task_vm_swap(task));
	PUT64(r, 56, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(mmap_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MMAP_X, EV_MMAP_X_PARAMS, 106, EV_MMAP_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, 0x4000400080008ULL);
	PUT32(r, 42, 0x80008);
	PUT64(r, 46, ret);
	PUT32(r, 54, task_vm_size(task));
	PUT32(r, 58, task_vm_rss(task));
	PUT32(r, 62, task_vm_swap(task));
	PUT64(r, 66, c->args[0]);
	PUT64(r, 74, c->args[1]);
	PUT32(r, 82, prot_flags(c->args[2]));
	PUT32(r, 86, mmap_flags(c->args[3]));
	PUT64(r, 90, (s64)(s32)c->args[4]);
	PUT64(r, 98, c->args[5]);
	record_finish(r);
	return 0;
}

ON_EXIT(mmap2_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MMAP2_X, EV_MMAP2_X_PARAMS, 106, EV_MMAP2_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, 0x4000400080008ULL);
	PUT32(r, 42, 0x80008);
	PUT64(r, 46, ret);
	PUT32(r, 54, task_vm_size(task));
	PUT32(r, 58, task_vm_rss(task));
	PUT32(r, 62, task_vm_swap(task));
	PUT64(r, 66, c->args[0]);
	PUT64(r, 74, c->args[1]);
	PUT32(r, 82, prot_flags(c->args[2]));
	PUT32(r, 86, mmap_flags(c->args[3]));
	PUT64(r, 90, (s64)(s32)c->args[4]);
	PUT64(r, 98, c->args[5]);
	record_finish(r);
	return 0;
}

ON_EXIT(munmap_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MUNMAP_X, EV_MUNMAP_X_PARAMS, 74, EV_MUNMAP_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT32(r, 34, 0x80008);
	PUT64(r, 38, ret);
	PUT32(r, 46, task_vm_size(task));
	PUT32(r, 50, task_vm_rss(task));
	PUT32(r, 54, task_vm_swap(task));
	PUT64(r, 58, c->args[0]);
	PUT64(r, 66, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(mprotect_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MPROTECT_X, EV_MPROTECT_X_PARAMS, 62, EV_MPROTECT_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, c->args[0]);
	PUT64(r, 50, c->args[1]);
	PUT32(r, 58, prot_flags(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(mlock_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MLOCK_X, EV_MLOCK_X_PARAMS, 56, EV_MLOCK_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, ret);
	PUT64(r, 40, c->args[0]);
	PUT64(r, 48, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(munlock_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MUNLOCK_X, EV_MUNLOCK_X_PARAMS, 56, EV_MUNLOCK_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, ret);
	PUT64(r, 40, c->args[0]);
	PUT64(r, 48, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(mlockall_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MLOCKALL_X, EV_MLOCKALL_X_PARAMS, 42, EV_MLOCKALL_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, mlockall_flags(c->args[0]));
	record_finish(r);
	return 0;
}

ON_EXIT(munlockall_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MUNLOCKALL_X, EV_MUNLOCKALL_X_PARAMS, 36, EV_MUNLOCKALL_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x8);
	PUT64(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(mlock2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_MLOCK2_X, EV_MLOCK2_X_PARAMS, 62, EV_MLOCK2_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, c->args[0]);
	PUT64(r, 50, c->args[1]);
	PUT32(r, 58, mlock2_flags(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(futex_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_FUTEX_X, EV_FUTEX_X_PARAMS, 60, EV_FUTEX_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x8000200080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, c->args[0]);
	PUT16(r, 50, futex_operation(c->args[1]));
	PUT64(r, 52, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(semget_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SEMGET_X, EV_SEMGET_X_PARAMS, 54, EV_SEMGET_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, c->args[0]);
	PUT32(r, 46, c->args[1]);
	PUT32(r, 50, semget_flags(c->args[2]));
	record_finish(r);
	return 0;
}

ON_EXIT(socket_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SOCKET_X, EV_SOCKET_X_PARAMS, 60, EV_SOCKET_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT16(r, 34, 0x4);
	PUT64(r, 36, ret);
	PUT32(r, 44, socket_family(c->args[0]));
	PUT32(r, 48, c->args[1]);
	PUT32(r, 52, c->args[2]);
	PUT32(r, 56, nonblock_cloexec(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(listen_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_LISTEN_X, EV_LISTEN_X_PARAMS, 52, EV_LISTEN_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT32(r, 48, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(shutdown_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SHUTDOWN_X, EV_SHUTDOWN_X_PARAMS, 49, EV_SHUTDOWN_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x1);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT8(r, 48, shutdown_how(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(getsockname_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETSOCKNAME_X, EV_GETSOCKNAME_X_PARAMS, 26, EV_GETSOCKNAME_X_FAMILY);

	if (!r)
		return 0;
	record_finish(r);
	return 0;
}

ON_EXIT(getpeername_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETPEERNAME_X, EV_GETPEERNAME_X_PARAMS, 26, EV_GETPEERNAME_X_FAMILY);

	if (!r)
		return 0;
	record_finish(r);
	return 0;
}

ON_EXIT(setns_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETNS_X, EV_SETNS_X_PARAMS, 52, EV_SETNS_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT32(r, 48, clone_flags(c->args[1]));
	record_finish(r);
	return 0;
}

ON_EXIT(unshare_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_UNSHARE_X, EV_UNSHARE_X_PARAMS, 42, EV_UNSHARE_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, clone_flags(c->args[0]));
	record_finish(r);
	return 0;
}

ON_EXIT(chroot_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CHROOT_X, EV_CHROOT_X_PARAMS, EV_CHROOT_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(setsid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETSID_X, EV_SETSID_X_PARAMS, 36, EV_SETSID_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x8);
	PUT64(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(setpgid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETPGID_X, EV_SETPGID_X_PARAMS, 56, EV_SETPGID_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT64(r, 48, (s64)(s32)c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(setuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETUID_X, EV_SETUID_X_PARAMS, 42, EV_SETUID_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(setgid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETGID_X, EV_SETGID_X_PARAMS, 42, EV_SETGID_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(setreuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETREUID_X, EV_SETREUID_X_PARAMS, 48, EV_SETREUID_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT32(r, 40, c->args[0]);
	PUT32(r, 44, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(setregid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETREGID_X, EV_SETREGID_X_PARAMS, 48, EV_SETREGID_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT16(r, 30, 0x4);
	PUT64(r, 32, ret);
	PUT32(r, 40, c->args[0]);
	PUT32(r, 44, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(setresuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETRESUID_X, EV_SETRESUID_X_PARAMS, 54, EV_SETRESUID_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, c->args[0]);
	PUT32(r, 46, c->args[1]);
	PUT32(r, 50, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(setresgid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SETRESGID_X, EV_SETRESGID_X_PARAMS, 54, EV_SETRESGID_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, c->args[0]);
	PUT32(r, 46, c->args[1]);
	PUT32(r, 50, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(getuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETUID_X, EV_GETUID_X_PARAMS, 32, EV_GETUID_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x4);
	PUT32(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(geteuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETEUID_X, EV_GETEUID_X_PARAMS, 32, EV_GETEUID_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x4);
	PUT32(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(getgid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETGID_X, EV_GETGID_X_PARAMS, 32, EV_GETGID_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x4);
	PUT32(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(getegid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_GETEGID_X, EV_GETEGID_X_PARAMS, 32, EV_GETEGID_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x4);
	PUT32(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(getresuid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u64 user1 = user_u32(c->args[0]);
	u64 user2 = user_u32(c->args[1]);
	u64 user3 = user_u32(c->args[2]);
	u8 *r = record_begin(c, EV_GETRESUID_X, EV_GETRESUID_X_PARAMS, 54, EV_GETRESUID_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, user1);
	PUT32(r, 46, user2);
	PUT32(r, 50, user3);
	record_finish(r);
	return 0;
}

ON_EXIT(getresgid_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u64 user1 = user_u32(c->args[0]);
	u64 user2 = user_u32(c->args[1]);
	u64 user3 = user_u32(c->args[2]);
	u8 *r = record_begin(c, EV_GETRESGID_X, EV_GETRESGID_X_PARAMS, 54, EV_GETRESGID_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x4000400040008ULL);
	PUT64(r, 34, ret);
	PUT32(r, 42, user1);
	PUT32(r, 46, user2);
	PUT32(r, 50, user3);
	record_finish(r);
	return 0;
}

ON_EXIT(kill_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_KILL_X, EV_KILL_X_PARAMS, 49, EV_KILL_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x1);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT8(r, 48, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(tkill_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_TKILL_X, EV_TKILL_X_PARAMS, 49, EV_TKILL_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x1);
	PUT64(r, 32, ret);
	PUT64(r, 40, (s64)(s32)c->args[0]);
	PUT8(r, 48, c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(tgkill_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_TGKILL_X, EV_TGKILL_X_PARAMS, 59, EV_TGKILL_X_FAMILY);

	if (!r)
		return 0;
	PUT64(r, 26, 0x1000800080008ULL);
	PUT64(r, 34, ret);
	PUT64(r, 42, (s64)(s32)c->args[0]);
	PUT64(r, 50, (s64)(s32)c->args[1]);
	PUT8(r, 58, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(epollwait_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_EPOLLWAIT_X, EV_EPOLLWAIT_X_PARAMS, 46, EV_EPOLLWAIT_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT64(r, 30, ret);
	PUT64(r, 38, (s64)(s32)c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(select_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SELECT_X, EV_SELECT_X_PARAMS, 36, EV_SELECT_X_FAMILY);

	if (!r)
		return 0;
	PUT16(r, 26, 0x8);
	PUT64(r, 28, ret);
	record_finish(r);
	return 0;
}

ON_EXIT(seccomp_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_SECCOMP_X, EV_SECCOMP_X_PARAMS, 56, EV_SECCOMP_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x80008);
	PUT16(r, 30, 0x8);
	PUT64(r, 32, ret);
	PUT64(r, 40, c->args[0]);
	PUT64(r, 48, (u32)c->args[1]);
	record_finish(r);
	return 0;
}

ON_EXIT(bpf_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	u8 *r = record_begin(c, EV_BPF_2_X, EV_BPF_2_X_PARAMS, 42, EV_BPF_2_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, 26, 0x40008);
	PUT64(r, 30, ret);
	PUT32(r, 38, c->args[0]);
	record_finish(r);
	return 0;
}

ON_EXIT(delete_module_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_DELETE_MODULE_X, EV_DELETE_MODULE_X_PARAMS, EV_DELETE_MODULE_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, delete_module_flags(c->args[1]));
	event_finish(&e);
	return 0;
}

ON_EXIT(finit_module_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_FINIT_MODULE_X, EV_FINIT_MODULE_X_PARAMS, EV_FINIT_MODULE_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, finit_module_flags(c->args[2]));
	event_finish(&e);
	return 0;
}

ON_EXIT(mknod_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MKNOD_X, EV_MKNOD_X_PARAMS, EV_MKNOD_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, mknod_mode(c->args[1]));
	push_u32(&e, device_number(c->args[2]));
	event_finish(&e);
	return 0;
}

ON_EXIT(mknodat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_MKNODAT_X, EV_MKNODAT_X_PARAMS, EV_MKNODAT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, mknod_mode(c->args[2]));
	push_u32(&e, device_number(c->args[3]));
	event_finish(&e);
	return 0;
}
