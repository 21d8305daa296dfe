/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Records of what was denied, or would have been. */
#pragma once

#define NAMES_SIZE 1024
#define NAME_SIZE 256
#define MOST_NAMES 48

/* Names of a path, the last first, each with its NUL. */
struct names {
	u32 size; /* bytes used */
	u32 whole; /* whether the root was reached */
	u8 text[NAMES_SIZE + NAME_SIZE];
};

struct denial {
	u64 time; /* since boot */
	u64 cgroup;
	u32 pid, tid, ppid, uid;
	u32 rule;
	u8 hook, dry_run, family, in_container;
	u16 port;
	struct short_id container;
	u8 pad[2];
	u8 comm[16];
	u8 ip[16];
	struct names exe, object, target;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} denials SEC(".maps");

/* Denials, and those of them that found no room in the ring. */
struct denial_counts {
	u64 denied, lost;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct denial_counts);
} denial_counts SEC(".maps");

__noinline int names_put(struct names *out, u64 from, u64 vfs)
{
	struct dentry *dentry = (void *)from, *parent;
	struct mount *mount;
	struct dentry *root;

	if (!out)
		return 0;
	out->size = 0;
	out->whole = 0;
	if (!from || !vfs)
		return 0;
	root = BPF_CORE_READ((struct vfsmount *)vfs, mnt_root);
	mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	for (int i = 0; i < MOST_NAMES; i++) {
		/* In the record, so that the verifier does not distinguish lengths. */
		u32 at = *(volatile u32 *)&out->size;
		long len;

		if (dentry == root) {
			struct mount *up = BPF_CORE_READ(mount, mnt_parent);

			if (up == mount) {
				out->whole = 1;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			root = BPF_CORE_READ(up, mnt.mnt_root);
			mount = up;
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!parent || (dentry == parent && at))
			break;
		if (at >= NAMES_SIZE)
			break;
		len = bpf_probe_read_kernel_str(&out->text[at & (NAMES_SIZE - 1)], NAME_SIZE, BPF_CORE_READ(dentry, d_name.name));
		if (len <= 0)
			break;
		*(volatile u32 *)&out->size = at + (len & 0x1ff);
		if (dentry == parent)
			break;
		dentry = parent;
	}
	return 0;
}

static __always_inline void names_of_file(struct names *out, struct file *file)
{
	if (file)
		names_put(out, (u64)BPF_CORE_READ(file, f_path.dentry), (u64)BPF_CORE_READ(file, f_path.mnt));
	else
		names_put(out, 0, 0);
}

/* What a hook is about, for its record. */
struct subject {
	u64 object, object_mount;
	u64 target, target_mount;
	u16 family, port;
	u8 ip[16];
};

/* Fills in who, at which hook, and by which rule. */
__noinline int denial_begin(struct denial *d, u32 hook, u32 rule)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 id = bpf_get_current_pid_tgid();

	if (!d)
		return 0;
	d->time = bpf_ktime_get_boot_ns();
	d->cgroup = bpf_get_current_cgroup_id();
	d->pid = id >> 32;
	d->tid = id;
	d->ppid = BPF_CORE_READ(task, real_parent, tgid);
	d->uid = task_euid(task);
	d->rule = rule;
	d->hook = hook;
	d->dry_run = plan.dry_run != 0;
	bpf_get_current_comm(d->comm, sizeof(d->comm));
	d->in_container = container_of_task((u64)task, &d->container);
	names_of_file(&d->exe, exe_of(task));
	return 0;
}

/* Decides, and reports a denial; returns what the hook does. */
static __always_inline int decide(struct facts *f, u32 hook, struct subject *s)
{
	int rule = denied_by(f, hook);
	struct denial_counts *counts;
	struct denial *d;
	u32 zero = 0;

	if (rule < 0)
		return 0;
	counts = bpf_map_lookup_elem(&denial_counts, &zero);
	if (counts)
		__sync_fetch_and_add(&counts->denied, 1);
	d = bpf_ringbuf_reserve(&denials, sizeof(*d), 0);
	if (!d) {
		if (counts)
			__sync_fetch_and_add(&counts->lost, 1);
		return plan.dry_run ? 0 : -EPERM;
	}
	denial_begin(d, hook, rule);
	d->family = s->family;
	d->port = s->port;
	__builtin_memcpy(d->ip, s->ip, sizeof(d->ip));
	names_put(&d->object, s->object, s->object_mount);
	names_put(&d->target, s->target, s->target_mount);
	bpf_ringbuf_submit(d, 0);
	return plan.dry_run ? 0 : -EPERM;
}
