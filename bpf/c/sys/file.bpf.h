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

/* After the parameters of the schema a successful open has the path of the opened file, as the kernel has it. */
#define REAL_PATH(o) ((o).file ? 1 : 0)

static __always_inline void push_opened_path(struct event *e, struct opened *o)
{
	if (o->file)
		push_real_path(e, o->file);
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
	struct event e = event_begin(c, EV_OPEN_X, EV_OPEN_X_PARAMS + REAL_PATH(o), EV_OPEN_X_FAMILY);

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, open_flags(c->args[1]) | o.flags);
	push_u32(&e, open_mode(c->args[1], c->args[2]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	push_opened_path(&e, &o);
	event_finish(&e);
	return 0;
}

ON_EXIT(openat_2_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPENAT_2_X, EV_OPENAT_2_X_PARAMS + REAL_PATH(o), EV_OPENAT_2_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, open_flags(c->args[2]) | o.flags);
	push_u32(&e, open_mode(c->args[2], c->args[3]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	push_opened_path(&e, &o);
	event_finish(&e);
	return 0;
}

ON_EXIT(openat2_x)
{
	struct cpu *c = cpu_current();
	struct open_how how = {};

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_OPENAT2_X, EV_OPENAT2_X_PARAMS + REAL_PATH(o), EV_OPENAT2_X_FAMILY);

	if (bpf_probe_read_user(&how, sizeof(how), (void *)c->args[2]))
		count_fault();
	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_u32(&e, open_flags(how.flags) | o.flags);
	push_u32(&e, open_mode(how.flags, how.mode));
	push_u32(&e, resolve_flags(how.resolve));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	push_opened_path(&e, &o);
	event_finish(&e);
	return 0;
}

ON_EXIT(creat_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct opened o = fd_opened(ret);
	struct event e = event_begin(c, EV_CREAT_X, EV_CREAT_X_PARAMS + REAL_PATH(o), EV_CREAT_X_FAMILY);
	u16 layer = o.layer == LAYER_UPPER ? CREAT_FLAGS__FD_UPPER_LAYER_CREAT :
		    o.layer == LAYER_LOWER ? CREAT_FLAGS__FD_LOWER_LAYER_CREAT :
					     0;

	push_u64(&e, ret);
	push_user_text(&e, c->args[0], MAX_PATH);
	push_u32(&e, open_mode(O_CREAT, c->args[1]));
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	push_u16(&e, layer);
	push_opened_path(&e, &o);
	event_finish(&e);
	return 0;
}

ON_EXIT(open_by_handle_at_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e =
		event_begin(c, EV_OPEN_BY_HANDLE_AT_X, EV_OPEN_BY_HANDLE_AT_X_PARAMS, EV_OPEN_BY_HANDLE_AT_X_FAMILY);
	struct opened o = fd_opened(ret);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, open_flags(c->args[2]) | o.flags);
	/* A handle has no name: the path is the one that it was found under. */
	push_file_path(&e, o.file);
	push_u32(&e, o.dev);
	push_u64(&e, o.ino);
	event_finish(&e);
	return 0;
}
