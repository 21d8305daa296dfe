/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Paths of files, as the kernel has them: without links and dots, from the root of the file's mount namespace.
 *
 * A path is written from its end to its beginning while the entries are followed up to the root, into a separate place
 * (struct cpu), and copied from there. A file without a path has a state with the reason: never a made-up name.
 */
#pragma once

#define MAX_COMPONENT 256
/* The longest name, in words, that is copied without a call of the kernel, which would cost more than the copy. */
#define WORDS_COPIED 8
/* The place of a path's NUL. */
#define PATH_END (PATH_SIZE - 1)
/* The number of a mount namespace that nobody lives in, as open_tree makes it; before 6.18 it was 0. */
#define MNT_NS_ANON 0xeffffff7
#define BTRFS_MAGIC 0x9123683e
/* The inode of the top of each subvolume. */
#define BTRFS_SUBVOLUME 256

/* The state of a file's path; the numbers are part of the events (docs/kernels.md). */
enum path_state {
	PATH_NONE, /* no directory has it: a pipe, a memfd */
	PATH_WHOLE,
	PATH_DELETED, /* the path that it had */
	PATH_DETACHED, /* from the top of a tree that is mounted nowhere */
	PATH_CUT, /* too long or too deep to be reported */
};

/* 5.17 introduced loops that the verifier checks once; without them it checks each turn, which is faster to run: so the
 * common depth of a path has unrolled turns.
 */
#define USUAL_DEPTH 6
/* The number of entries with names of one letter. */
#define MOST_DEPTH (PATH_SIZE / 2 + 64)
#define MOST_DEPTH_OLD 64

#ifdef WITHOUT_CALLBACKS
#define REPEAT(step, state)                                                                                  \
	do {                                                                                                 \
		for (u32 i_ = 0; i_ < MOST_DEPTH_OLD; i_++) {                                                \
			if (step(i_, state))                                                                 \
				break;                                                                       \
		}                                                                                            \
	} while (0)
#else
#define REPEAT(step, state)                                                                                  \
	do {                                                                                                 \
		bool more_ = bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop);                    \
		u32 turns_ = more_ ? USUAL_DEPTH : MOST_DEPTH_OLD, i_ = 0;                                   \
		for (; i_ < MOST_DEPTH_OLD; i_++) {                                                          \
			if (i_ >= turns_ || step(i_, state))                                                 \
				break;                                                                       \
		}                                                                                            \
		if (more_ && i_ >= USUAL_DEPTH)                                                              \
			bpf_loop(MOST_DEPTH - USUAL_DEPTH, step##_more, state, 0);                           \
	} while (0)
#endif

/* The position of a walk to the root. The current beginning of the path is in struct cpu, so that the verifier does not
 * distinguish lengths.
 */
struct walk {
	struct cpu *c;
	struct dentry *dentry, *root;
	struct mount *mount;
	u32 state;
};

/* Writes the name of an entry before the current path; returns whether the walk is over. */
static __always_inline long name_put(struct walk *w, struct dentry *dentry)
{
	struct cpu *c = w->c;
	u32 len = GET(dentry, d_name.len), at = c->path_at - 1 - len;

	/* Below 0 is above everything. */
	if (at >= PATH_END)
		return 1;
	c->path_at = at;
	if (bpf_ksym_exists(bpf_rdonly_cast) && len <= WORDS_COPIED * 8 && at >= 8) {
		const unsigned char *name = GET(dentry, d_name.name) + len;
		u32 end = at + 1 + len;

		/* From the end, word by word: what is written before the name is overwritten by what comes there. */
		for (u32 i = 8; i <= WORDS_COPIED * 8; i += 8) {
			u32 there = end - i;

			OPAQUE(there);
			PUT64(c->path, there & (PATH_SIZE - 1), WORDS(name - i)->tv_sec);
			if (i >= len)
				break;
		}
		OPAQUE(at);
		PUT8(&c->path[at & (PATH_SIZE - 1)], 0, '/');
		return 0;
	}
	OPAQUE(at);
	PUT8(&c->path[at & (PATH_SIZE - 1)], 0, '/');
	at++;
	OPAQUE(at);
	OPAQUE(len);
	/* The result has to be looked at: to older verifiers a loop must not begin right behind a call. */
	return bpf_probe_read_kernel(&c->path[at & (PATH_SIZE - 1)], len & (MAX_COMPONENT - 1), GET(dentry, d_name.name)) != 0;
}

static __always_inline bool mount_is_detached(struct mount *mount)
{
	struct mnt_namespace *ns = GET(mount, mnt_ns);
	u32 number;

	if (!ns)
		return true;
	number = GET(ns, ns.inum);
	return !number || number == MNT_NS_ANON;
}

static __always_inline long walk_step(u64 i, struct walk *w)
{
	struct dentry *dentry = w->dentry, *parent;

	if (dentry == w->root) {
		struct mount *mount = w->mount, *up = GET(mount, mnt_parent);

		if (!w->c->path_own)
			w->c->path_own = w->c->path_at;
		if (up == mount) {
			w->state = mount_is_detached(mount) ? PATH_DETACHED : PATH_WHOLE;
			return 1;
		}
		w->dentry = GET(mount, mnt_mountpoint);
		w->root = GET(up, mnt.mnt_root);
		w->mount = up;
		return 0;
	}
	parent = GET(dentry, d_parent);
	if (dentry == parent) {
		w->state = PATH_DETACHED;
		return 1;
	}
	w->dentry = parent;
	return name_put(w, dentry);
}

static long walk_step_more(u64 i, struct walk *w)
{
	return walk_step(i, w);
}

/* A path that was found: its beginning in struct cpu, the beginning of the part in the file's own mount, and its state. */
#define FOUND(begin, own, state) ((u64)(begin) | (u64)(own) << 16 | (u64)(state) << 32)
#define FOUND_BEGIN(found) ((u32)(found) & (PATH_SIZE - 1))
#define FOUND_OWN(found) ((u32)((found) >> 16) & 0xffff)
#define FOUND_STATE(found) ((u32)((found) >> 32) & 7)

static __always_inline u64 path_write(struct cpu *c, struct path *path)
{
	struct vfsmount *vfs = GET(path, mnt);
	struct dentry *dentry = GET(path, dentry), *root = GET(vfs, mnt_root);
	struct walk w = {
		.c = c,
		.dentry = dentry,
		.root = root,
		.mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt),
		.state = PATH_CUT,
	};
	u32 at, own;
	bool top = dentry == GET(dentry, d_parent);

	if (!dentry || (top && dentry != root))
		return FOUND(PATH_END, PATH_END, PATH_NONE);
	PUT16(c->path, PATH_END - 1, '/');
	c->path_at = PATH_END;
	c->path_own = 0;
	REPEAT(walk_step, &w);
	at = c->path_at;
	own = c->path_own;
	/* The root has no name. */
	if (at == PATH_END)
		at--;
	if (w.state == PATH_WHOLE && !top && !GET(dentry, d_hash.pprev))
		w.state = PATH_DELETED;
	return FOUND(at, own ? own : at, w.state);
}

__noinline u64 path_find(u64 p)
{
	struct cpu *c = cpu_current();

	return c && p ? path_write(c, (struct path *)p) : 0;
}

/* Returns the address of a file's path, as a number; 0 if there is no file. */
static __always_inline u64 file_path(struct cpu *c, struct file *file)
{
	return file ? plain(c, file) + bpf_core_field_offset(struct file, f_path) : 0;
}

/* Returns whether there is a path to be reported, perhaps not from the root. */
static __always_inline bool path_is_known(u64 found)
{
	return FOUND_STATE(found) == PATH_WHOLE || FOUND_STATE(found) == PATH_DELETED ||
	       FOUND_STATE(found) == PATH_DETACHED;
}

/* Copies the path that was found to `pos`; returns how many bytes, with the NUL. */
static __always_inline u32 path_copy(struct cpu *c, u32 pos, u64 found)
{
	u32 begin = FOUND_BEGIN(found), len;

	OPAQUE(begin);
	begin &= PATH_SIZE - 1;
	len = PATH_SIZE - begin;
	bpf_probe_read_kernel(&c->data[pos & DATA_MASK], len, &c->path[begin]);
	return len;
}

static __always_inline void push_found(struct event *e, u64 found)
{
	u32 pos = e->pos & DATA_MASK;

	OPAQUE(pos);
	push_done(e, path_is_known(found) ? path_copy(e->c, pos, found) : 0);
}

/* Writes the path of an executable; the name of one without a directory, such as a memfd. */
static __always_inline u64 push_exe_path(struct event *e, struct file *file)
{
	u64 found;

	if (!file) {
		push_empty(e);
		return 0;
	}
	found = path_find(file_path(e->c, file));
	if (FOUND_STATE(found) == PATH_NONE)
		push_kernel_text(e, BPF_CORE_READ(file, f_path.dentry, d_name.name), MAX_COMPONENT);
	else
		push_found(e, found);
	return found;
}

static __always_inline bool is_top(struct dentry *dentry)
{
	return dentry == GET(dentry, d_parent) ||
	       (GET(dentry, d_sb, s_magic) == BTRFS_MAGIC && GET(dentry, d_inode, i_ino) == BTRFS_SUBVOLUME);
}

static __always_inline long top_step(u64 i, struct walk *w)
{
	struct dentry *dentry = w->dentry;

	if (is_top(dentry)) {
		w->state = PATH_WHOLE;
		return 1;
	}
	w->dentry = GET(dentry, d_parent);
	return name_put(w, dentry);
}

static long top_step_more(u64 i, struct walk *w)
{
	return top_step(i, w);
}

/* Writes the path of the top of a mount in its own file system. */
__noinline u64 mount_top_find(u64 p)
{
	struct cpu *c = cpu_current();
	struct vfsmount *vfs = (void *)p;

	if (!c || !p)
		return 0;
	struct walk w = { .c = c, .dentry = GET(vfs, mnt_root), .state = PATH_CUT };

	PUT8(c->path, PATH_END, 0);
	c->path_at = PATH_END;
	REPEAT(top_step, &w);
	return FOUND(c->path_at, c->path_at, w.state);
}

/* After the parameters of the schema, of a file that a call led to:
 *
 *   0  its path as the kernel has it; "=" if that is the text that the call was given; empty if it is a parameter, or none
 *   1  u32 device | u16 where in the path its own mount begins | u8 state of the path | u8 flags
 *   2  of a file in a mount of a part of a file system: the path of that part in it
 */
#define KERNEL_PARAMS 3
#define KERNEL_TEXT_OWN 1 /* only the thread itself can have changed the text since it was used */
#define KERNEL_DIRECTORY 2 /* it is a directory */

/* Writes the last two at `pos`; returns how many bytes the last one has. */
static __always_inline u32 facts_put(struct cpu *c, u32 pos, u64 p, u64 found, u32 flags)
{
	struct event own = { .c = c, .pos = pos };
	struct path *path = (void *)p;
	struct vfsmount *vfs;
	u32 mount_at, dev;

	if (!path) {
		part_u64(&own, 0, 0);
		return 0;
	}
	mount_at = FOUND_OWN(found) - FOUND_BEGIN(found);
	dev = device_of_kernel(GET(path, dentry, d_sb, s_dev));
	part_u64(&own, 0, dev | (u64)(mount_at & 0xffff) << 32 | (u64)FOUND_STATE(found) << 48 | (u64)flags << 56);
	vfs = GET(path, mnt);
	if (!path_is_known(found) || is_top(GET(vfs, mnt_root)))
		return 0;
	found = mount_top_find(plain(c, vfs));
	if (!path_is_known(found))
		return 0;
	return path_copy(c, (pos + sizeof(u64)) & DATA_MASK, found);
}

__noinline int kernel_facts_put(u32 pos, u64 p, u64 found, u32 flags)
{
	struct cpu *c = cpu_current();

	return c ? facts_put(c, pos, p, found, flags) : 0;
}

static __always_inline void push_kernel_facts(struct event *e, u64 path, u64 found, u32 flags)
{
	u32 len = kernel_facts_put(e->pos, path, found, flags) & DATA_MASK;

	push_done(e, sizeof(u64));
	push_done(e, len);
}
