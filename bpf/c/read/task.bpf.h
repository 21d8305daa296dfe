/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Properties of a task. */
#pragma once

#define PF_EXITING 0x4
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000
#define RLIMIT_NOFILE 7
#define PAGE_KB 4

enum { MM_FILE, MM_ANON, MM_SWAP, MM_SHMEM };

/* A macro, because the index has to be a constant for the access to be relocated. */
#define MM_COUNTER(mm, which)                                                                                \
	({                                                                                                   \
		s64 n_;                                                                                      \
		if (bpf_core_type_exists(struct mm_rss_stat))                                                \
			n_ = BPF_CORE_READ((struct mm_struct___rss_atomic *)(mm), rss_stat.count[which].counter); \
		else                                                                                         \
			n_ = GET((struct mm_struct___rss_percpu *)(mm), rss_stat[which].count);             \
		n_;                                                                                          \
	})

static __always_inline u32 kilobytes(s64 pages)
{
	s64 kb = pages * PAGE_KB;

	return pages <= 0 ? 0 : kb > (u32)-1 ? (u32)-1 : kb;
}

/* Returns kilobytes. A kernel thread has none; a value that does not fit becomes the greatest number. */
static __always_inline u32 task_vm_size(struct task_struct *task)
{
	return kilobytes(GET(task, mm, total_vm));
}

static __always_inline u32 task_vm_rss(struct task_struct *task)
{
	struct mm_struct *mm = GET(task, mm);
	s64 pages;

	if (!mm)
		return 0;
	pages = MM_COUNTER(mm, MM_FILE) + MM_COUNTER(mm, MM_ANON) + MM_COUNTER(mm, MM_SHMEM);
	return kilobytes(pages);
}

static __always_inline u32 task_vm_swap(struct task_struct *task)
{
	struct mm_struct *mm = GET(task, mm);

	return mm ? kilobytes(MM_COUNTER(mm, MM_SWAP)) : 0;
}

static __always_inline struct pid *task_pid(struct task_struct *task, enum pid_type type)
{
	if (type == PIDTYPE_PID)
		return BPF_CORE_READ(task, thread_pid);
	return BPF_CORE_READ(task, signal, pids[type]);
}

static __always_inline struct pid_namespace *pid_namespace_of(struct pid *pid)
{
	u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = NULL;

	bpf_probe_read_kernel(&ns, sizeof(ns), &pid->numbers[level].ns);
	return ns;
}

/* Returns the id in the task's own pid namespace. */
static __always_inline s64 task_vid(struct task_struct *task, enum pid_type type)
{
	struct pid *own = task_pid(task, PIDTYPE_PID);
	struct pid *pid = task_pid(task, type);
	u32 level = BPF_CORE_READ(own, level);
	u32 levels = BPF_CORE_READ(pid, level);
	int nr = 0;

	/* A group or session may have been created outside the namespace: then it has no number in it. */
	if (pid && level <= levels)
		bpf_probe_read_kernel(&nr, sizeof(nr), &pid->numbers[level].nr);
	return nr;
}

/* Returns the id in the initial pid namespace. */
static __always_inline s64 task_id(struct task_struct *task, enum pid_type type)
{
	struct pid *pid;

	if (type == PIDTYPE_PID)
		return BPF_CORE_READ(task, pid);
	if (type == PIDTYPE_TGID)
		return BPF_CORE_READ(task, tgid);
	pid = task_pid(task, type);
	return pid ? BPF_CORE_READ(pid, numbers[0].nr) : 0;
}

static __always_inline u64 task_pidns_start(struct task_struct *task)
{
	struct pid_namespace *ns = pid_namespace_of(task_pid(task, PIDTYPE_TGID));

	return BPF_CORE_READ(ns, child_reaper, start_time);
}

static __always_inline u32 device_encode(u32 major, u32 minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* Converts the kernel's own form of a device number (12 and 20 bits) to that of user space. */
static __always_inline u32 device_of_kernel(u32 dev)
{
	return device_encode(dev >> 20, dev & 0xfffff);
}

static __always_inline u32 task_tty(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	struct tty_driver *driver = BPF_CORE_READ(tty, driver);

	if (!tty || !driver)
		return 0;
	return device_encode(BPF_CORE_READ(driver, major),
			     BPF_CORE_READ(driver, minor_start) + BPF_CORE_READ(tty, index));
}

static __always_inline u32 task_loginuid(struct task_struct *task)
{
	if (bpf_core_field_exists(task->loginuid))
		return BPF_CORE_READ(task, loginuid.val);
	return -1;
}

static __always_inline u64 task_fdlimit(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

/* Returns the flags of clone, with the mark of a child in another pid namespace than the initial one. */
static __always_inline u32 task_clone_flags(struct task_struct *task, u64 flags)
{
	struct pid_namespace *ns = pid_namespace_of(task_pid(task, PIDTYPE_PID));
	u32 out = clone_flags(flags);

	if (BPF_CORE_READ(ns, level) || BPF_CORE_READ(task, nsproxy, pid_ns_for_children) != ns)
		out |= CLONE_FLAGS__CLONE_CHILD_IN_PIDNS;
	return out;
}
