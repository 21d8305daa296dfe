/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Calls that create file descriptors and report more than their arguments. */
#pragma once

#define IORING_ENTER_EXT_ARG 8

struct pipe_ends {
	s32 read, write;
};

static __always_inline struct pipe_ends pipe_ends(u64 p)
{
	struct pipe_ends ends;

	if (bpf_probe_read_user(&ends, sizeof(ends), (void *)p)) {
		count_fault();
		ends.read = -1;
		ends.write = -1;
	}
	return ends;
}

static __always_inline u64 fd_ino(s32 fd)
{
	struct file *file = fd_file(fd);

	return file ? file_ino(file) : 0;
}

ON_EXIT(pipe_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PIPE_X, EV_PIPE_X_PARAMS, EV_PIPE_X_FAMILY);
	struct pipe_ends ends = pipe_ends(c->args[0]);

	push_u64(&e, ret);
	push_u64(&e, (s64)ends.read);
	push_u64(&e, (s64)ends.write);
	push_u64(&e, ret == 0 ? fd_ino(ends.read) : 0);
	event_finish(&e);
	return 0;
}

ON_EXIT(pipe2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PIPE2_X, EV_PIPE2_X_PARAMS, EV_PIPE2_X_FAMILY);
	struct pipe_ends ends = pipe_ends(c->args[0]);

	push_u64(&e, ret);
	push_u64(&e, (s64)ends.read);
	push_u64(&e, (s64)ends.write);
	push_u64(&e, ret == 0 ? fd_ino(ends.read) : 0);
	push_u32(&e, pipe2_flags(c->args[1]));
	event_finish(&e);
	return 0;
}

/* The beginning of struct io_uring_params of user space. */
struct uring_params {
	u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
};

ON_EXIT(io_uring_setup_x)
{
	struct cpu *c = cpu_current();
	struct uring_params p = {};

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_IO_URING_SETUP_X, EV_IO_URING_SETUP_X_PARAMS, EV_IO_URING_SETUP_X_FAMILY);

	if (bpf_probe_read_user(&p, sizeof(p), (void *)c->args[1]))
		count_fault();
	push_u64(&e, ret);
	push_u32(&e, c->args[0]);
	push_u32(&e, p.sq_entries);
	push_u32(&e, p.cq_entries);
	push_u32(&e, io_uring_setup_flags(p.flags));
	push_u32(&e, p.sq_thread_cpu);
	push_u32(&e, p.sq_thread_idle);
	push_u32(&e, io_uring_features(p.features));
	event_finish(&e);
	return 0;
}

ON_EXIT(io_uring_enter_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_IO_URING_ENTER_X, EV_IO_URING_ENTER_X_PARAMS, EV_IO_URING_ENTER_X_FAMILY);
	u32 flags = c->args[3];

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[1]);
	push_u32(&e, c->args[2]);
	push_u32(&e, io_uring_enter_flags(flags));
	/* With EXT_ARG the pointer is to a structure that begins with a pointer to the set. */
	push_u32(&e, user_u32(flags & IORING_ENTER_EXT_ARG ? user_u64(c->args[4]) : c->args[4]));
	event_finish(&e);
	return 0;
}
