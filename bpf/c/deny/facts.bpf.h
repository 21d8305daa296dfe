/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a hook knows of a process and its object, as bits of the tests that are true.
 *
 * A test is a row of a table: its key is a keyed hash of where the value comes from and of the value. Paths are hashed
 * while the entries are followed to the root, so that no memory is needed: a hook can be preempted by another task on the
 * same processor, and must not share anything with it. A collision needs the key, which is random.
 */
#pragma once

#define HOOKS 9
#define CLAUSES 64
/* The directories below the root that a pattern can name. */
#define DEPTH 16
/* Steps to the root; a path that is deeper is undecided. */
#define MOST_STEPS 4096
#define HEX_DIGITS 64
#define SHORT_ID 12
#define CGROUP_DEPTH 24
#define EXEMPT_PIDS 16

enum hook {
	HOOK_EXEC,
	HOOK_OPEN,
	HOOK_CONNECT,
	HOOK_RENAME,
	HOOK_UNLINK,
	HOOK_RMDIR,
	HOOK_LINK,
	HOOK_BPF,
	HOOK_PTRACE,
};

/* Origins of values. A path has three: the whole path, a directory that it is below, and its last component. */
enum origin {
	ORIGIN_EXE = 0,
	ORIGIN_OBJECT = 3,
	ORIGIN_TARGET = 6,
	ORIGIN_PROTECTED = 9,
	ORIGIN_COMM = 12,
	ORIGIN_PARENT_COMM,
	ORIGIN_UID,
	ORIGIN_CONTAINER,
	ORIGIN_PORT,
	ORIGIN_FLAG,
	ORIGIN_ADDRESS,
};

#define IS_WHOLE 0
#define IS_BELOW 1
#define IS_LAST 2

enum flag {
	FLAG_MEMFD,
	FLAG_UPPER_LAYER,
	FLAG_READ,
	FLAG_WRITE,
	FLAG_DIRECTORY,
	FLAG_ADDRESS,
};

struct clause {
	u64 all; /* tests that must be true */
	u64 none; /* tests that must be false */
	u32 rule;
	u32 pad;
};

struct plan {
	u64 key[2];
	u64 undecided[HOOKS][4]; /* tests of each path of a hook: executable, object, target; then unused */
	u32 origins[HOOKS]; /* a bit for each origin that a test of the hook has */
	u32 clauses[HOOKS];
	u32 exempt[EXEMPT_PIDS];
	u32 host_mounts; /* the mount namespace in which paths of protected executables are meant */
	u32 dry_run;
	struct clause clause[HOOKS][CLAUSES];
};

const volatile struct plan plan SEC(".rodata.plan");

/* Sized by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u64);
} tests SEC(".maps");

struct address_key {
	u32 bits;
	u8 hook;
	u8 ip[16];
	u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address_key);
	__type(value, u64);
} addresses SEC(".maps");

struct facts {
	u64 bits; /* tests that are true */
	u64 undecided; /* tests that may be true */
	u64 protected;
};

/* SipHash-2-4. Functions that are not static are checked once, not for each call. */
struct sip {
	u64 v0, v1, v2, v3;
};

/* Keeps the compiler from making a branch. */
#define OPAQUE(v) asm volatile("" : "+r"(v))
#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

static __always_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = ROTL(s->v1, 13) ^ s->v0;
	s->v0 = ROTL(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTL(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTL(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTL(s->v1, 17) ^ s->v2;
	s->v2 = ROTL(s->v2, 32);
}

static __always_inline void sip_begin(struct sip *s)
{
	u64 k0 = plan.key[0], k1 = plan.key[1];

	s->v0 = k0 ^ 0x736f6d6570736575ULL;
	s->v1 = k1 ^ 0x646f72616e646f6dULL;
	s->v2 = k0 ^ 0x6c7967656e657261ULL;
	s->v3 = k1 ^ 0x7465646279746573ULL;
}

static __always_inline void sip_word(struct sip *s, u64 word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static __always_inline u64 sip_end(struct sip *s, u64 last)
{
	sip_word(s, last);
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

__noinline u64 hash_pair(u64 a, u64 b)
{
	struct sip s;

	sip_begin(&s);
	sip_word(&s, a);
	sip_word(&s, b);
	return sip_end(&s, 16ULL << 56);
}

/* Hashes a text of the kernel of at most 255 bytes. What is read after its end is left out. */
__noinline u64 hash_text(u64 text, u32 len)
{
	u64 word, tail = 0;
	struct sip s;
	u32 i;

	sip_begin(&s);
	len &= 0xff;
	for (i = 0; i < 32; i++) {
		u32 left = len - i * 8;

		if (i * 8 >= len)
			break;
		word = 0;
		bpf_probe_read_kernel(&word, left < 8 ? left & 7 : 8, (void *)(text + i * 8));
		if (left < 8) {
			tail = word;
			break;
		}
		sip_word(&s, word);
	}
	return sip_end(&s, tail | (u64)len << 56);
}

__noinline u64 hash_comm(u64 task)
{
	u64 text = task + bpf_core_field_offset(struct task_struct, comm);
	char comm[16];
	long len = bpf_probe_read_kernel_str(comm, sizeof(comm), (void *)text);

	return hash_text(text, len > 0 ? len - 1 : 0);
}

__noinline u64 tests_of(u32 hook, u32 origin, u64 value)
{
	u64 key = hash_pair((u64)origin << 8 | hook, value), *bits;

	bits = bpf_map_lookup_elem(&tests, &key);
	return bits ? *bits : 0;
}

static __always_inline void note(struct facts *f, u32 hook, u32 origin, u64 value)
{
	f->bits |= tests_of(hook, origin, value);
}

static __always_inline bool wants(u32 hook, u32 origin)
{
	return plan.origins[hook] >> origin & 1;
}

static __always_inline bool wants_path(u32 hook, u32 origin)
{
	return plan.origins[hook] >> origin & 7;
}

/* The way to the root: hashes of the names seen last, so that at its end those of the topmost directories are there. */
struct climb {
	struct dentry *dentry, *root;
	struct mount *mount;
	u64 names[DEPTH];
	u64 last;
	u64 n, at_root;
};

static long climb_step(u64 i, struct climb *w)
{
	struct dentry *dentry = w->dentry, *parent;
	u64 hash, n, first;
	long end = 0;

	if (dentry == w->root) {
		struct mount *mount = w->mount, *up = BPF_CORE_READ(mount, mnt_parent);

		if (up == mount) {
			w->at_root = 1;
			return 1;
		}
		w->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		w->root = BPF_CORE_READ(up, mnt.mnt_root);
		w->mount = up;
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == parent || !parent) {
		/* A file without a directory, such as a memfd: its name is all of its path. */
		w->at_root = 1;
		if (w->n || !parent)
			return 1;
		end = 1;
	}
	hash = hash_text((u64)BPF_CORE_READ(dentry, d_name.name), BPF_CORE_READ(dentry, d_name.len));
	/* All ones for the first name. Without a branch, after which the verifier would know the number and check each turn. */
	n = w->n;
	first = ((n | -n) >> 63) - 1;
	OPAQUE(first);
	w->last = (hash & first) | (w->last & ~first);
	w->names[n & (DEPTH - 1)] = hash;
	w->n = n + 1;
	w->dentry = parent;
	return end;
}

/* Kernels before 6.7 check a callback as if it were called once, and would take what it changes, and the code that depends
 * on it, for known: what a helper has written is not.
 */
#define UNKNOWN(w) bpf_probe_read_kernel((w), sizeof(*(w)), (w))

/* Notes the tests on a path that are true; returns whether it could be followed to the root. */
__noinline int path_is_noted(struct facts *f, u64 from, u64 vfs, u32 hook, u32 origin)
{
	struct climb w = {};
	u64 hash = 0, bits = 0, n;

	if (!f || !from || !vfs)
		return 1;
	w.dentry = (void *)from;
	w.root = BPF_CORE_READ((struct vfsmount *)vfs, mnt_root);
	w.mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	UNKNOWN(&w);
	bpf_loop(MOST_STEPS, climb_step, &w, 0);
	UNKNOWN(&w);
	if (!w.at_root)
		return 0;
	n = w.n;
	if (n)
		bits |= tests_of(hook, origin + IS_LAST, w.last);
	for (u32 i = 0; i < DEPTH; i++) {
		if (i >= n)
			break;
		hash = hash_pair(hash, w.names[(n - 1 - i) & (DEPTH - 1)]);
		bits |= tests_of(hook, origin + (i + 1 == n ? IS_WHOLE : IS_BELOW), hash);
	}
	if (origin == ORIGIN_PROTECTED)
		f->protected |= bits != 0;
	else
		f->bits |= bits;
	return 1;
}

static __always_inline void note_path(struct facts *f, u64 from, u64 vfs, u32 hook, u32 origin)
{
	if (!path_is_noted(f, from, vfs, hook, origin) && origin <= ORIGIN_TARGET)
		f->undecided |= plan.undecided[hook][origin / 3];
}

static __always_inline struct file *exe_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, exe_file);
}

static __always_inline void note_file(struct facts *f, struct file *file, u32 hook, u32 origin)
{
	if (file)
		note_path(f, (u64)BPF_CORE_READ(file, f_path.dentry), (u64)BPF_CORE_READ(file, f_path.mnt), hook, origin);
}

static __always_inline bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

struct short_id {
	u8 text[SHORT_ID];
};

/* Copies the short id of the container that a cgroup's name ends with, perhaps before `.scope`; returns whether it does. */
__noinline int container_named(u64 name, struct short_id *id)
{
	char text[HEX_DIGITS] = {};
	u32 len = 0;

	if (!id)
		return 0;
	/* Only the length is wanted. */
	for (int i = 0; i < 5; i++) {
		long got = bpf_probe_read_kernel_str(text, sizeof(text), (void *)(name + len));

		if (got <= 0)
			return 0;
		len += got - 1;
		if (got < HEX_DIGITS)
			break;
	}
	if (len < HEX_DIGITS || len > 255)
		return 0;
	bpf_probe_read_kernel(text, 6, (void *)(name + len - 6));
	if (text[0] == '.' && text[1] == 's' && text[2] == 'c' && text[3] == 'o' && text[4] == 'p' && text[5] == 'e')
		len -= 6;
	if (len < HEX_DIGITS)
		return 0;
	bpf_probe_read_kernel(text, sizeof(text), (void *)(name + len - HEX_DIGITS));
	for (int i = 0; i < HEX_DIGITS; i++) {
		if (!is_hex(text[i]))
			return 0;
	}
	for (int i = 0; i < SHORT_ID; i++)
		id->text[i] = text[i];
	return 1;
}

/* Copies the id of the container of a task: of its cgroup, or of one above it. */
__noinline int container_of_task(u64 task, struct short_id *id)
{
	struct kernfs_node *node = BPF_CORE_READ((struct task_struct *)task, cgroups, dfl_cgrp, kn);

	if (!id)
		return 0;
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		if (!node)
			return 0;
		if (container_named((u64)BPF_CORE_READ(node, name), id))
			return 1;
		node = kernfs_parent(node);
	}
	return 0;
}

__noinline u64 hash_container(u64 task)
{
	struct short_id id = {};
	u64 words[2] = {};
	struct sip s;

	sip_begin(&s);
	if (!container_of_task(task, &id))
		return sip_end(&s, 0x74736f68ULL /* host */ | 4ULL << 56);
	__builtin_memcpy(words, id.text, SHORT_ID);
	sip_word(&s, words[0]);
	return sip_end(&s, words[1] | (u64)SHORT_ID << 56);
}

/* Notes what is true of the process itself; the executable is that of `exe` if there is one. Returns whether the process
 * may be denied anything.
 */
static __always_inline bool note_process(struct facts *f, u32 hook, struct file *exe)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	for (int i = 0; i < EXEMPT_PIDS; i++) {
		if (plan.exempt[i] == tgid)
			return false;
	}
	if (wants(hook, ORIGIN_COMM))
		note(f, hook, ORIGIN_COMM, hash_comm((u64)task));
	if (wants(hook, ORIGIN_PARENT_COMM))
		note(f, hook, ORIGIN_PARENT_COMM, hash_comm((u64)BPF_CORE_READ(task, real_parent, group_leader)));
	if (wants(hook, ORIGIN_UID))
		note(f, hook, ORIGIN_UID, task_euid(task));
	if (wants(hook, ORIGIN_CONTAINER))
		note(f, hook, ORIGIN_CONTAINER, hash_container((u64)task));
	if (!exe)
		exe = exe_of(task);
	if (wants_path(hook, ORIGIN_EXE))
		note_file(f, exe, hook, ORIGIN_EXE);
	if (exe && wants(hook, ORIGIN_FLAG)) {
		if (file_is_memfd(exe))
			note(f, hook, ORIGIN_FLAG, FLAG_MEMFD);
		if (file_layer(exe) == LAYER_UPPER)
			note(f, hook, ORIGIN_FLAG, FLAG_UPPER_LAYER);
	}
	return true;
}

/* Returns the rule that denies what is known now, or -1. */
static __always_inline int denied_by(struct facts *f, u32 hook)
{
	u64 may = f->bits | f->undecided, must = f->bits & ~f->undecided;
	struct task_struct *task;
	int rule = -1;

	for (int i = 0; i < CLAUSES; i++) {
		const volatile struct clause *c = &plan.clause[hook][i];

		if (i >= plan.clauses[hook])
			break;
		if ((may & c->all) == c->all && !(must & c->none)) {
			rule = c->rule;
			break;
		}
	}
	if (rule < 0)
		return rule;
	task = (void *)bpf_get_current_task();
	if (plan.host_mounts && BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == plan.host_mounts)
		note_file(f, exe_of(task), hook, ORIGIN_PROTECTED);
	return f->protected ? -1 : rule;
}
