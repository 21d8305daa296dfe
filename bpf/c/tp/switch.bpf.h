/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The scheduler puts another thread on the CPU. Runs inside anything: writes in place. */
#pragma once

SEC("tp_btf/sched_switch")
int BPF_PROG(schedswitch_6_e, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *c = cpu_current();
	u8 *r;

	if (!c || current_is_left_out())
		return 0;
	r = record_begin(c, EV_SCHEDSWITCH_6_E, EV_SCHEDSWITCH_6_E_PARAMS, HEADER + 12 + 36, EV_SCHEDSWITCH_6_E_FAMILY);
	if (!r)
		return 0;
	PUT64(r, HEADER, 0x0004000800080008ULL);
	PUT32(r, HEADER + 8, 0x00040004);
	PUT64(r, HEADER + 12, (s64)BPF_CORE_READ(next, pid));
	PUT64(r, HEADER + 20, BPF_CORE_READ(prev, maj_flt));
	PUT64(r, HEADER + 28, BPF_CORE_READ(prev, min_flt));
	PUT32(r, HEADER + 36, task_vm_size(prev));
	PUT32(r, HEADER + 40, task_vm_rss(prev));
	PUT32(r, HEADER + 44, task_vm_swap(prev));
	record_finish(r);
	return 0;
}
