/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The one hook at the exit of every call. It decides whether the call is selected, records its arguments, and jumps to
 * the program of the call.
 *
 * Most calls are not selected, so the first test comes before anything that costs: one byte of a table.
 */
#pragma once

#define TS_COMPAT 2

static __always_inline bool call_is_compat(void)
{
	if (task_is_typed()) {
		struct task_struct *task = bpf_get_current_task_btf();

		return task->thread_info.status & TS_COMPAT;
	}
	struct task_struct *task = task_current();

	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

static __always_inline void args_note(struct cpu *c, struct pt_regs *regs)
{
	c->args[0] = regs->di;
	c->args[1] = regs->si;
	c->args[2] = regs->dx;
	c->args[3] = regs->r10;
	c->args[4] = regs->r8;
	c->args[5] = regs->r9;
	c->compat = 0;
	c->socketcall = 0;
}

static __always_inline void args_note_compat(struct cpu *c, struct pt_regs *regs)
{
	c->args[0] = (u32)regs->bx;
	c->args[1] = (u32)regs->cx;
	c->args[2] = (u32)regs->dx;
	c->args[3] = (u32)regs->si;
	c->args[4] = (u32)regs->di;
	c->args[5] = (u32)regs->bp;
	c->compat = 1;
	c->socketcall = 0;
}

/* The call behind socketcall, whose arguments are an array of 32-bit words. */
static __always_inline u32 socketcall_unfold(struct cpu *c)
{
	u32 call = c->args[0], words[6] = {};

	if (call >= SOCKETCALL_NUMBERS)
		return SYSCALL_NONE;
	if (bpf_probe_read_user(words, sizeof(words), (void *)c->args[1]))
		count_fault();
	for (int i = 0; i < 6; i++)
		c->args[i] = words[i];
	c->socketcall = 1;
	return socketcall_numbers[call];
}

static __always_inline bool call_is_left_out(struct pt_regs *regs, long ret)
{
	if (!settings.selective)
		return false;
	if (settings.drop_failed && call_result(regs, ret) < 0)
		return true;
	return current_is_left_out();
}

/* Jumps to the program of a call. A number that is constant when this is compiled becomes a direct jump; any other uses
 * an indirect jump, which is slow on CPUs with mitigations against speculation. So the frequent calls have a line each.
 */
#define JUMP(ctx, nr)                                                                                        \
	case nr:                                                                                             \
		bpf_tail_call_static(ctx, &programs, nr);                                                    \
		break;

static __always_inline void call_jump(void *ctx, u32 nr)
{
	switch (nr) {
		JUMP(ctx, 0) /* read */
		JUMP(ctx, 1) /* write */
		JUMP(ctx, 2) /* open */
		JUMP(ctx, 3) /* close */
		JUMP(ctx, 4) /* stat */
		JUMP(ctx, 5) /* fstat */
		JUMP(ctx, 6) /* lstat */
		JUMP(ctx, 7) /* poll */
		JUMP(ctx, 8) /* lseek */
		JUMP(ctx, 9) /* mmap */
		JUMP(ctx, 10) /* mprotect */
		JUMP(ctx, 11) /* munmap */
		JUMP(ctx, 16) /* ioctl */
		JUMP(ctx, 17) /* pread64 */
		JUMP(ctx, 20) /* writev */
		JUMP(ctx, 21) /* access */
		JUMP(ctx, 41) /* socket */
		JUMP(ctx, 42) /* connect */
		JUMP(ctx, 44) /* sendto */
		JUMP(ctx, 45) /* recvfrom */
		JUMP(ctx, 46) /* sendmsg */
		JUMP(ctx, 47) /* recvmsg */
		JUMP(ctx, 56) /* clone */
		JUMP(ctx, 72) /* fcntl */
		JUMP(ctx, 202) /* futex */
		JUMP(ctx, 232) /* epoll_wait */
		JUMP(ctx, 257) /* openat */
		JUMP(ctx, 262) /* newfstatat */
	default:
		bpf_tail_call(ctx, &programs, nr);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	u32 nr = regs->orig_ax;
	struct cpu *c;
	u8 interest;

	if (nr >= SYSCALL_NUMBERS)
		return 0;
	interest = settings.interest[nr];
	if (!interest)
		return 0;
	if (call_is_left_out(regs, ret))
		return 0;
	c = cpu_current();
	if (!c)
		return 0;
	c->native_nr = nr;
	if (call_is_compat()) {
		if (!(interest & INTEREST_IA32))
			return 0;
		args_note_compat(c, regs);
		nr = nr == IA32_SOCKETCALL ? socketcall_unfold(c) : ia32_numbers[nr];
		if (nr >= SYSCALL_NUMBERS || !(settings.interest[nr] & INTEREST_NATIVE))
			return 0;
	} else {
		if (!(interest & INTEREST_NATIVE))
			return 0;
		if (interest & INTEREST_GENERIC) {
			c->nr = nr;
			return generic_event(c);
		}
		args_note(c, regs);
	}
	c->nr = nr;
	if (call_is_planned_out(c, nr, call_result(regs, ret)))
		return 0;
	call_jump(ctx, nr);
	return 0;
}
