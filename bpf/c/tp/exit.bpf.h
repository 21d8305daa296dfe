/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The end of a thread, and the new parent of its children.
 *
 *   do_exit -> trace_sched_process_exit -> ... -> exit_notify -> forget_original_parent -> find_new_reaper
 *
 * The reaper is chosen after the hook, so it is found here by the kernel's own rule: another thread of the process;
 * else the nearest ancestor in the same pid namespace that is marked as a subreaper; else the first process of the
 * namespace.
 */
#pragma once

#define MAX_THREADS 30
#define MAX_ANCESTORS 60

/* Returns a thread of the task's process that is not ending; 0 if there is none, -1 if the search was given up. */
__noinline int thread_alive(u64 t)
{
	struct task_struct *task = (void *)t;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);

	for (int i = 0; i < MAX_THREADS; i++) {
		struct task_struct *other = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);

		if (node == head || !node)
			return 0;
		if (!(BPF_CORE_READ(other, flags) & PF_EXITING))
			return BPF_CORE_READ(other, pid);
		node = BPF_CORE_READ(node, next);
	}
	return -1;
}

static __always_inline s64 task_reaper(struct cpu *c, struct task_struct *task)
{
	struct pid_namespace *ns = pid_namespace_of(task_pid(task, PIDTYPE_PID));
	struct task_struct *init = BPF_CORE_READ(ns, child_reaper), *t;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	u32 level = BPF_CORE_READ(task, thread_pid, level);
	s64 alive = thread_alive(plain(c, task));

	if (alive)
		return alive;
	if (init == task || !BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return BPF_CORE_READ(init, pid);
	t = BPF_CORE_READ(task, real_parent);
	for (int i = 0; i < MAX_ANCESTORS; i++) {
		if (t == init || BPF_CORE_READ(t, thread_pid, level) != level)
			return BPF_CORE_READ(init, pid);
		signal = BPF_CORE_READ(t, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper)) {
			alive = thread_alive(plain(c, t));
			if (alive)
				return alive;
		}
		t = BPF_CORE_READ(t, real_parent);
	}
	return -1;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(procexit_1_e, struct task_struct *task)
{
	struct cpu *c = cpu_current();
	struct list_head *children;
	int status;
	u8 *r;

	if (!c || current_is_left_out())
		return 0;
	r = record_begin(c, EV_PROCEXIT_1_E, EV_PROCEXIT_1_E_PARAMS, HEADER + 10 + 26, EV_PROCEXIT_1_E_FAMILY);
	if (!r) {
		family_leave(task);
		return 0;
	}
	status = BPF_CORE_READ(task, exit_code);
	children = (void *)task + bpf_core_field_offset(struct task_struct, children);
	PUT64(r, HEADER, 0x0001000100080008ULL);
	PUT16(r, HEADER + 8, 8);
	PUT64(r, HEADER + 10, (s64)status);
	PUT64(r, HEADER + 18, status >> 8 & 0xff);
	/* The low seven bits are a signal, but for 0x7f, which means "stopped". */
	PUT8(r, HEADER + 26, (status & 0x7f) == 0x7f ? 0 : status & 0x7f);
	PUT8(r, HEADER + 27, status >> 7 & 1);
	PUT64(r, HEADER + 28, BPF_CORE_READ(children, next) != children ? task_reaper(c, task) : 0);
	record_finish(r);
	family_leave(task);
	return 0;
}
