// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The programs that deny: a separate object, so that nothing of it is in the kernel unless it is requested. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gen/flags.h"

#include "compat.bpf.h"
#include "read/task.bpf.h"
#include "read/cred.bpf.h"
#include "read/file.bpf.h"

#define EPERM 1
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_EXEC_FLAG 0x20 /* in f_flags: the kernel opens it to run it */
#define O_DIRECTORY 0200000
#define PTRACE_MODE_ATTACH 2
#define AF_INET 2
#define AF_INET6 10

#include "deny/facts.bpf.h"
#include "deny/report.bpf.h"

/* Addresses as callers write them. */
struct address_in {
	u16 family, port;
	u32 ip;
};

struct address_in6 {
	u16 family, port;
	u32 flow;
	u8 ip[16];
};

SEC("lsm/bprm_check_security")
int BPF_PROG(deny_exec, struct linux_binprm *bprm)
{
	struct facts f = {};
	struct subject s = {};
	struct file *file = BPF_CORE_READ(bprm, file);

	if (!note_process(&f, HOOK_EXEC, file))
		return 0;
	s.object = (u64)BPF_CORE_READ(file, f_path.dentry);
	s.object_mount = (u64)BPF_CORE_READ(file, f_path.mnt);
	return decide(&f, HOOK_EXEC, &s);
}

SEC("lsm/file_open")
int BPF_PROG(deny_open, struct file *file)
{
	struct facts f = {};
	struct subject s = {};
	u32 flags = BPF_CORE_READ(file, f_flags), mode = BPF_CORE_READ(file, f_mode);

	if (flags & FMODE_EXEC_FLAG || !note_process(&f, HOOK_OPEN, NULL))
		return 0;
	s.object = (u64)BPF_CORE_READ(file, f_path.dentry);
	s.object_mount = (u64)BPF_CORE_READ(file, f_path.mnt);
	if (wants_path(HOOK_OPEN, ORIGIN_OBJECT))
		note_path(&f, s.object, s.object_mount, HOOK_OPEN, ORIGIN_OBJECT);
	if (wants(HOOK_OPEN, ORIGIN_FLAG)) {
		if (mode & FMODE_READ)
			note(&f, HOOK_OPEN, ORIGIN_FLAG, FLAG_READ);
		if (mode & FMODE_WRITE)
			note(&f, HOOK_OPEN, ORIGIN_FLAG, FLAG_WRITE);
		if (flags & O_DIRECTORY)
			note(&f, HOOK_OPEN, ORIGIN_FLAG, FLAG_DIRECTORY);
	}
	return decide(&f, HOOK_OPEN, &s);
}

SEC("lsm/socket_connect")
int BPF_PROG(deny_connect, struct socket *sock, struct sockaddr *address, int len)
{
	struct facts f = {};
	struct address_key key = { .bits = 8 + 128, .hook = HOOK_CONNECT };
	struct subject s = {};
	u16 port = 0;
	u64 *bits;

	if (!note_process(&f, HOOK_CONNECT, NULL))
		return 0;
	bpf_probe_read_kernel(&s.family, sizeof(s.family), address);
	if (s.family == AF_INET) {
		struct address_in in = {};

		bpf_probe_read_kernel(&in, sizeof(in), address);
		key.ip[10] = key.ip[11] = 0xff;
		__builtin_memcpy(&key.ip[12], &in.ip, sizeof(in.ip));
		port = in.port;
	} else if (s.family == AF_INET6) {
		struct address_in6 in = {};

		bpf_probe_read_kernel(&in, sizeof(in), address);
		__builtin_memcpy(key.ip, in.ip, sizeof(in.ip));
		port = in.port;
	}
	if (s.family == AF_INET || s.family == AF_INET6) {
		s.port = __builtin_bswap16(port);
		__builtin_memcpy(s.ip, key.ip, 16);
		bits = bpf_map_lookup_elem(&addresses, &key);
		if (bits)
			f.bits |= *bits;
		if (wants(HOOK_CONNECT, ORIGIN_PORT))
			note(&f, HOOK_CONNECT, ORIGIN_PORT, s.port);
		if (wants(HOOK_CONNECT, ORIGIN_FLAG))
			note(&f, HOOK_CONNECT, ORIGIN_FLAG, FLAG_ADDRESS);
	}
	return decide(&f, HOOK_CONNECT, &s);
}

/* An argument of a hook as a number, which functions that are checked once take. */
static __always_inline u64 number(u64 *argument)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), argument);
	return value;
}

static __always_inline u64 mount_of(u64 *path)
{
	return (u64)BPF_CORE_READ((struct path *)number(path), mnt);
}

/* Hooks with two paths, or one: each an entry, and the path of a directory in its mount. */
static __always_inline int decide_paths(u32 hook, u64 *object, u64 *object_dir, u64 *target, u64 *target_dir)
{
	struct facts f = {};
	struct subject s = {};

	if (!note_process(&f, hook, NULL))
		return 0;
	s.object = number(object);
	s.object_mount = mount_of(object_dir);
	if (wants_path(hook, ORIGIN_OBJECT))
		note_path(&f, s.object, s.object_mount, hook, ORIGIN_OBJECT);
	if (target) {
		s.target = number(target);
		s.target_mount = mount_of(target_dir);
		if (wants_path(hook, ORIGIN_TARGET))
			note_path(&f, s.target, s.target_mount, hook, ORIGIN_TARGET);
	}
	return decide(&f, hook, &s);
}

/* Old directory and entry, new directory and entry. */
SEC("lsm/path_rename")
int deny_rename(u64 *ctx)
{
	return decide_paths(HOOK_RENAME, &ctx[1], &ctx[0], &ctx[3], &ctx[2]);
}

/* Directory and entry. */
SEC("lsm/path_unlink")
int deny_unlink(u64 *ctx)
{
	return decide_paths(HOOK_UNLINK, &ctx[1], &ctx[0], NULL, NULL);
}

SEC("lsm/path_rmdir")
int deny_rmdir(u64 *ctx)
{
	return decide_paths(HOOK_RMDIR, &ctx[1], &ctx[0], NULL, NULL);
}

/* The entry of the file, new directory and entry. A link is in the mount of its file. */
SEC("lsm/path_link")
int deny_link(u64 *ctx)
{
	return decide_paths(HOOK_LINK, &ctx[0], &ctx[1], &ctx[2], &ctx[1]);
}

SEC("lsm/bpf")
int BPF_PROG(deny_bpf, int cmd)
{
	struct facts f = {};
	struct subject s = {};

	return note_process(&f, HOOK_BPF, NULL) ? decide(&f, HOOK_BPF, &s) : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(deny_ptrace, struct task_struct *child, unsigned int mode)
{
	struct facts f = {};
	struct subject s = {};

	/* Other modes are reads of /proc. */
	if (!(mode & PTRACE_MODE_ATTACH) || !note_process(&f, HOOK_PTRACE, NULL))
		return 0;
	return decide(&f, HOOK_PTRACE, &s);
}

char LICENSE[] SEC("license") = "GPL";
