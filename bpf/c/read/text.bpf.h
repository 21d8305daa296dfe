/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Returns whether the text argument of a call is still the one that the kernel used.
 *
 * The kernel copies the text of a path when the call begins; the probe reads it when the call ends. It is the same if
 * it is the path that the kernel has for the file, or if nobody else can have written to it: no other thread or process
 * has, or ever had, the memory of this one, and the page is its own. (Debuggers, and writes to the memory of other
 * processes, have specific events.)
 */
#pragma once

#define VM_SHARED 8
/* Another process had this memory; the number of the flag changed with time. */
#define MMF_MULTIPROCESS (1ULL << 26 | 1ULL << 27)
/* A longer text counts as different. */
#define MAX_COMPARED 128

struct vma_seen {
	struct file *exe;
	u32 own;
};

static long vma_look(struct task_struct *task, struct vm_area_struct *vma, struct vma_seen *s)
{
	struct file *file = vma->vm_file;

	/* A running program cannot be written to; any other file can. */
	s->own = !(vma->vm_flags & VM_SHARED) && (!file || file == s->exe);
	return 0;
}

static __always_inline u64 memory_flags(struct mm_struct *mm)
{
	if (bpf_core_field_exists(((struct mm_struct___flags_bitmap *)0)->flags))
		return GET((struct mm_struct___flags_bitmap *)mm, flags.__mm_flags[0]);
	return GET((struct mm_struct___flags_word *)mm, flags);
}

#ifdef WITHOUT_CALLBACKS
static __always_inline int text_is_own(u64 address)
{
	return 0;
}
#else
__noinline int text_is_own(u64 address)
{
	struct task_struct *task;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct vma_seen s = {};

	/* 5.17. */
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_find_vma))
		return 0;
	task = bpf_get_current_task_btf();
	mm = GET(task, mm);
	signal = GET(task, signal);
	if (GET(mm, mm_users.counter) != 1 || memory_flags(mm) & MMF_MULTIPROCESS)
		return 0;
	/* The time of threads that have ended is kept. */
	if (GET(signal, nr_threads) != 1 || GET(signal, sum_sched_runtime) || GET(task, ptrace))
		return 0;
	s.exe = GET(mm, exe_file);
	bpf_find_vma(task, address, vma_look, &s, 0);
	return s.own;
}
#endif

/* Returns whether `len` bytes of text at `pos`, with their NUL, are the end of the path that was found. */
static __always_inline bool text_ends(struct cpu *c, u32 pos, u32 len, u64 found)
{
	u32 from = PATH_SIZE - len;

	if (len <= 1 || len > MAX_COMPARED || from < FOUND_BEGIN(found))
		return false;
	for (u32 i = 0; i < MAX_COMPARED; i += 8) {
		u32 left = len - i, at = pos + i, there = from + i;
		u64 differ;

		if (i >= len)
			break;
		OPAQUE(at);
		OPAQUE(there);
		differ = WORD_AT(c->data, at & DATA_MASK) ^ WORD_AT(c->path, there & (PATH_SIZE - 1));
		if (left < 8)
			differ <<= 64 - 8 * left;
		if (differ)
			return false;
	}
	return true;
}

/* A text of an event: its position, its length in bytes, and its source; 0 if it is the kernel's own copy. */
struct text {
	u32 pos, len;
	u64 address;
};

static __always_inline struct text push_given(struct event *e, u64 address)
{
	struct text t = { .pos = e->pos, .address = address };

	push_user_text(e, address, MAX_PATH);
	t.len = e->pos - t.pos;
	return t;
}

/* Writes what the kernel knows of the path that a text led to, at `pos`; returns the bytes of the first and of the last
 * parameter, and LED_*. A
 * relative text that is the end of the path can be judged by who knows the directory; it takes long to find out whose a
 * text is.
 */
__noinline u64 led_to_put(u32 pos, u64 path, u32 text, u32 text_len, u64 address)
{
	struct cpu *c = cpu_current();
	u32 flags = 0, len = 1;
	bool ends;
	u64 found;

	if (!c)
		return 0;
	found = path ? path_write(c, (struct path *)path) : 0;
	ends = text_ends(c, text, text_len, found);
	if (!path_is_known(found) || !ends || text_len != PATH_SIZE - FOUND_BEGIN(found)) {
		if (!address || (!ends && text_is_own(address)))
			flags |= KERNEL_TEXT_OWN;
		len = path_is_known(found) ? path_copy(c, pos & DATA_MASK, found) : 0;
	}
	if (path && (GET((struct path *)path, dentry, d_inode, i_mode) & S_IFMT) == S_IFDIR)
		flags |= KERNEL_DIRECTORY;
	if (len == 1)
		PUT8(&c->data[pos & DATA_MASK], 0, '=');
	return len | (u64)facts_put(c, pos + len, path, found, flags) << 16 | (len == 1 ? LED_GIVEN : 0) |
	       (flags & KERNEL_TEXT_OWN ? LED_OWN : 0) | (flags & KERNEL_DIRECTORY ? LED_DIRECTORY : 0);
}

static __always_inline u64 push_led_to(struct event *e, u64 path, struct text t)
{
	u64 lens = led_to_put(e->pos, path, t.pos, t.len, t.address);

	push_done(e, lens & (2 * PATH_SIZE - 1));
	push_done(e, sizeof(u64));
	push_done(e, lens >> 16 & (2 * PATH_SIZE - 1));
	return lens;
}
