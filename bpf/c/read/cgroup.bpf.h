/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths of cgroups: the names are recorded from the leaf to the root, then written from the root down. */
#pragma once

#define MAX_CGROUP_DEPTH 24

static __always_inline void part_note(struct cpu *c, const void *name)
{
	u32 n = c->nparts;

	c->parts[n & (MAX_COMPONENTS - 1)] = (u64)name;
	c->nparts = n + 1;
}

/* The number of names on their way into a buffer; the position of the next one is in struct cpu, so that the verifier
 * does not distinguish lengths.
 */
struct written {
	struct cpu *c;
	u32 n;
};

/* Writes the next recorded name with a slash before it; its NUL is where the slash after it goes. */
static __always_inline long part_step(u64 i, struct written *w)
{
	struct cpu *c = w->c;
	u32 index = w->n - 1 - (u32)i, at = c->part_at;
	long len;

	if (i >= w->n || index >= MAX_COMPONENTS)
		return 1;
	OPAQUE(index);
	OPAQUE(at);
	PUT8(&c->data[at & DATA_MASK], 0, '/');
	at++;
	OPAQUE(at);
	len = bpf_probe_read_kernel_str(&c->data[at & DATA_MASK], MAX_COMPONENT,
					(void *)c->parts[index & (MAX_COMPONENTS - 1)]);
	/* Nothing if it cannot be read, without a branch. */
	c->part_at = at + ((len - 1) & ~(len >> 63) & (MAX_COMPONENT - 1));
	return 0;
}

static long part_step_more(u64 i, struct written *w)
{
	return part_step(i + USUAL_DEPTH, w);
}

/* Writes the recorded names at `pos`, a slash before each and a NUL at the end; returns how many bytes. */
__noinline int parts_put(u32 pos)
{
	struct cpu *c = cpu_current();
	u32 at;

	if (!c)
		return 0;
	struct written w = { .c = c, .n = c->nparts };

	c->part_at = pos;
	PUT8(&c->data[pos & DATA_MASK], 0, '/');
	REPEAT(part_step, &w);
	at = c->part_at + !w.n;
	OPAQUE(at);
	PUT8(&c->data[at & DATA_MASK], 0, 0);
	return at + 1 - pos;
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
		part_note(c, BPF_CORE_READ(node, name));
		node = parent;
	}
	return len + parts_put(pos + len);
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
