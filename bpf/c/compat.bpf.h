/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Names that the kernel changed. Each shim begins with what changed and when; which one applies is decided when the
 * object is loaded, and the other branch is never seen by the verifier's checks.
 */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* 6.3, "capability: just use a 'u64' instead of a 'u32[2]' array". */
struct kernel_cap_struct {
	u32 cap[2];
};

struct cred___caps_array {
	struct kernel_cap_struct cap_inheritable, cap_permitted, cap_effective;
};

typedef struct {
	u64 val;
} kernel_cap_word;

struct cred___caps_word {
	kernel_cap_word cap_inheritable, cap_permitted, cap_effective;
};

typedef struct {
	s64 counter;
} atomic_long_t;

/* 6.2, "mm: convert mm's rss stats into percpu_counter". */
struct mm_rss_stat {
	atomic_long_t count[4];
};

struct percpu_counter {
	s64 count;
};

struct mm_struct___rss_atomic {
	struct mm_rss_stat rss_stat;
};

struct mm_struct___rss_percpu {
	struct percpu_counter rss_stat[4];
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* 6.6, "fs: rename __i_ctime"; 6.7 the same for mtime; 6.11, "fs: turn inode ctime fields into discrete words". */
struct inode___ctime {
	struct timespec64 i_ctime, i_mtime;
};

struct inode___under_ctime {
	struct timespec64 __i_ctime, __i_mtime;
};

struct inode___ctime_words {
	s64 i_ctime_sec, i_mtime_sec;
	u32 i_ctime_nsec, i_mtime_nsec;
};

/* 6.15, "kernfs: use RCU to access kernfs_node::parent". */
struct kernfs_node___parent {
	struct kernfs_node *parent;
};

struct kernfs_node___under_parent {
	struct kernfs_node *__parent;
};

/* 6.13, "io_uring/rsrc: get rid of the empty node and dummy_ubuf": a ring's table of files holds nodes. */
struct io_fixed_file {
	unsigned long file_ptr;
};

struct io_file_table___files {
	struct io_fixed_file *files;
};

/* Until 6.14 a request to send had the address that it was given; 6.0 introduced it. */
struct io_sr_msg___addr {
	void *addr;
	int addr_len;
};

/* 6.18 made the flags of a memory a bitmap. */
struct mm_struct___flags_word {
	unsigned long flags;
};

typedef struct {
	unsigned long __mm_flags[1];
} mm_flags_t;

struct mm_struct___flags_bitmap {
	mm_flags_t flags;
};

/* 6.13 moved the submitter of an io_uring request from `task` to `tctx`. */
struct io_kiocb___task {
	struct task_struct *task;
};

/* Only with io_uring in the kernel. */
struct task_struct___uring {
	struct io_uring_task *io_uring;
};

#pragma clang attribute pop

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(((struct kernfs_node___parent *)0)->parent))
		return BPF_CORE_READ((struct kernfs_node___parent *)node, parent);
	return BPF_CORE_READ((struct kernfs_node___under_parent *)node, __parent);
}

/* 5.11 introduced bpf_get_current_task_btf, whose pointer can be followed without a helper call for each step. */
static __always_inline struct task_struct *task_current(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* Returns whether task_current's pointer may be followed directly. */
static __always_inline bool task_is_typed(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* 6.2 lets a program follow any pointer as if it were of a given type: a plain load, where reading through a helper
 * costs ten times as much. The result of GET for a pointer is then not a number to the verifier; see plain().
 */
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym __weak;

#define GET(p, ...)                                                                                          \
	({                                                                                                   \
		typeof(___arrow((p), __VA_ARGS__)) get_;                                                     \
		if (bpf_ksym_exists(bpf_rdonly_cast))                                                        \
			get_ = ___arrow(((typeof(p))bpf_rdonly_cast((p), bpf_core_type_id_kernel(typeof(*(p))))), \
					__VA_ARGS__);                                                        \
		else                                                                                         \
			get_ = BPF_CORE_READ(p, __VA_ARGS__);                                                \
		get_;                                                                                        \
	})

/* 16 bytes anywhere in kernel memory, as numbers; requires bpf_rdonly_cast. */
#define WORDS(p) ((struct timespec64 *)bpf_rdonly_cast((void *)(p), bpf_core_type_id_kernel(struct timespec64)))

#define ENOSYS 38
#define SIGSYS_BIT (1ULL << 30)

/* Returns whether a call whose result is its own number was never made: seccomp has put the registers back and sent
 * SIGSYS, which waits for the way to user space.
 */
__noinline int call_was_refused(void)
{
	struct task_struct *task = task_current();
	u64 pending = 0;

	if (!bpf_core_field_exists(task->seccomp) || !BPF_CORE_READ(task, seccomp.mode))
		return 0;
	bpf_core_read(&pending, sizeof(pending), &task->pending.signal);
	return (pending & SIGSYS_BIT) != 0;
}

/* Returns the result of a call; -ENOSYS where seccomp killed or trapped it. */
static __always_inline long call_result(struct pt_regs *regs, long ret)
{
	if (ret == regs->orig_ax && call_was_refused())
		return -ENOSYS;
	return ret;
}

/* Defines a program at the exit of a call, with the result of the call as `ret`. */
#define ON_EXIT(name)                                                                                        \
	static __always_inline int name##_of(u64 *ctx, struct pt_regs *regs, long ret);                      \
	SEC("tp_btf/sys_exit") int name(u64 *ctx)                                                            \
	{                                                                                                    \
		struct pt_regs *regs = (void *)ctx[0];                                                       \
                                                                                                             \
		return name##_of(ctx, regs, call_result(regs, ctx[1]));                                      \
	}                                                                                                    \
	static __always_inline int name##_of(u64 *ctx, struct pt_regs *regs, long ret)
