/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What programs ask for through io_uring. Such a request makes no call of its own, so the way out of calls does not see
 * it; here it gives the event of the call that it stands for.
 *
 *   io_uring_enter -> io_submit_sqe -> io_init_req (reads the request)
 *                                   -> trace_io_uring_submit_req    arguments are noted
 *   ... perhaps much later, perhaps in a worker of the kernel ...
 *   io_req_complete -> trace_io_uring_complete                      the event is written, with the result
 *
 * The thread of the event is the one that submitted. What lies in its memory is only read where the request completes
 * in its own process, which is the usual case.
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
#define IORING_OP_LISTEN 57
#define IORING_OPS 64
#define IORING_CQE_F_MORE 2
#define REQ_F_FIXED_FILE 1
#define REQ_F_CQE_SKIP 64
#define EINPROGRESS_RESULT (-EINPROGRESS)
#define MAX_REQUESTS 8192
#define REQUEST_PATH 256
/* Of a buffer in pieces fewer than so many are kept: a power of two. */
#define REQUEST_PIECES 8

/* The number of the call that a request stands for, plus 1. */
const u16 uring_calls[IORING_OPS] = {
	[IORING_OP_READV] = 19 + 1, [IORING_OP_WRITEV] = 20 + 1, [IORING_OP_READ_FIXED] = 0 + 1,
	[IORING_OP_WRITE_FIXED] = 1 + 1, [IORING_OP_SENDMSG] = 46 + 1, [IORING_OP_RECVMSG] = 47 + 1,
	[IORING_OP_SHUTDOWN] = 48 + 1, [IORING_OP_SYMLINKAT] = 266 + 1, [IORING_OP_LINKAT] = 265 + 1,
	[IORING_OP_LISTEN] = 50 + 1,
	[IORING_OP_CONNECT] = 42 + 1, [IORING_OP_ACCEPT] = 288 + 1, [IORING_OP_OPENAT] = 257 + 1,
	[IORING_OP_CLOSE] = 3 + 1, [IORING_OP_READ] = 0 + 1, [IORING_OP_WRITE] = 1 + 1, [IORING_OP_SEND] = 44 + 1,
	[IORING_OP_RECV] = 45 + 1, [IORING_OP_OPENAT2] = 437 + 1, [IORING_OP_RENAMEAT] = 316 + 1,
	[IORING_OP_UNLINKAT] = 263 + 1, [IORING_OP_MKDIRAT] = 258 + 1, [IORING_OP_SOCKET] = 41 + 1,
};

/* A request on its way. */
struct request {
	u64 address; /* of a buffer or an address in the process's memory */
	u64 flags, mode, resolve;
	u32 tid, tgid;
	s32 fd, fd2;
	u32 len;
	u8 opcode;
	u8 pieces; /* of a buffer in pieces */
	u8 pad[2];
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

static __always_inline void path_keep(char *to, struct filename *name)
{
	to[0] = 0;
	bpf_probe_read_kernel_str(to, REQUEST_PATH, BPF_CORE_READ(name, name));
}

/* A path that was kept; longer ones are cut. */
static __always_inline void push_kept(struct event *e, const char *path)
{
	push_kernel_text(e, path, REQUEST_PATH);
}

/* Keeps where the pieces of a buffer lie: the list need not be there any more when the request completes. */
static __always_inline void pieces_keep(struct request *q, u64 iov, u64 count)
{
	u64 n = count < REQUEST_PIECES ? count : REQUEST_PIECES - 1;

	OPAQUE(n);
	n &= REQUEST_PIECES - 1;
	q->pieces = 0;
	if (!bpf_probe_read_user(q->iov, n * 16, (void *)iov))
		q->pieces = n;
}

/* The pieces that were kept, at most `limit` bytes; gives the sum of their sizes. */
static __always_inline u32 push_kept_pieces(struct event *e, struct request *q, bool own, u64 limit)
{
	u32 at = 0, sum = 0;

	if (limit > settings.snaplen)
		limit = settings.snaplen;
	for (u32 i = 0; i < REQUEST_PIECES; i++) {
		u64 len, left, k = i;

		if (i >= q->pieces)
			break;
		OPAQUE(k);
		k &= REQUEST_PIECES - 1;
		len = q->iov[2 * k + 1];
		sum += len;
		left = at < limit ? limit - at : 0;
		if (own)
			at += user_bytes_put(e->pos + at, q->iov[2 * k], len < left ? len : left) & DATA_MASK;
	}
	push_done(e, at & DATA_MASK);
	return sum;
}

/* Writes the event of a request with its result. */
static __always_inline void request_event(struct cpu *c, struct request *q, s64 res)
{
	bool own = bpf_get_current_pid_tgid() >> 32 == q->tgid;
	u64 address = own ? q->address : 0;
	struct event e;

	c->compat = 0;
#define BEGIN(name)                                                                                          \
	e = event_begin(c, EV_##name, EV_##name##_PARAMS, EV_##name##_FAMILY);                               \
	PUT64(c->data, 8, q->tid);                                                                           \
	push_u64(&e, res)
	switch (q->opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2: {
		/* The flags tell of the result only where the table of descriptors at hand is the right one. */
		struct opened o = fd_opened(own ? res : -1);

		if (q->opcode == IORING_OP_OPENAT) {
			BEGIN(OPENAT_2_X);
		} else {
			BEGIN(OPENAT2_X);
		}
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path);
		push_u32(&e, open_flags(q->flags) | o.flags);
		push_u32(&e, open_mode(q->flags, q->mode));
		if (q->opcode == IORING_OP_OPENAT2)
			push_u32(&e, resolve_flags(q->resolve));
		push_u32(&e, o.dev);
		push_u64(&e, o.ino);
		break;
	}
	case IORING_OP_CLOSE:
		BEGIN(CLOSE_X);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_READ:
	case IORING_OP_READ_FIXED:
		BEGIN(READ_X);
		push_user_bytes(&e, res > 0 ? address : 0, res > settings.snaplen ? settings.snaplen : res);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_WRITE:
	case IORING_OP_WRITE_FIXED:
		BEGIN(WRITE_X);
		push_user_bytes(&e, address, q->len > settings.snaplen ? settings.snaplen : q->len);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_SEND:
		BEGIN(SENDTO_X);
		push_user_bytes(&e, address, q->len > settings.snaplen ? settings.snaplen : q->len);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		push_tuple(&e, own && res >= 0 ? fd_sock(q->fd) : NULL, OUTBOUND, 0);
		break;
	case IORING_OP_RECV:
		BEGIN(RECVFROM_X);
		push_user_bytes(&e, res > 0 ? address : 0, res > settings.snaplen ? settings.snaplen : res);
		push_tuple(&e, own && res >= 0 ? fd_sock(q->fd) : NULL, INBOUND, 0);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_READV:
		BEGIN(READV_X);
		push_u32(&e, res > 0 ? res : 0);
		push_kept_pieces(&e, q, own, res > 0 ? res : 0);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_WRITEV: {
		u32 sum;

		BEGIN(WRITEV_X);
		sum = push_kept_pieces(&e, q, own, res > 0 ? res : settings.snaplen);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, sum);
		break;
	}
	case IORING_OP_SENDMSG: {
		u32 sum;

		BEGIN(SENDMSG_X);
		sum = push_kept_pieces(&e, q, own, res > 0 ? res : settings.snaplen);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, sum);
		push_tuple(&e, own && res >= 0 ? fd_sock(q->fd) : NULL, OUTBOUND, address);
		break;
	}
	case IORING_OP_RECVMSG:
		BEGIN(RECVMSG_X);
		push_u32(&e, res > 0 ? res : 0);
		push_kept_pieces(&e, q, own, res > 0 ? res : 0);
		push_tuple(&e, own && res >= 0 ? fd_sock(q->fd) : NULL, INBOUND, address);
		push_user_bytes(&e, own && res >= 0 ? q->control : 0, q->control_len);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_SHUTDOWN:
		BEGIN(SHUTDOWN_X);
		push_u64(&e, (s64)q->fd);
		push_u8(&e, shutdown_how(q->len));
		break;
	case IORING_OP_LISTEN:
		BEGIN(LISTEN_X);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_SYMLINKAT:
		BEGIN(SYMLINKAT_X);
		push_kept(&e, q->path);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path2);
		break;
	case IORING_OP_LINKAT:
		BEGIN(LINKAT_2_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path);
		push_u64(&e, (s64)q->fd2);
		push_kept(&e, q->path2);
		push_u32(&e, linkat_flags(q->flags));
		break;
	case IORING_OP_CONNECT:
		BEGIN(CONNECT_X);
		push_tuple(&e, own && (res == 0 || res == -EINPROGRESS) ? fd_sock(q->fd) : NULL, OUTBOUND, address);
		push_u64(&e, (s64)q->fd);
		push_sockaddr(&e, address, q->len);
		break;
	case IORING_OP_ACCEPT:
		BEGIN(ACCEPT4_6_X);
		push_tuple(&e, own && res >= 0 ? fd_sock(res) : NULL, INBOUND, 0);
		push_u8(&e, 0);
		push_u32(&e, 0);
		push_u32(&e, 0);
		push_u32(&e, nonblock_cloexec(q->flags));
		break;
	case IORING_OP_SOCKET:
		BEGIN(SOCKET_X);
		push_u32(&e, socket_family(q->fd));
		push_u32(&e, q->flags);
		push_u32(&e, q->fd2);
		push_u32(&e, nonblock_cloexec(q->flags));
		break;
	case IORING_OP_RENAMEAT:
		BEGIN(RENAMEAT2_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path);
		push_u64(&e, (s64)q->fd2);
		push_kept(&e, q->path2);
		push_u32(&e, q->flags);
		break;
	case IORING_OP_UNLINKAT:
		BEGIN(UNLINKAT_2_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path);
		push_u32(&e, unlinkat_flags(q->flags));
		break;
	case IORING_OP_MKDIRAT:
		BEGIN(MKDIRAT_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, q->path);
		push_u32(&e, q->mode);
		break;
	default:
		return;
	}
#undef BEGIN
	event_finish(&e);
}

static __always_inline void request_read(struct request *q, struct io_kiocb *req)
{
	/* A number in the ring's own table of files is no descriptor. */
	q->fd = BPF_CORE_READ(req, flags) & REQ_F_FIXED_FILE ? -1 : BPF_CORE_READ(req, cqe.fd);
	switch (q->opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2: {
		struct io_open *open = (void *)req;

		q->fd = BPF_CORE_READ(open, dfd);
		q->flags = BPF_CORE_READ(open, how.flags);
		q->mode = BPF_CORE_READ(open, how.mode);
		q->resolve = BPF_CORE_READ(open, how.resolve);
		path_keep(q->path, BPF_CORE_READ(open, filename));
		break;
	}
	case IORING_OP_CLOSE:
		q->fd = BPF_CORE_READ((struct io_close *)(void *)req, fd);
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE_FIXED:
		q->address = BPF_CORE_READ((struct io_rw *)(void *)req, addr);
		q->len = BPF_CORE_READ((struct io_rw *)(void *)req, len);
		break;
	case IORING_OP_SEND:
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
	case IORING_OP_RECVMSG: {
		struct message m = {};

		if (!message_read(&m, (u64)BPF_CORE_READ((struct io_sr_msg *)(void *)req, buf), false)) {
			count_fault();
			break;
		}
		q->address = m.name;
		q->control = m.control;
		q->control_len = m.control_len;
		pieces_keep(q, m.pieces, m.count);
		break;
	}
	case IORING_OP_SHUTDOWN:
		q->len = BPF_CORE_READ((struct io_shutdown *)(void *)req, how);
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
		path_keep(q->path, BPF_CORE_READ(link, oldpath));
		path_keep(q->path2, BPF_CORE_READ(link, newpath));
		break;
	}
	case IORING_OP_CONNECT:
		q->address = (u64)BPF_CORE_READ((struct io_connect *)(void *)req, addr);
		q->len = BPF_CORE_READ((struct io_connect *)(void *)req, addr_len);
		break;
	case IORING_OP_ACCEPT:
		q->flags = (u32)BPF_CORE_READ((struct io_accept *)(void *)req, flags);
		break;
	case IORING_OP_SOCKET: {
		struct io_socket *socket = (void *)req;

		q->fd = BPF_CORE_READ(socket, domain);
		q->fd2 = BPF_CORE_READ(socket, protocol);
		q->flags = (u32)BPF_CORE_READ(socket, type) | (u32)BPF_CORE_READ(socket, flags);
		break;
	}
	case IORING_OP_RENAMEAT: {
		struct io_rename *rename = (void *)req;

		q->fd = BPF_CORE_READ(rename, old_dfd);
		q->fd2 = BPF_CORE_READ(rename, new_dfd);
		q->flags = (u32)BPF_CORE_READ(rename, flags);
		path_keep(q->path, BPF_CORE_READ(rename, oldpath));
		path_keep(q->path2, BPF_CORE_READ(rename, newpath));
		break;
	}
	case IORING_OP_UNLINKAT:
		q->fd = BPF_CORE_READ((struct io_unlink *)(void *)req, dfd);
		q->flags = (u32)BPF_CORE_READ((struct io_unlink *)(void *)req, flags);
		path_keep(q->path, BPF_CORE_READ((struct io_unlink *)(void *)req, filename));
		break;
	case IORING_OP_MKDIRAT:
		q->fd = BPF_CORE_READ((struct io_mkdir *)(void *)req, dfd);
		q->mode = BPF_CORE_READ((struct io_mkdir *)(void *)req, mode);
		path_keep(q->path, BPF_CORE_READ((struct io_mkdir *)(void *)req, filename));
		break;
	}
}

static __always_inline struct task_struct *request_task(struct io_kiocb *req)
{
	if (bpf_core_field_exists(((struct io_kiocb___task *)0)->task))
		return BPF_CORE_READ((struct io_kiocb___task *)(void *)req, task);
	return BPF_CORE_READ(req, tctx, task);
}

static __always_inline int submitted(struct io_kiocb *req)
{
	struct cpu *c = cpu_current();
	u8 opcode = BPF_CORE_READ(req, opcode);
	struct task_struct *task;
	struct request *q;
	u16 call;
	u64 key;

	if (!c || opcode >= IORING_OPS)
		return 0;
	call = uring_calls[opcode & (IORING_OPS - 1)];
	if (!call || !(settings.interest[(call - 1) & (SYSCALL_NUMBERS - 1)] & INTEREST_NATIVE))
		return 0;
	task = request_task(req);
	/* Put together above the event that may be on its way in the processor's buffer. */
	q = (void *)&c->data[DATA_MASK + 1];
	q->address = 0;
	q->flags = 0;
	q->mode = 0;
	q->resolve = 0;
	q->len = 0;
	q->fd2 = 0;
	q->pieces = 0;
	q->control = 0;
	q->control_len = 0;
	q->opcode = opcode;
	q->tid = BPF_CORE_READ(task, pid);
	q->tgid = BPF_CORE_READ(task, tgid);
	q->path[0] = 0;
	q->path2[0] = 0;
	if (process_is_left_out(q->tgid))
		return 0;
	request_read(q, req);
	/* Who asks for no notice of success gets his event now. */
	if (BPF_CORE_READ(req, flags) & REQ_F_CQE_SKIP) {
		request_event(c, q, EINPROGRESS_RESULT);
		return 0;
	}
	key = plain(c, req);
	bpf_map_update_elem(&requests, &key, q, BPF_ANY);
	return 0;
}

static __always_inline int completed(void *req, s64 res, u32 flags)
{
	struct cpu *c = cpu_current();
	struct request *q;
	u64 key;

	if (!c || !req)
		return 0;
	key = plain(c, req);
	q = bpf_map_lookup_elem(&requests, &key);
	if (!q)
		return 0;
	if (!(settings.drop_failed && res < 0))
		request_event(c, q, res);
	if (!(flags & IORING_CQE_F_MORE))
		bpf_map_delete_elem(&requests, &key);
	return 0;
}

/* The tracepoints changed with time; the loader takes those that the kernel has. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit, struct io_kiocb *req)
{
	return submitted(req);
}

/* From 6.0 to 6.2. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(uring_submit_old, struct io_kiocb *req)
{
	return submitted(req);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	return completed(req, (s64)BPF_CORE_READ(cqe, res), BPF_CORE_READ(cqe, flags));
}

/* Before 6.12 the result came in words. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete_old, void *ring, void *req, u64 user_data, int res, u32 flags)
{
	return completed(req, res, flags);
}
