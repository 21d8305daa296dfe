/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Processes whose events are left out: one process, or all but a family of processes.
 *
 * The loader enters the process whose family it is. Children are entered here as they are created, before they run, so
 * that not even their first event is missed.
 */
#pragma once

#define MAX_MEMBERS 32768

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_MEMBERS); /* made small where no family is selected */
	__type(key, u32);
	__type(value, u8);
} family SEC(".maps");

static __always_inline bool process_is_left_out(u32 tgid)
{
	if (settings.only_family && !bpf_map_lookup_elem(&family, &tgid))
		return true;
	return tgid == settings.skip_tgid;
}

static __always_inline bool current_is_left_out(void)
{
	if (!settings.selective)
		return false;
	return process_is_left_out(bpf_get_current_pid_tgid() >> 32);
}

/* The last thread of a process has gone: its number may soon be another process's. */
static __always_inline void family_leave(struct task_struct *task)
{
	u32 tgid;

	if (!settings.only_family || BPF_CORE_READ(task, signal, live.counter))
		return;
	tgid = BPF_CORE_READ(task, tgid);
	bpf_map_delete_elem(&family, &tgid);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(family_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 old = BPF_CORE_READ(parent, tgid), new = BPF_CORE_READ(child, tgid);
	u8 member = 1;

	if (bpf_map_lookup_elem(&family, &old))
		bpf_map_update_elem(&family, &new, &member, BPF_ANY);
	return 0;
}
