/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Arguments at entry.
 *
 * The target of a call's pointer is read at exit, when another thread may have changed it since the kernel used it. For
 * the calls whose name decides what happened, the name is recorded at entry as well; a comparison of the two shows the
 * change.
 */
#pragma once

static __always_inline bool enter_is_wanted(u32 nr)
{
	if (!(settings.interest[nr & (SYSCALL_NUMBERS - 1)] & INTEREST_NATIVE))
		return false;
	return !current_is_left_out();
}

static __always_inline int enter_open(struct cpu *c, u64 name, u32 flags, u32 mode)
{
	struct event e = event_begin(c, EV_OPEN_E, EV_OPEN_E_PARAMS, EV_OPEN_E_FAMILY);

	push_user_text(&e, name, MAX_PATH);
	push_u32(&e, open_flags(flags));
	push_u32(&e, open_mode(flags, mode));
	event_finish(&e);
	return 0;
}

static __always_inline int enter_creat(struct cpu *c, u64 name, u32 mode)
{
	struct event e = event_begin(c, EV_CREAT_E, EV_CREAT_E_PARAMS, EV_CREAT_E_FAMILY);

	push_user_text(&e, name, MAX_PATH);
	push_u32(&e, open_mode(O_CREAT, mode));
	event_finish(&e);
	return 0;
}

static __always_inline int enter_openat(struct cpu *c, s32 dirfd, u64 name, u32 flags, u32 mode)
{
	struct event e = event_begin(c, EV_OPENAT_2_E, EV_OPENAT_2_E_PARAMS, EV_OPENAT_2_E_FAMILY);

	push_u64(&e, (s64)dirfd);
	push_user_text(&e, name, MAX_PATH);
	push_u32(&e, open_flags(flags));
	push_u32(&e, open_mode(flags, mode));
	event_finish(&e);
	return 0;
}

static __always_inline int enter_openat2(struct cpu *c, s32 dirfd, u64 name, u64 p)
{
	struct event e = event_begin(c, EV_OPENAT2_E, EV_OPENAT2_E_PARAMS, EV_OPENAT2_E_FAMILY);
	struct open_how how = {};

	if (bpf_probe_read_user(&how, sizeof(how), (void *)p))
		count_fault();
	push_u64(&e, (s64)dirfd);
	push_user_text(&e, name, MAX_PATH);
	push_u32(&e, open_flags(how.flags));
	push_u32(&e, open_mode(how.flags, how.mode));
	push_u32(&e, resolve_flags(how.resolve));
	event_finish(&e);
	return 0;
}

static __always_inline int enter_connect(struct cpu *c, s32 fd, u64 address, u32 len)
{
	struct event e = event_begin(c, EV_CONNECT_E, EV_CONNECT_E_PARAMS, EV_CONNECT_E_FAMILY);

	push_u64(&e, (s64)fd);
	push_sockaddr(&e, given(address, len), 0);
	event_finish(&e);
	return 0;
}

/* The context of the tracepoint of one call: the kernel's common fields, the number, the arguments. */
struct enter {
	u64 common;
	s32 nr, pad;
	u64 args[6];
};

/* These tracepoints only fire for 64-bit calls. */
SEC("tracepoint")
int open_e(struct enter *ctx)
{
	struct cpu *c = cpu_current();

	return c && enter_is_wanted(NR_OPEN) ? enter_open(c, ctx->args[0], ctx->args[1], ctx->args[2]) : 0;
}

SEC("tracepoint")
int creat_e(struct enter *ctx)
{
	struct cpu *c = cpu_current();

	return c && enter_is_wanted(NR_CREAT) ? enter_creat(c, ctx->args[0], ctx->args[1]) : 0;
}

SEC("tracepoint")
int openat_2_e(struct enter *ctx)
{
	struct cpu *c = cpu_current();

	return c && enter_is_wanted(NR_OPENAT) ?
		       enter_openat(c, ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3]) :
		       0;
}

SEC("tracepoint")
int openat2_e(struct enter *ctx)
{
	struct cpu *c = cpu_current();

	return c && enter_is_wanted(NR_OPENAT2) ? enter_openat2(c, ctx->args[0], ctx->args[1], ctx->args[2]) : 0;
}

SEC("tracepoint")
int connect_e(struct enter *ctx)
{
	struct cpu *c = cpu_current();

	return c && enter_is_wanted(NR_CONNECT) ? enter_connect(c, ctx->args[0], ctx->args[1], ctx->args[2]) : 0;
}

/* One hook at the entry of every call, for kernels without those tracepoints; it sees 32-bit calls as well. */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long id)
{
	u32 nr = id;
	struct cpu *c;

	if (nr >= SYSCALL_NUMBERS || !settings.interest[nr])
		return 0;
	if (call_is_compat()) {
		c = cpu_current();
		if (!c)
			return 0;
		args_note_compat(c, regs);
		nr = nr == IA32_SOCKETCALL ? socketcall_unfold(c) : ia32_numbers[nr];
	} else if (nr == NR_OPENAT || nr == NR_OPEN || nr == NR_CONNECT || nr == NR_OPENAT2 || nr == NR_CREAT) {
		c = cpu_current();
		if (!c)
			return 0;
		args_note(c, regs);
	} else {
		return 0;
	}
	if (!enter_is_wanted(nr))
		return 0;
	switch (nr) {
	case NR_OPEN:
		return enter_open(c, c->args[0], c->args[1], c->args[2]);
	case NR_CREAT:
		return enter_creat(c, c->args[0], c->args[1]);
	case NR_OPENAT:
		return enter_openat(c, c->args[0], c->args[1], c->args[2], c->args[3]);
	case NR_OPENAT2:
		return enter_openat2(c, c->args[0], c->args[1], c->args[2]);
	case NR_CONNECT:
		return enter_connect(c, c->args[0], c->args[1], c->args[2]);
	}
	return 0;
}
