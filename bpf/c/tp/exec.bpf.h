/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A successful exec.
 *
 * This hook and not the exit of the call: the arguments of the call are gone by then with the memory that held them,
 * the thread may have taken its leader's number (de_thread), and the program may have changed between 32 and 64 bits.
 * Here all of that is done, and the kernel's own copy of the file's name is available.
 *
 *   execve -> bprm_execve -> exec_binprm -> load_binary -> begin_new_exec (new memory, de_thread)
 *                                        -> trace_sched_process_exec
 */
#pragma once

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct cpu *c = cpu_current();
	u64 found;

	if (!c || current_is_left_out())
		return 0;
	c->mark = 0;
	struct event e = event_begin(c, EV_EXECVE_19_X, EV_EXECVE_19_X_PARAMS + KERNEL_PARAMS, EV_EXECVE_19_X_FAMILY);

	push_u64(&e, 0);
	push_exe_and_args(&e, task);
	push_task(&e, task);
	push_strings(&e, BPF_CORE_READ(task, mm, env_start), BPF_CORE_READ(task, mm, env_end), MAX_STRINGS);
	found = push_exec_facts(&e, task);
	push_kernel_text(&e, BPF_CORE_READ(bprm, filename), MAX_PATH);
	push_empty(&e);
	push_kernel_facts(&e, file_path(c, exe), found, 0);
	event_finish(&e);
	return 0;
}
