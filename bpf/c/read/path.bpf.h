/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths of files and cgroups. Both are walked from the leaf to the root, recording each name; then the names are
 * written from the root down. A path deeper than MAX_COMPONENTS loses its first components.
 */
#pragma once

#define MAX_COMPONENT 256
#define MAX_CGROUP_DEPTH 24

/* Records a name of `len` bytes; 0 if only its NUL marks the end. */
static __always_inline void part_note(struct cpu *c, const void *name, u32 len)
{
	u32 n = c->nparts;

	c->parts[n & (MAX_COMPONENTS - 1)] = (u64)name;
	c->part_lens[n & (MAX_COMPONENTS - 1)] = len;
	c->nparts = n + 1;
}

/* 5.17 introduced loops that the verifier checks once; without them it checks each turn, which is faster to run: so the
 * common depth of a path has unrolled turns.
 */
#define USUAL_DEPTH 6

#define REPEAT(times, step, state)                                                                            \
	do {                                                                                                  \
		bool more_ = bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop);                     \
		u32 turns_ = more_ ? USUAL_DEPTH : (times), i_ = 0;                                           \
		for (; i_ < (times); i_++) {                                                                  \
			if (i_ >= turns_ || step(i_, state))                                                  \
				break;                                                                        \
		}                                                                                             \
		if (more_ && i_ >= USUAL_DEPTH)                                                               \
			bpf_loop((times) - USUAL_DEPTH, step##_more, state, 0);                               \
	} while (0)

/* The names of a path on their way into a buffer: the start, the count, and the bytes so far. */
struct written {
	struct cpu *c;
	u32 pos, n, at;
};

/* Writes the next recorded name with a slash before it; its NUL is where the slash after it goes. */
static __always_inline long component_step(u64 i, struct written *w)
{
	u32 index = w->n - 1 - (u32)i, at = w->pos + w->at;
	struct cpu *c = w->c;
	const void *name;
	long len;

	if (i >= w->n || index >= MAX_COMPONENTS)
		return 1;
	OPAQUE(index);
	index &= MAX_COMPONENTS - 1;
	name = (void *)c->parts[index];
	len = c->part_lens[index];
	OPAQUE(at);
	PUT8(&c->data[at & DATA_MASK], 0, '/');
	at++;
	OPAQUE(at);
	if (len)
		bpf_probe_read_kernel(&c->data[at & DATA_MASK], len & (MAX_COMPONENT - 1), name);
	else
		len = bpf_probe_read_kernel_str(&c->data[at & DATA_MASK], MAX_COMPONENT, name) - 1;
	w->at += 1 + (len > 0 ? len & (MAX_COMPONENT - 1) : 0);
	return 0;
}

static long component_step_more(u64 i, struct written *w)
{
	return component_step(i + USUAL_DEPTH, w);
}

/* Writes the recorded names at `pos`, a slash before each and a NUL at the end; returns how many bytes. */
static __always_inline u32 components_write(struct cpu *c, u32 pos)
{
	struct written w = { .c = c, .pos = pos, .n = c->nparts };

	REPEAT(MAX_COMPONENTS, component_step, &w);
	if (!w.n) {
		PUT8(&c->data[pos & DATA_MASK], 0, '/');
		w.at = 1;
	}
	PUT8(&c->data[(pos + w.at) & DATA_MASK], 0, 0);
	return w.at + 1;
}

__noinline int components_put(u32 pos)
{
	struct cpu *c = cpu_current();

	return c ? components_write(c, pos) : 0;
}

/* The position of a walk to the root. */
struct walk {
	struct cpu *c;
	struct dentry *dentry, *root;
	struct mount *mount;
	u32 arrived;
};

static __always_inline long walk_step(u64 i, struct walk *w)
{
	struct dentry *dentry = w->dentry, *parent = GET(dentry, d_parent);
	struct mount *mount = w->mount;

	if (dentry == w->root) {
		struct mount *up = GET(mount, mnt_parent);

		if (up == mount) {
			w->arrived = 1;
			return 1;
		}
		w->dentry = GET(mount, mnt_mountpoint);
		w->root = GET(up, mnt.mnt_root);
		w->mount = up;
		return 0;
	}
	if (dentry == parent) {
		w->arrived = 1;
		return 1;
	}
	part_note(w->c, GET(dentry, d_name.name), GET(dentry, d_name.len));
	w->dentry = parent;
	return 0;
}

static long walk_step_more(u64 i, struct walk *w)
{
	return walk_step(i, w);
}

/* Records the components of a path up to the root of its mount namespace; returns whether the root was reached. */
static __always_inline bool path_walk(struct cpu *c, struct path *path)
{
	struct vfsmount *vfs = GET(path, mnt);
	struct walk w = {
		.c = c,
		.dentry = GET(path, dentry),
		.root = GET(vfs, mnt_root),
		.mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt),
	};

	c->nparts = 0;
	REPEAT(MAX_COMPONENTS, walk_step, &w);
	return w.arrived;
}

__noinline int path_note(u64 p)
{
	struct cpu *c = cpu_current();

	return c && path_walk(c, (struct path *)p);
}

static __always_inline void push_path(struct event *e, struct path *path)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);

	if (!dentry) {
		push_empty(e);
		return;
	}
	path_note((u64)path);
	/* A file without a path, such as a memfd, is its own root and has only a name. */
	if (!e->c->nparts && BPF_CORE_READ(dentry, d_name.len) > 1) {
		push_kernel_text(e, BPF_CORE_READ(dentry, d_name.name), MAX_COMPONENT);
		return;
	}
	push_done(e, components_put(e->pos) & DATA_MASK);
}

static __always_inline void push_file_path(struct event *e, struct file *file)
{
	if (file)
		push_path(e, (void *)file + bpf_core_field_offset(struct file, f_path));
	else
		push_empty(e);
}

/* Records the path of an open file, unless it has none or one that is too deep: never a made-up name. */
static __always_inline bool real_path_note(struct cpu *c, struct file *file)
{
	struct path *path = (void *)file + bpf_core_field_offset(struct file, f_path);
	struct dentry *dentry = GET(path, dentry);

	if (dentry == GET(dentry, d_parent) && dentry != GET(path, mnt, mnt_root))
		return false;
	return path_note(plain(c, path));
}

static __always_inline void push_real_path(struct event *e, struct file *file)
{
	if (real_path_note(e->c, file))
		push_done(e, components_put(e->pos) & DATA_MASK);
	else
		push_empty(e);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(((struct kernfs_node___parent *)0)->parent))
		return BPF_CORE_READ((struct kernfs_node___parent *)node, parent);
	return BPF_CORE_READ((struct kernfs_node___under_parent *)node, __parent);
}

/* Writes `name=path` of one controller at `pos`, with its NUL; returns how many bytes. */
__noinline int cgroup_put(u32 pos, u64 groups, u32 id)
{
	struct cpu *c = cpu_current();
	struct css_set *set = (void *)groups;
	struct cgroup_subsys_state *css = NULL;
	struct kernfs_node *node;
	u32 len;

	if (!c)
		return 0;
	bpf_core_read(&css, sizeof(css), &set->subsys[id & 15]);
	len = kernel_text_put(pos, (u64)BPF_CORE_READ(css, ss, name), MAX_COMPONENT);
	if (!len)
		return 0;
	PUT8(&c->data[(pos + len - 1) & DATA_MASK], 0, '=');
	c->nparts = 0;
	node = BPF_CORE_READ(css, cgroup, kn);
	for (int i = 0; i < MAX_CGROUP_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(node);

		/* The root has no parent; its name is not part of the path. */
		if (!parent)
			break;
		part_note(c, BPF_CORE_READ(node, name), 0);
		node = parent;
	}
	return len + components_put(pos + len);
}

#define CGROUP_PUT(e, at, set, id)                                                                          \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, id) ?                                            \
		 cgroup_put((e)->pos + (at), (u64)(set), bpf_core_enum_value(enum cgroup_subsys_id, id)) : \
		 0)

static __always_inline void push_cgroups(struct event *e, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	u32 at = 0;

	at += CGROUP_PUT(e, at, set, cpuset_cgrp_id);
	at += CGROUP_PUT(e, at, set, cpu_cgrp_id);
	at += CGROUP_PUT(e, at, set, cpuacct_cgrp_id);
	at += CGROUP_PUT(e, at, set, io_cgrp_id);
	at += CGROUP_PUT(e, at, set, memory_cgrp_id);
	push_done(e, at & DATA_MASK);
}
