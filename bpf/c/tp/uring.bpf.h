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
#define IORING_OP_SOCKET 45
#define IORING_OPS 46
#define IORING_CQE_F_MORE 2
#define REQ_F_CQE_SKIP 64
#define EINPROGRESS_RESULT (-EINPROGRESS)
#define MAX_REQUESTS 8192
#define REQUEST_PATH 256

/* The number of the call that a request stands for, plus 1. */
const u16 uring_calls[64] = {
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
	u8 pad[3];
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
		BEGIN(READ_X);
		push_user_bytes(&e, res > 0 ? address : 0, res > settings.snaplen ? settings.snaplen : res);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_WRITE:
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
	q->fd = BPF_CORE_READ(req, cqe.fd);
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
		q->address = BPF_CORE_READ((struct io_rw *)(void *)req, addr);
		q->len = BPF_CORE_READ((struct io_rw *)(void *)req, len);
		break;
	case IORING_OP_SEND:
	case IORING_OP_RECV:
		q->address = (u64)BPF_CORE_READ((struct io_sr_msg *)(void *)req, buf);
		q->len = BPF_CORE_READ((struct io_sr_msg *)(void *)req, len);
		break;
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

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit, struct io_kiocb *req)
{
	struct cpu *c = cpu_current();
	u8 opcode = BPF_CORE_READ(req, opcode);
	struct task_struct *task;
	struct request *q;
	u16 call;
	u64 key;

	if (!c || opcode >= IORING_OPS)
		return 0;
	call = uring_calls[opcode & 63];
	if (!call || !(settings.interest[(call - 1) & (SYSCALL_NUMBERS - 1)] & INTEREST_NATIVE))
		return 0;
	task = BPF_CORE_READ(req, tctx, task);
	/* Put together above the event that may be on its way in the processor's buffer. */
	q = (void *)&c->data[DATA_MASK + 1];
	q->address = 0;
	q->flags = 0;
	q->mode = 0;
	q->resolve = 0;
	q->len = 0;
	q->fd2 = 0;
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

SEC("tp_btf/io_uring_complete")
int BPF_PROG(io_uring_complete, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	struct cpu *c = cpu_current();
	struct request *q;
	s64 res;
	u64 key;

	if (!c || !req)
		return 0;
	key = plain(c, req);
	q = bpf_map_lookup_elem(&requests, &key);
	if (!q)
		return 0;
	res = (s64)BPF_CORE_READ(cqe, res);
	if (!(settings.drop_failed && res < 0))
		request_event(c, q, res);
	if (!(BPF_CORE_READ(cqe, flags) & IORING_CQE_F_MORE))
		bpf_map_delete_elem(&requests, &key);
	return 0;
}
