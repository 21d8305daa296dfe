/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* clone and similar calls, exec, limits, ptrace, prctl. */
#pragma once

/* The limit of arguments together with the program's name, and of the environment. */
#define MAX_STRINGS 4096
#define MAX_STRING_COUNT 64
#define RLIM_UNKNOWN ((u64)-1)

/* Writes the block of strings between two addresses, at most `max` bytes, with a NUL at its end. */
static __always_inline void push_strings(struct event *e, u64 from, u64 to, u32 max)
{
	u64 len = to > from ? to - from : 0;
	u32 n = part_bytes(e, 0, from, len < max ? len : max);

	if (n)
		part_u8(e, n - 1, 0);
	push_done(e, n);
}

/* Writes the program's name and its arguments, as the process itself has them. */
static __always_inline void push_exe_and_args(struct event *e, struct task_struct *task)
{
	u64 from = BPF_CORE_READ(task, mm, arg_start), to = BPF_CORE_READ(task, mm, arg_end);
	u32 n = part_user_text(e, 0, from, MAX_STRINGS);

	push_done(e, n);
	push_strings(e, from + n, to, n < MAX_STRINGS ? MAX_STRINGS - n : 0);
}

/* Writes an array of pointers to strings, from the one with the number `first`, one after the other at `pos`;
 * returns how many bytes.
 */
__noinline int string_array_put(u32 pos, u64 array, u32 first, u32 max)
{
	struct cpu *c = cpu_current();
	u32 at = 0, width;

	if (!c || !array)
		return 0;
	width = c->compat ? 4 : 8;
	for (u32 i = 0; i < MAX_STRING_COUNT; i++) {
		u64 p = user_word(array + (first + i) * width);

		if (!p || at >= max)
			break;
		at += user_text_put(pos + at, p, MAX_STRINGS);
	}
	if (at > max)
		at = max;
	if (at)
		PUT8(&c->data[(pos + at - 1) & DATA_MASK], 0, 0);
	return at;
}

static __always_inline void push_string_array(struct event *e, u64 array, u32 first, u32 max)
{
	push_done(e, string_array_put(e->pos, array, first, max) & DATA_MASK);
}

/* Writes from the thread's id to its name: the same in clone and exec. The working directory is left to the state
 * engine.
 */
static __always_inline void push_task(struct event *e, struct task_struct *task)
{
	push_u64(e, task_id(task, PIDTYPE_PID));
	push_u64(e, task_id(task, PIDTYPE_TGID));
	push_u64(e, (s64)BPF_CORE_READ(task, real_parent, pid));
	push_empty(e);
	push_u64(e, task_fdlimit(task));
	push_u64(e, BPF_CORE_READ(task, maj_flt));
	push_u64(e, BPF_CORE_READ(task, min_flt));
	push_u32(e, task_vm_size(task));
	push_u32(e, task_vm_rss(task));
	push_u32(e, task_vm_swap(task));
	push_kernel_text(e, &task->comm, sizeof(task->comm));
	push_cgroups(e, task);
}

/* Writes from the terminal to the group: the end of both exec events. */
static __always_inline u64 push_exec_facts(struct event *e, struct task_struct *task)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	u64 found;

	push_u32(e, task_tty(task));
	push_u64(e, task_vid(task, PIDTYPE_PGID));
	push_u32(e, task_loginuid(task));
	push_u32(e, exe_flags(task, exe));
	push_u64(e, CAPABILITY(task, cap_inheritable));
	push_u64(e, CAPABILITY(task, cap_permitted));
	push_u64(e, CAPABILITY(task, cap_effective));
	push_u64(e, BPF_CORE_READ(inode, i_ino));
	push_u64(e, INODE_TIME(inode, ctime));
	push_u64(e, INODE_TIME(inode, mtime));
	push_u32(e, task_euid(task));
	found = push_exe_path(e, exe);
	push_u64(e, task_id(task, PIDTYPE_PGID));
	push_u32(e, task_egid(task));
	return found;
}

/* Only a failed exec is seen here; tp/exec.bpf.h sees success. */
ON_EXIT(execve_19_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c || ret == 0)
		return 0;
	struct event e = event_begin(c, EV_EXECVE_19_X, EV_EXECVE_19_X_PARAMS, EV_EXECVE_19_X_FAMILY);
	u64 first = user_word(c->args[1]);
	u32 n;

	push_u64(&e, ret);
	n = part_user_text(&e, 0, first, MAX_STRINGS);
	push_done(&e, n);
	push_string_array(&e, c->args[1], 1, n < MAX_STRINGS ? MAX_STRINGS - n : 0);
	push_task(&e, task);
	push_string_array(&e, c->args[2], 0, MAX_STRINGS);
	push_exec_facts(&e, task);
	push_user_text(&e, c->args[0], MAX_PATH);
	event_finish(&e);
	return 0;
}

ON_EXIT(execveat_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();
	u64 first;
	u32 n;

	if (!c || ret == 0)
		return 0;
	struct event e = event_begin(c, EV_EXECVEAT_X, EV_EXECVEAT_X_PARAMS, EV_EXECVEAT_X_FAMILY);

	push_u64(&e, ret);
	first = user_word(c->args[2]);
	n = part_user_text(&e, 0, first, MAX_STRINGS);
	push_done(&e, n);
	push_string_array(&e, c->args[2], 1, n < MAX_STRINGS ? MAX_STRINGS - n : 0);
	push_task(&e, task);
	push_string_array(&e, c->args[3], 0, MAX_STRINGS);
	push_exec_facts(&e, task);
	event_finish(&e);
	return 0;
}

/* The parent's event and, with result 0, the child's own. */
static __always_inline int clone_event(u16 code, enum family family, long ret, u64 flags)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, code, EV_CLONE_20_X_PARAMS, family);

	push_u64(&e, ret);
	if (ret >= 0) {
		push_exe_and_args(&e, task);
	} else {
		push_empty(&e);
		push_empty(&e);
	}
	push_task(&e, task);
	push_u32(&e, task_clone_flags(task, flags));
	push_u32(&e, task_euid(task));
	push_u32(&e, task_egid(task));
	push_u64(&e, task_vid(task, PIDTYPE_PID));
	push_u64(&e, task_vid(task, PIDTYPE_TGID));
	/* Only the child's own event says when its pid namespace began. */
	push_u64(&e, ret == 0 ? task_pidns_start(task) : 0);
	event_finish(&e);
	return 0;
}

ON_EXIT(clone_20_x)
{
	struct cpu *c = cpu_current();

	return c ? clone_event(EV_CLONE_20_X, EV_CLONE_20_X_FAMILY, ret, c->args[0]) : 0;
}

ON_EXIT(clone3_x)
{
	struct cpu *c = cpu_current();

	/* The flags are the first word of the structure. */
	return c ? clone_event(EV_CLONE3_X, EV_CLONE3_X_FAMILY, ret, user_u64(c->args[0])) : 0;
}

ON_EXIT(fork_20_x)
{
	return clone_event(EV_FORK_20_X, EV_FORK_20_X_FAMILY, ret, 0);
}

ON_EXIT(vfork_20_x)
{
	return clone_event(EV_VFORK_20_X, EV_VFORK_20_X_FAMILY, ret, 0);
}

struct limits {
	u64 now, max;
};

/* Reads a limit in user memory; a 32-bit program's are half as wide and have their own mark for "none". */
static __always_inline struct limits limits_read(struct cpu *c, u64 p, bool words)
{
	struct limits l = {};
	u32 narrow[2] = {};

	if (!p)
		return l;
	if (c->compat && words) {
		if (bpf_probe_read_user(narrow, sizeof(narrow), (void *)p))
			count_fault();
		l.now = narrow[0] == (u32)-1 ? RLIM_UNKNOWN : narrow[0];
		l.max = narrow[1] == (u32)-1 ? RLIM_UNKNOWN : narrow[1];
	} else if (bpf_probe_read_user(&l, sizeof(l), (void *)p)) {
		count_fault();
	}
	return l;
}

ON_EXIT(getrlimit_x)
{
	struct cpu *c = cpu_current();
	struct limits l = { RLIM_UNKNOWN, RLIM_UNKNOWN };

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_GETRLIMIT_X, EV_GETRLIMIT_X_PARAMS, EV_GETRLIMIT_X_FAMILY);

	if (ret == 0)
		l = limits_read(c, c->args[1], true);
	push_u64(&e, ret);
	push_u64(&e, l.now);
	push_u64(&e, l.max);
	push_u8(&e, rlimit_resource(c->args[0]));
	event_finish(&e);
	return 0;
}

ON_EXIT(setrlimit_x)
{
	struct cpu *c = cpu_current();
	struct limits l;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SETRLIMIT_X, EV_SETRLIMIT_X_PARAMS, EV_SETRLIMIT_X_FAMILY);

	l = limits_read(c, c->args[1], true);
	push_u64(&e, ret);
	push_u64(&e, l.now);
	push_u64(&e, l.max);
	push_u8(&e, rlimit_resource(c->args[0]));
	event_finish(&e);
	return 0;
}

ON_EXIT(prlimit_x)
{
	struct cpu *c = cpu_current();
	struct limits new, old = { RLIM_UNKNOWN, RLIM_UNKNOWN };

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PRLIMIT_X, EV_PRLIMIT_X_PARAMS, EV_PRLIMIT_X_FAMILY);

	new = limits_read(c, c->args[2], false);
	if (ret == 0)
		old = limits_read(c, c->args[3], false);
	push_u64(&e, ret);
	push_u64(&e, new.now);
	push_u64(&e, new.max);
	push_u64(&e, old.now);
	push_u64(&e, old.max);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u8(&e, rlimit_resource(c->args[1]));
	event_finish(&e);
	return 0;
}

#define DYN_PTRACE_NUMBER 0
#define DYN_PTRACE_SIGNAL 1

ON_EXIT(ptrace_x)
{
	struct cpu *c = cpu_current();
	u64 address, data;
	u32 request, at;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PTRACE_X, EV_PTRACE_X_PARAMS, EV_PTRACE_X_FAMILY);

	request = ptrace_request(c->args[0]);
	address = ret < 0 ? 0 : c->args[2];
	data = ret < 0 ? 0 : c->args[3];
	push_u64(&e, ret);
	at = part_u8(&e, 0, DYN_PTRACE_NUMBER);
	push_done(&e, part_u64(&e, at, address));
	switch (ret < 0 ? 0 : request) {
	case PTRACE_REQUESTS__PTRACE_CONT:
	case PTRACE_REQUESTS__PTRACE_SINGLESTEP:
	case PTRACE_REQUESTS__PTRACE_DETACH:
	case PTRACE_REQUESTS__PTRACE_SYSCALL:
		at = part_u8(&e, 0, DYN_PTRACE_SIGNAL);
		at = part_u8(&e, at, data);
		break;
	case PTRACE_REQUESTS__PTRACE_PEEKTEXT:
	case PTRACE_REQUESTS__PTRACE_PEEKDATA:
	case PTRACE_REQUESTS__PTRACE_PEEKUSR:
		data = user_u64(data);
		/* fall through */
	default:
		at = part_u8(&e, 0, DYN_PTRACE_NUMBER);
		at = part_u64(&e, at, data);
	}
	push_done(&e, at);
	push_u16(&e, request);
	push_u64(&e, (s64)(s32)c->args[1]);
	event_finish(&e);
	return 0;
}

ON_EXIT(prctl_x)
{
	struct cpu *c = cpu_current();
	u32 option;
	u64 arg;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PRCTL_X, EV_PRCTL_X_PARAMS, EV_PRCTL_X_FAMILY);

	option = c->args[0];
	arg = c->args[1];
	push_u64(&e, ret);
	push_u32(&e, option);
	switch (option) {
	case PRCTL_OPTIONS__PR_SET_NAME:
	case PRCTL_OPTIONS__PR_GET_NAME:
		push_user_text(&e, arg, MAX_PATH);
		push_u64(&e, 0);
		break;
	case PRCTL_OPTIONS__PR_GET_CHILD_SUBREAPER:
		push_empty(&e);
		push_u64(&e, (s64)(s32)user_u32(arg));
		break;
	default:
		push_empty(&e);
		push_u64(&e, arg);
	}
	event_finish(&e);
	return 0;
}
