/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths of files and cgroups. Both are walked from the leaf to the root, noting each name; then the names are written
 * from the root down. A path deeper than MAX_COMPONENTS loses its first components.
 */
#pragma once

#define MAX_COMPONENT 256
#define MAX_CGROUP_DEPTH 24

static __always_inline void part_note(struct cpu *c, const void *name)
{
	u32 n = c->nparts;

	c->parts[n & (MAX_COMPONENTS - 1)] = (u64)name;
	c->nparts = n + 1;
}

/* Writes the noted names at `pos`, a slash before each and a NUL at the end; how many bytes. A macro, because the name of
 * the function that writes a text differs with the buffer.
 */
#define COMPONENTS_WRITE(c, pos, text_put)                                                                    \
	({                                                                                                    \
		u32 n_ = (c)->nparts, at_ = 0;                                                                \
		for (u32 i_ = 0; i_ < MAX_COMPONENTS; i_++) {                                                 \
			u32 index_ = n_ - 1 - i_, len_;                                                       \
			if (i_ >= n_ || index_ >= MAX_COMPONENTS)                                             \
				break;                                                                        \
			PUT8(&(c)->data[((pos) + at_) & DATA_MASK], 0, '/');                                  \
			/* The NUL of this name is where the next slash goes. */                              \
			len_ = text_put((pos) + at_ + 1, (c)->parts[index_ & (MAX_COMPONENTS - 1)], MAX_COMPONENT); \
			at_ += len_ ? len_ : 1;                                                               \
		}                                                                                             \
		if (!n_) {                                                                                    \
			PUT8(&(c)->data[(pos) & DATA_MASK], 0, '/');                                          \
			at_ = 1;                                                                              \
		}                                                                                             \
		PUT8(&(c)->data[((pos) + at_) & DATA_MASK], 0, 0);                                            \
		at_ + 1;                                                                                      \
	})

__noinline int components_put(u32 pos)
{
	struct cpu *c = cpu_current();

	return c ? COMPONENTS_WRITE(c, pos, kernel_text_put) : 0;
}

/* Notes the components of a path up to the root of its mount namespace; whether the root was reached. */
static __always_inline bool path_walk(struct cpu *c, struct path *path)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct vfsmount *vfs = BPF_CORE_READ(path, mnt);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	struct dentry *root = BPF_CORE_READ(vfs, mnt_root);

	c->nparts = 0;
	for (int i = 0; i < MAX_COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == root) {
			struct mount *up = BPF_CORE_READ(mount, mnt_parent);

			if (up == mount)
				return true;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
			root = BPF_CORE_READ(mount, mnt.mnt_root);
			continue;
		}
		if (dentry == parent)
			return true;
		part_note(c, BPF_CORE_READ(dentry, d_name.name));
		dentry = parent;
	}
	return false;
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
	/* What has no path, such as a memfd, is its own root and has only a name. */
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

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(((struct kernfs_node___parent *)0)->parent))
		return BPF_CORE_READ((struct kernfs_node___parent *)node, parent);
	return BPF_CORE_READ((struct kernfs_node___under_parent *)node, __parent);
}

/* `name=path` of one controller at `pos`, with its NUL; how many bytes. */
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
		part_note(c, BPF_CORE_READ(node, name));
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
