/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A request through io_uring from its submission to its completion: the kept values, read from the kernel's own form.
 */
#pragma once

#define IORING_OP_READV 1
#define IORING_OP_WRITEV 2
#define IORING_OP_READ_FIXED 4
#define IORING_OP_WRITE_FIXED 5
#define IORING_OP_SENDMSG 9
#define IORING_OP_RECVMSG 10
#define IORING_OP_CONNECT 16
#define IORING_OP_ACCEPT 13
#define IORING_OP_OPENAT 18
#define IORING_OP_CLOSE 19
#define IORING_OP_READ 22
#define IORING_OP_WRITE 23
#define IORING_OP_SEND 26
#define IORING_OP_RECV 27
#define IORING_OP_OPENAT2 28
#define IORING_OP_RENAMEAT 35
#define IORING_OP_UNLINKAT 36
#define IORING_OP_MKDIRAT 37
#define IORING_OP_SHUTDOWN 34
#define IORING_OP_SYMLINKAT 38
#define IORING_OP_LINKAT 39
#define IORING_OP_SOCKET 45
#define IORING_OP_SEND_ZC 47
#define IORING_OP_SENDMSG_ZC 48
#define IORING_OP_FIXED_FD_INSTALL 54
#define IORING_OP_BIND 56
#define IORING_OP_LISTEN 57
#define IORING_OPS 64
#define IORING_CQE_F_MORE 2
#define REQ_F_FIXED_FILE 1
#define REQ_F_CQE_SKIP 64
#define EINPROGRESS_RESULT (-EINPROGRESS)
#define MAX_REQUESTS 8192
#define REQUEST_PATH 256
/* Pending requests with longer paths. */
#define MAX_LONG_PATHS 128
/* The greatest number of pieces of a buffer that are kept, plus one: a power of two. */
#define REQUEST_PIECES 8

/* Returns the number of the call that a request corresponds to, plus 1. */
const u16 uring_calls[IORING_OPS] = {
	[IORING_OP_READV] = 19 + 1, [IORING_OP_WRITEV] = 20 + 1, [IORING_OP_READ_FIXED] = 0 + 1,
	[IORING_OP_WRITE_FIXED] = 1 + 1, [IORING_OP_SENDMSG] = 46 + 1, [IORING_OP_RECVMSG] = 47 + 1,
	[IORING_OP_SHUTDOWN] = 48 + 1, [IORING_OP_SYMLINKAT] = 266 + 1, [IORING_OP_LINKAT] = 265 + 1,
	[IORING_OP_BIND] = 49 + 1, [IORING_OP_LISTEN] = 50 + 1, [IORING_OP_FIXED_FD_INSTALL] = 32 + 1,
	[IORING_OP_CONNECT] = 42 + 1, [IORING_OP_ACCEPT] = 288 + 1, [IORING_OP_OPENAT] = 257 + 1,
	[IORING_OP_CLOSE] = 3 + 1, [IORING_OP_READ] = 0 + 1, [IORING_OP_WRITE] = 1 + 1, [IORING_OP_SEND] = 44 + 1,
	[IORING_OP_RECV] = 45 + 1, [IORING_OP_OPENAT2] = 437 + 1, [IORING_OP_RENAMEAT] = 316 + 1,
	[IORING_OP_UNLINKAT] = 263 + 1, [IORING_OP_MKDIRAT] = 258 + 1, [IORING_OP_SOCKET] = 41 + 1,
	[IORING_OP_SEND_ZC] = 44 + 1, [IORING_OP_SENDMSG_ZC] = 46 + 1,
};

/* A request on its way. */
struct request {
	u64 address; /* the buffer or message in the process's memory */
	u64 flags, mode, resolve;
	u32 tid, tgid;
	s32 fd, fd2;
	u32 len;
	u32 name_len; /* length of the address, which is kept in `path` */
	u8 opcode;
	u8 pieces; /* number of pieces of a buffer */
	u8 fixed; /* `place` is used instead of `fd` */
	u8 long_paths; /* bits: `path`, `path2` are in the map of that name */
	u32 place; /* place in the ring's table of files */
	u32 target; /* where the new file gets its place, counted from 1; 0: it gets a file descriptor */
	u64 ring;
	u64 iov[2 * REQUEST_PIECES];
	u64 control, control_len;
	char path[REQUEST_PATH];
	char path2[REQUEST_PATH];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_REQUESTS);
	__type(key, u64);
	__type(value, struct request);
} requests SEC(".maps");

struct long_path {
	char text[PATH_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_LONG_PATHS);
	__type(key, u64);
	__type(value, struct long_path);
} long_paths SEC(".maps");

#define FIRST_PATH 1
#define SECOND_PATH 2
/* Requests are aligned to more than this. */
#define LONG_PATH_KEY(req, which) ((u64)(req) | (which))

/* Keeps a path; a long one separately. One that is lost there is empty: a cut path would be that of another file. */
static __always_inline void path_keep(struct request *q, u64 req, u8 which, struct filename *name)
{
	char *to = which == FIRST_PATH ? q->path : q->path2;
	const char *from = BPF_CORE_READ(name, name);
	u64 key = LONG_PATH_KEY(req, which);
	struct cpu *c = cpu_current();
	long len;

	to[0] = 0;
	len = bpf_probe_read_kernel_str(to, REQUEST_PATH, from);
	if (len < REQUEST_PATH || !c)
		return;
	to[0] = 0;
	bpf_probe_read_kernel_str(c->path, PATH_SIZE, from);
	if (!bpf_map_update_elem(&long_paths, &key, c->path, BPF_ANY))
		q->long_paths |= which;
}

/* Keeps the address of a bind, which the kernel has copied by then: to where a message has its address, in later kernels
 * to the beginning. A message begins with a pointer, whose lower bits are never those of a family.
 */
static __always_inline void bind_address_keep(struct request *q, u64 copy)
{
	u16 family = 0;

	bpf_probe_read_kernel(&family, sizeof(family), (void *)copy);
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		copy += bpf_core_field_offset(struct io_async_msghdr, addr);
	bpf_probe_read_kernel(q->path, SOCKADDR_MAX, (void *)copy);
}

/* Keeps the address argument of a request, which the kernel has by now or will read in a moment. */
static __always_inline void address_keep(struct request *q, struct given address, bool user)
{
	u32 len = address.len;

	q->name_len = 0;
	if (!address.at || !len || len > SOCKADDR_MAX)
		return;
	OPAQUE(len);
	len &= 2 * SOCKADDR_MAX - 1;
	if (!address_read(q->path, len, address.at, user))
		q->name_len = len;
}

/* Keeps the target of a datagram. Later kernels have copied the address by then. */
static __always_inline void destination_keep(struct request *q, struct io_kiocb *req)
{
	struct io_sr_msg___addr *old = (void *)req;
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);

	if (bpf_core_field_exists(old->addr_len))
		address_keep(q, given((u64)BPF_CORE_READ(old, addr), BPF_CORE_READ(old, addr_len)), true);
	else if (copy && BPF_CORE_READ(copy, msg.msg_name))
		address_keep(q, given((u64)copy + bpf_core_field_offset(struct io_async_msghdr, addr),
				      BPF_CORE_READ(copy, msg.msg_namelen)), false);
}

/* Keeps the addresses of the pieces of a buffer: the list may be gone when the request completes. */
static __always_inline void pieces_keep(struct request *q, u64 iov, u64 count)
{
	u64 n = count < REQUEST_PIECES ? count : REQUEST_PIECES - 1;

	OPAQUE(n);
	n &= REQUEST_PIECES - 1;
	q->pieces = 0;
	if (!bpf_probe_read_user(q->iov, n * 16, (void *)iov))
		q->pieces = n;
}

static __always_inline void request_read(struct cpu *c, struct request *q, struct io_kiocb *req, u64 key)
{
	q->fd = q->place = BPF_CORE_READ(req, cqe.fd);
	if (BPF_CORE_READ(req, flags) & REQ_F_FIXED_FILE) {
		q->fixed = 1;
		q->fd = fixed_number(q->ring, q->place);
	}
	switch (q->opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2: {
		struct io_open *open = (void *)req;

		q->fd = BPF_CORE_READ(open, dfd);
		q->target = BPF_CORE_READ(open, file_slot);
		q->flags = BPF_CORE_READ(open, how.flags);
		q->mode = BPF_CORE_READ(open, how.mode);
		q->resolve = BPF_CORE_READ(open, how.resolve);
		path_keep(q, key, FIRST_PATH, BPF_CORE_READ(open, filename));
		break;
	}
	case IORING_OP_CLOSE:
		q->fd = BPF_CORE_READ((struct io_close *)(void *)req, fd);
		q->place = BPF_CORE_READ((struct io_close *)(void *)req, file_slot);
		if (q->place)
			q->fd = fixed_number(q->ring, q->place - 1);
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE_FIXED:
		q->address = BPF_CORE_READ((struct io_rw *)(void *)req, addr);
		q->len = BPF_CORE_READ((struct io_rw *)(void *)req, len);
		break;
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		destination_keep(q, req);
		/* fall through */
	case IORING_OP_RECV:
		q->address = (u64)BPF_CORE_READ((struct io_sr_msg *)(void *)req, buf);
		q->len = BPF_CORE_READ((struct io_sr_msg *)(void *)req, len);
		break;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		pieces_keep(q, BPF_CORE_READ((struct io_rw *)(void *)req, addr),
			    BPF_CORE_READ((struct io_rw *)(void *)req, len));
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECVMSG: {
		struct message m = {};

		q->address = (u64)BPF_CORE_READ((struct io_sr_msg *)(void *)req, buf);
		if (!message_read(c, &m, q->address, false)) {
			count_fault();
			break;
		}
		if (q->opcode != IORING_OP_RECVMSG)
			address_keep(q, m.name, true);
		q->control = m.control;
		q->control_len = m.control_len;
		pieces_keep(q, m.pieces, m.count);
		break;
	}
	case IORING_OP_SHUTDOWN:
		q->len = BPF_CORE_READ((struct io_shutdown *)(void *)req, how);
		break;
	case IORING_OP_BIND:
		/* Since 6.11. */
		if (bpf_core_type_exists(struct io_bind)) {
			q->name_len = BPF_CORE_READ((struct io_bind *)(void *)req, addr_len);
			bind_address_keep(q, (u64)BPF_CORE_READ(req, async_data));
		}
		break;
	case IORING_OP_LISTEN:
		/* Since 6.11. */
		if (bpf_core_type_exists(struct io_listen))
			q->len = BPF_CORE_READ((struct io_listen *)(void *)req, backlog);
		break;
	case IORING_OP_SYMLINKAT:
	case IORING_OP_LINKAT: {
		struct io_link *link = (void *)req;

		q->fd = q->opcode == IORING_OP_LINKAT ? BPF_CORE_READ(link, old_dfd) : BPF_CORE_READ(link, new_dfd);
		q->fd2 = BPF_CORE_READ(link, new_dfd);
		q->flags = (u32)BPF_CORE_READ(link, flags);
		path_keep(q, key, FIRST_PATH, BPF_CORE_READ(link, oldpath));
		path_keep(q, key, SECOND_PATH, BPF_CORE_READ(link, newpath));
		break;
	}
	case IORING_OP_CONNECT:
		address_keep(q, given((u64)BPF_CORE_READ((struct io_connect *)(void *)req, addr),
				      BPF_CORE_READ((struct io_connect *)(void *)req, addr_len)), true);
		break;
	case IORING_OP_ACCEPT:
		q->flags = (u32)BPF_CORE_READ((struct io_accept *)(void *)req, flags);
		q->target = BPF_CORE_READ((struct io_accept *)(void *)req, file_slot);
		break;
	case IORING_OP_SOCKET: {
		struct io_socket *socket = (void *)req;

		q->fd = BPF_CORE_READ(socket, domain);
		q->fd2 = BPF_CORE_READ(socket, protocol);
		q->flags = (u32)BPF_CORE_READ(socket, type) | (u32)BPF_CORE_READ(socket, flags);
		q->target = BPF_CORE_READ(socket, file_slot);
		break;
	}
	case IORING_OP_RENAMEAT: {
		struct io_rename *rename = (void *)req;

		q->fd = BPF_CORE_READ(rename, old_dfd);
		q->fd2 = BPF_CORE_READ(rename, new_dfd);
		q->flags = (u32)BPF_CORE_READ(rename, flags);
		path_keep(q, key, FIRST_PATH, BPF_CORE_READ(rename, oldpath));
		path_keep(q, key, SECOND_PATH, BPF_CORE_READ(rename, newpath));
		break;
	}
	case IORING_OP_UNLINKAT:
		q->fd = BPF_CORE_READ((struct io_unlink *)(void *)req, dfd);
		q->flags = (u32)BPF_CORE_READ((struct io_unlink *)(void *)req, flags);
		path_keep(q, key, FIRST_PATH, BPF_CORE_READ((struct io_unlink *)(void *)req, filename));
		break;
	case IORING_OP_MKDIRAT:
		q->fd = BPF_CORE_READ((struct io_mkdir *)(void *)req, dfd);
		q->mode = BPF_CORE_READ((struct io_mkdir *)(void *)req, mode);
		path_keep(q, key, FIRST_PATH, BPF_CORE_READ((struct io_mkdir *)(void *)req, filename));
		break;
	}
}
