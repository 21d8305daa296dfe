/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Waiting. */
#pragma once

#define MAX_POLLED 16

struct polled {
	s32 fd;
	s16 events, revents;
};

/* Writes the file descriptors with their results. */
static __always_inline void push_polled(struct event *e, u64 p, u32 count)
{
	u32 n = 0, at = 2;

	for (int i = 0; i < MAX_POLLED; i++) {
		struct polled f;

		if (i >= count)
			break;
		if (bpf_probe_read_user(&f, sizeof(f), (void *)(p + i * sizeof(f)))) {
			count_fault();
			break;
		}
		at = part_u64(e, at, (s64)f.fd);
		at = part_u16(e, at, poll_flags((u16)f.revents));
		n++;
	}
	part_u16(e, 0, n);
	push_done(e, at);
}

/* Returns nanoseconds of a timespec; a 32-bit program's has two words, unless the call is one of the newer ones. */
static __always_inline u64 user_timespec(struct cpu *c, u64 p)
{
	u64 native[2] = {};
	u32 words[2] = {};

	if (!p)
		return 0;
	if (c->compat) {
		if (bpf_probe_read_user(words, sizeof(words), (void *)p))
			count_fault();
		return words[0] * 1000000000ULL + words[1];
	}
	if (bpf_probe_read_user(native, sizeof(native), (void *)p))
		count_fault();
	return native[0] * 1000000000ULL + native[1];
}

ON_EXIT(poll_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_POLL_X, EV_POLL_X_PARAMS, EV_POLL_X_FAMILY);

	push_u64(&e, ret);
	push_polled(&e, c->args[0], c->args[1]);
	push_u64(&e, (s64)(s32)c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(ppoll_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_PPOLL_X, EV_PPOLL_X_PARAMS, EV_PPOLL_X_FAMILY);

	push_u64(&e, ret);
	push_polled(&e, c->args[0], c->args[1]);
	push_u64(&e, user_timespec(c, c->args[2]));
	push_u32(&e, user_u32(c->args[3]));
	event_finish(&e);
	return 0;
}

ON_EXIT(nanosleep_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_NANOSLEEP_X, EV_NANOSLEEP_X_PARAMS, EV_NANOSLEEP_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, user_timespec(c, c->args[0]));
	event_finish(&e);
	return 0;
}
