/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths of files and cgroups. Both are walked from the leaf to the root, noting each name; then the names are written
 * from the root down. A path deeper than MAX_COMPONENTS loses its first components.
 */
#pragma once

#define MAX_COMPONENT 256
#define MAX_CGROUP_DEPTH 24

/* Writes the noted names, `at` bytes into the parameter, with a slash before each; the new `at`, NUL included. */
static __always_inline u32 part_components(struct event *e, u32 at, u32 max)
{
	struct cpu *c = e->c;
	u32 n = c->nparts;

	if (!n)
		at = part_u8(e, at, '/');
	for (u32 i = 0; i < max; i++) {
		u32 index = n - 1 - i;

		if (i >= n || index >= MAX_COMPONENTS)
			break;
		at = part_u8(e, at, '/');
		/* The NUL of this name is where the next slash goes. */
		u32 len = part_text(e, at, c->parts[index & (MAX_COMPONENTS - 1)], MAX_COMPONENT, false);
		at += len ? len - 1 : 0;
		at &= DATA_MASK;
	}
	return part_u8(e, at, 0);
}

/* The path of a file up to the root of its mount namespace. */
static __always_inline void push_path(struct event *e, struct path *path)
{
	struct cpu *c = e->c;
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct vfsmount *vfs = BPF_CORE_READ(path, mnt);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	struct dentry *root = BPF_CORE_READ(vfs, mnt_root);
	struct dentry *leaf = dentry;
	u32 n = 0;

	if (!dentry) {
		push_empty(e);
		return;
	}
	for (int i = 0; i < MAX_COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == root) {
			struct mount *up = BPF_CORE_READ(mount, mnt_parent);

			if (up == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
			root = BPF_CORE_READ(mount, mnt.mnt_root);
			continue;
		}
		if (dentry == parent)
			break;
		c->parts[n & (MAX_COMPONENTS - 1)] = (u64)BPF_CORE_READ(dentry, d_name.name);
		n++;
		dentry = parent;
	}
	c->nparts = n;
	/* What has no path, such as a memfd, is its own root and has only a name. */
	if (!n && BPF_CORE_READ(leaf, d_name.len) > 1) {
		push_kernel_text(e, BPF_CORE_READ(leaf, d_name.name), MAX_COMPONENT);
		return;
	}
	push_done(e, part_components(e, 0, MAX_COMPONENTS));
}

static __always_inline void push_file_path(struct event *e, struct file *file)
{
	if (file)
		push_path(e, &file->f_path);
	else
		push_empty(e);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(((struct kernfs_node___parent *)0)->parent))
		return BPF_CORE_READ((struct kernfs_node___parent *)node, parent);
	return BPF_CORE_READ((struct kernfs_node___under_parent *)node, __parent);
}

/* `name=path` of one controller, with its NUL. */
static __always_inline u32 part_cgroup(struct event *e, u32 at, struct task_struct *task, u32 id)
{
	struct cpu *c = e->c;
	struct cgroup_subsys_state *css = NULL;
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *node;
	u32 n = 0, len;

	bpf_core_read(&css, sizeof(css), &set->subsys[id]);
	len = part_text(e, at, (u64)BPF_CORE_READ(css, ss, name), MAX_COMPONENT, false);
	if (!len)
		return at;
	at = (at + len - 1) & DATA_MASK;
	at = part_u8(e, at, '=');
	node = BPF_CORE_READ(css, cgroup, kn);
	for (int i = 0; i < MAX_CGROUP_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(node);

		/* The root has no parent; its name is not part of the path. */
		if (!parent)
			break;
		c->parts[n & (MAX_COMPONENTS - 1)] = (u64)BPF_CORE_READ(node, name);
		n++;
		node = parent;
	}
	c->nparts = n;
	return part_components(e, at, MAX_CGROUP_DEPTH) & DATA_MASK;
}

#define PART_CGROUP(e, at, task, id)                                                                        \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, id) ?                                            \
		 part_cgroup(e, at, task, bpf_core_enum_value(enum cgroup_subsys_id, id)) :                \
		 (at))

static __always_inline void push_cgroups(struct event *e, struct task_struct *task)
{
	u32 at = 0;

	at = PART_CGROUP(e, at, task, cpuset_cgrp_id);
	at = PART_CGROUP(e, at, task, cpu_cgrp_id);
	at = PART_CGROUP(e, at, task, cpuacct_cgrp_id);
	at = PART_CGROUP(e, at, task, io_cgrp_id);
	at = PART_CGROUP(e, at, task, memory_cgrp_id);
	push_done(e, at);
}
