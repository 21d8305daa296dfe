/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A signal reaches its thread. */
#pragma once

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGKILL 9
#define SIGTERM 15
#define SIGCHLD 17
#define SIGTSTP 20
#define SIGRTMIN 32
#define SIGRTMAX 64
/* Up to here the kernel's markers SEND_SIG_NOINFO and SEND_SIG_PRIV replace a pointer. */
#define SEND_SIG_LAST 2

/* The sender, where the signal carries one. */
static __always_inline s64 signal_sender(int sig, struct kernel_siginfo *info)
{
	if ((u64)info <= SEND_SIG_LAST)
		return 0;
	switch (sig) {
	case SIGKILL:
		return BPF_CORE_READ(info, _sifields._kill._pid);
	case SIGTERM:
	case SIGHUP:
	case SIGINT:
	case SIGTSTP:
	case SIGQUIT:
		/* Above 0 the kernel is the sender. */
		return BPF_CORE_READ(info, si_code) <= 0 ? BPF_CORE_READ(info, _sifields._kill._pid) : 0;
	case SIGCHLD:
		return BPF_CORE_READ(info, _sifields._sigchld._pid);
	}
	if (sig >= SIGRTMIN && sig <= SIGRTMAX)
		return BPF_CORE_READ(info, _sifields._rt._pid);
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(signaldeliver_e, int sig, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct cpu *c = cpu_current();
	u8 *r;

	if (!c || current_is_left_out())
		return 0;
	r = record_begin(c, EV_SIGNALDELIVER_E, EV_SIGNALDELIVER_E_PARAMS, HEADER + 6 + 17, EV_SIGNALDELIVER_E_FAMILY);
	if (!r)
		return 0;
	PUT32(r, HEADER, 0x00080008);
	PUT16(r, HEADER + 4, 1);
	PUT64(r, HEADER + 6, signal_sender(sig, info));
	PUT64(r, HEADER + 14, bpf_get_current_pid_tgid() & 0xffffffff);
	PUT8(r, HEADER + 22, sig);
	record_finish(r);
	return 0;
}
