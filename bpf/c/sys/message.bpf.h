/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Headers of messages, and the file descriptors that come with them. */
#pragma once

/* What is used of a message's header. */
struct message {
	struct given name;
	u64 pieces, count, control, control_len;
};

/* A length that is too great counts as the greatest. */
static __always_inline struct given message_name(u64 at, u32 len)
{
	return given(at, len < SOCKADDR_MAX ? len : SOCKADDR_MAX);
}

static __always_inline bool message_read(struct cpu *c, struct message *m, u64 p, bool compat)
{
	struct message_native *n = &c->header.native;
	struct message_compat *s = &c->header.compat;

	if (compat) {
		if (bpf_probe_read_user(s, sizeof(*s), (void *)p))
			return false;
		m->name = message_name(s->name, s->name_len);
		m->pieces = s->pieces;
		m->count = s->count;
		m->control = s->control;
		m->control_len = s->control_len;
		return true;
	}
	if (bpf_probe_read_user(n, sizeof(*n), (void *)p))
		return false;
	m->name = message_name(n->name, n->name_len);
	m->pieces = n->pieces;
	m->count = n->count;
	m->control = n->control;
	m->control_len = n->control_len;
	return true;
}

/* File descriptors that came with a message: after the parameters of the schema there is an entry for each that the
 * kernel can name at once. Others have to be looked up in /proc.
 *
 *   s32 fd | u32 flags, or type and protocol of a socket | u32 dev | u16 kind | u16 len | u64 ino | len bytes
 */
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define MAX_CONTROLS 4
#define MAX_PASSED 8
#define PASSED_HEADER 24
#define PASSED_FILE 1
#define PASSED_DIRECTORY 2
#define PASSED_SOCKET 3

struct control {
	u64 len;
	s32 level, type;
};

#define PASSED(message) ((message)->control_len > sizeof(struct control) ? 1 : 0)

/* Writes the entry of one file descriptor at `pos`; returns how many bytes. */
__noinline int passed_put(u32 pos, s32 fd)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	struct file *file = fd_file(fd);
	struct sock *sk = file_sock(file);
	u32 at, flags, kind, len;

	if (!own.c || !file)
		return 0;
	if (sk) {
		kind = PASSED_SOCKET;
		flags = (u32)GET(sk, sk_type) << 16 | GET(sk, sk_protocol);
		len = tuple_put(pos + PASSED_HEADER, plain(own.c, sk), OUTBOUND, 0, 0) & DATA_MASK;
	} else {
		u64 found = path_find(file_path(own.c, file));

		if (!path_is_known(found))
			return 0;
		kind = (GET(file, f_inode, i_mode) & S_IFMT) == S_IFDIR ? PASSED_DIRECTORY : PASSED_FILE;
		flags = open_flags(GET(file, f_flags));
		len = path_copy(own.c, (pos + PASSED_HEADER) & DATA_MASK, found);
	}
	at = part_u32(e, 0, fd);
	at = part_u32(e, at, flags);
	at = part_u32(e, at, file_dev(file));
	at = part_u16(e, at, kind);
	at = part_u16(e, at, len);
	part_u64(e, at, file_ino(file));
	return PASSED_HEADER + len;
}

__noinline int control_put(u32 pos, u64 control, u64 control_len)
{
	struct cpu *c = cpu_current();
	u64 at = 0;
	u32 n = 0;

	if (!c || c->compat)
		return 0;
	for (int i = 0; i < MAX_CONTROLS; i++) {
		struct control m = {};

		if (at + sizeof(m) > control_len || bpf_probe_read_user(&m, sizeof(m), (void *)(control + at)))
			break;
		if (m.len < sizeof(m) || m.len > control_len - at)
			break;
		for (u32 k = 0; k < MAX_PASSED; k++) {
			if (m.level != SOL_SOCKET || m.type != SCM_RIGHTS || sizeof(m) + 4 * (k + 1) > m.len)
				break;
			n += passed_put(pos + n, user_u32(control + at + sizeof(m) + 4 * k)) & DATA_MASK;
		}
		at += (m.len + 7) & ~7ULL;
	}
	return n < MAX_EVENT - TAIL ? n : 0;
}

static __always_inline void push_passed(struct event *e, struct message *m)
{
	if (PASSED(m))
		push_done(e, control_put(e->pos, m->control, m->control_len) & DATA_MASK);
}
