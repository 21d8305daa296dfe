/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The open family: properties of an opened file come from the file descriptor, not from the name. */
#pragma once

/* The schema's properties of a freshly opened file. */
struct opened {
	u32 dev;
	u64 ino;
	u32 flags; /* O_F_CREATED and the overlay's layer */
	enum layer layer;
	struct file *file;
};

static __always_inline struct opened file_opened(struct file *file)
{
	struct opened o = { .file = file };

	if (!file)
		return o;
	o.dev = file_dev(file);
	o.ino = file_ino(file);
	o.layer = file_layer(file);
	if (GET(file, f_mode) & FMODE_CREATED)
		o.flags |= FILE_FLAGS__O_F_CREATED;
	if (o.layer == LAYER_UPPER)
		o.flags |= FILE_FLAGS__FD_UPPER_LAYER;
	else if (o.layer == LAYER_LOWER)
		o.flags |= FILE_FLAGS__FD_LOWER_LAYER;
	return o;
}

/* Writes the parameters after those of the schema; a failed call leads nowhere. */
#define MORE(o) ((o).file ? KERNEL_PARAMS : 0)

static __always_inline u64 push_opened(struct event *e, struct file *file, struct text text)
{
	return file ? push_led_to(e, file_path(e->c, file), text) : 0;
}

/* Sends the event, unless the plan leaves it out. */
static __always_inline void open_finish(struct event *e, struct text text, u32 flags, long ret, u64 led)
{
	if (!open_is_left_out(e, text.pos, text.len, flags, ret, led))
		event_finish(e);
}

static __always_inline struct opened fd_opened(long fd)
{
	return file_opened(fd < 0 ? NULL : fd_file(fd));
}

ON_EXIT(open_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPEN_X, EV_OPEN_X_PARAMS + MORE(o), EV_OPEN_X_FAMILY);

	push_u64(&e, ret);
	struct text text = push_given(&e, c->args[0]);

	push_u32(&e, open_flags(c->args[1]) | o.flags);
	push_u32(&e, open_mode(c->args[1], c->args[2]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	open_finish(&e, text, open_flags(c->args[1]), ret, push_opened(&e, o.file, text));
	return 0;
}

ON_EXIT(openat_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPENAT_2_X, EV_OPENAT_2_X_PARAMS + MORE(o), EV_OPENAT_2_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	struct text text = push_given(&e, c->args[1]);

	push_u32(&e, open_flags(c->args[2]) | o.flags);
	push_u32(&e, open_mode(c->args[2], c->args[3]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	open_finish(&e, text, open_flags(c->args[2]), ret, push_opened(&e, o.file, text));
	return 0;
}

/* Flags of openat2 lie in memory that may have changed since. The file has all but those that only matter to the open. */
static __always_inline u64 how_flags(struct open_how *how, struct file *file)
{
	const u64 own = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_LARGEFILE;

	return file ? (how->flags & own) | (GET(file, f_flags) & ~own) : how->flags;
}

ON_EXIT(openat2_x)
{
	struct cpu *c = cpu_current();
	struct open_how how = {};

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPENAT2_X, EV_OPENAT2_X_PARAMS + MORE(o), EV_OPENAT2_X_FAMILY);

	if (bpf_probe_read_user(&how, sizeof(how), (void *)c->args[2]))
		count_fault();
	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	struct text text = push_given(&e, c->args[1]);

	push_u32(&e, open_flags(how_flags(&how, o.file)) | o.flags);
	push_u32(&e, open_mode(how.flags, how.mode));
	push_u32(&e, resolve_flags(how.resolve));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	u64 led = push_opened(&e, o.file, text);

	/* The path begins at another root. */
	if (resolve_flags(how.resolve) & OPENAT2_FLAGS__RESOLVE_IN_ROOT)
		led &= ~LED_OWN;
	open_finish(&e, text, open_flags(how_flags(&how, o.file)), ret, led);
	return 0;
}

ON_EXIT(creat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_CREAT_X, EV_CREAT_X_PARAMS + MORE(o), EV_CREAT_X_FAMILY);
	u16 layer = o.layer == LAYER_UPPER ? CREAT_FLAGS__FD_UPPER_LAYER_CREAT :
		    o.layer == LAYER_LOWER ? CREAT_FLAGS__FD_LOWER_LAYER_CREAT :
					     0;

	push_u64(&e, ret);
	struct text text = push_given(&e, c->args[0]);

	push_u32(&e, open_mode(O_CREAT, c->args[1]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	push_u16(&e, layer);
	open_finish(&e, text, 0, ret, push_opened(&e, o.file, text));
	return 0;
}

ON_EXIT(open_by_handle_at_x)
{
	struct cpu *c = cpu_current();
	u64 found;

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPEN_BY_HANDLE_AT_X, EV_OPEN_BY_HANDLE_AT_X_PARAMS + MORE(o),
				     EV_OPEN_BY_HANDLE_AT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, open_flags(c->args[2]) | o.flags);
	/* A handle has no name: the path is the one that it was found under. */
	found = path_find(file_path(c, o.file));
	push_found(&e, found);
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	if (o.file) {
		push_empty(&e);
		push_kernel_facts(&e, file_path(c, o.file), found, 0);
	}
	event_finish(&e);
	return 0;
}

/* The working directory of the current task. */
static __always_inline u64 working_directory(struct cpu *c)
{
	struct task_struct *task = task_current();

	return plain(c, BPF_CORE_READ(task, fs)) + bpf_core_field_offset(struct fs_struct, pwd);
}

ON_EXIT(chdir_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CHDIR_X, EV_CHDIR_X_PARAMS + (ret ? 0 : KERNEL_PARAMS), EV_CHDIR_X_FAMILY);

	push_u64(&e, ret);
	struct text text = push_given(&e, c->args[0]);

	if (!ret)
		push_led_to(&e, working_directory(c), text);
	event_finish(&e);
	return 0;
}

ON_EXIT(fchdir_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_FCHDIR_X, EV_FCHDIR_X_PARAMS + (ret ? 0 : KERNEL_PARAMS), EV_FCHDIR_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	if (!ret) {
		u64 path = working_directory(c), found = path_find(path);

		push_found(&e, found);
		push_kernel_facts(&e, path, found, 0);
	}
	event_finish(&e);
	return 0;
}
