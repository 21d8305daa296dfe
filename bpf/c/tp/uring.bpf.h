/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Requests through io_uring. Such a request makes no call, so the exit of calls does not see it; here it is reported by
 * the event of the corresponding call.
 *
 *   io_uring_enter -> io_submit_sqe -> io_init_req (reads the request)
 *                                   -> trace_io_uring_submit_req    arguments are noted
 *   ... perhaps much later, perhaps in a worker of the kernel ...
 *   io_req_complete -> trace_io_uring_complete                      the event is written, with the result
 *
 * The thread of the event is the one that submitted. Its memory is only read where the request completes in its own
 * process, which is the common case.
 */
#pragma once

/* A path that was kept. */
__noinline int kept_put(u32 pos, u64 q, u64 req, u32 which)
{
	struct request *request = (void *)q;
	u64 key = LONG_PATH_KEY(req, which);
	struct cpu *c = cpu_current();
	struct long_path *path;
	u8 apart = 0, first = 0;
	u64 at = which == FIRST_PATH ? (u64)request->path : (u64)request->path2;
	int len;

	bpf_probe_read_kernel(&apart, 1, &request->long_paths);
	if (!(apart & which)) {
		bpf_probe_read_kernel(&first, 1, (void *)at);
		return first ? kernel_text_put(pos, at, REQUEST_PATH) : 0;
	}
	path = bpf_map_lookup_elem(&long_paths, &key);
	if (!path || !c)
		return 0;
	len = kernel_text_put(pos, plain(c, path), PATH_SIZE);
	bpf_map_delete_elem(&long_paths, &key);
	return len;
}

static __always_inline void push_kept(struct event *e, u64 q, u64 req, u32 which)
{
	push_done(e, kept_put(e->pos, q, req, which) & (2 * PATH_SIZE - 1));
}

/* Writes the pieces that were kept, at most `limit` bytes; returns the sum of their sizes. */
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

/* Returns the address of a received message: the message has its length by now. */
static __always_inline struct given sender(struct cpu *c, u64 message)
{
	struct message m = {};

	if (message && !message_read(c, &m, message, false))
		count_fault();
	return m.name;
}

/* Writes the event of a request with its result. */
static __always_inline void request_event(struct cpu *c, struct request *q, u64 req, s64 res, struct file *file)
{
	bool own = bpf_get_current_pid_tgid() >> 32 == q->tgid;
	u64 address = own ? q->address : 0;
	struct given to = given(plain(c, q->path), q->name_len);
	struct sock *sock;
	struct event e;

	c->compat = 0;
	c->mark = 0;
	sock = q->fixed ? file_sock(file) : own ? fd_sock(q->fd) : NULL;
#define BEGIN_WITH(name, more)                                                                               \
	e = event_begin(c, EV_##name, EV_##name##_PARAMS + (more), EV_##name##_FAMILY);                      \
	PUT64(c->data, 8, q->tid);                                                                           \
	push_u64(&e, res)
#define BEGIN(name) BEGIN_WITH(name, 0)
	switch (q->opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2: {
		/* Without the file itself, the table of file descriptors has to be the right one. */
		struct opened o = q->target ? file_opened(file) : fd_opened(own ? res : -1);

		if (q->opcode == IORING_OP_OPENAT) {
			BEGIN_WITH(OPENAT_2_X, MORE(o));
		} else {
			BEGIN_WITH(OPENAT2_X, MORE(o));
		}
		push_u64(&e, (s64)q->fd);
		struct text text = { .pos = e.pos };

		push_kept(&e, plain(c, q), req, FIRST_PATH);
		text.len = e.pos - text.pos;
		push_u32(&e, open_flags(q->flags) | o.flags);
		push_u32(&e, open_mode(q->flags, q->mode));
		if (q->opcode == IORING_OP_OPENAT2)
			push_u32(&e, resolve_flags(q->resolve));
		push_u32(&e, o.dev);
		push_u64(&e, o.ino);
		push_opened(&e, o.file, text);
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
	case IORING_OP_SEND_ZC:
		BEGIN(SENDTO_X);
		push_user_bytes(&e, address, q->len > settings.snaplen ? settings.snaplen : q->len);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		push_tuple(&e, res >= 0 ? sock : NULL, OUTBOUND | ADDRESS_COPIED, to);
		break;
	case IORING_OP_RECV:
		BEGIN(RECVFROM_X);
		push_user_bytes(&e, res > 0 ? address : 0, res > settings.snaplen ? settings.snaplen : res);
		push_tuple(&e, res >= 0 ? sock : NULL, INBOUND, NOT_GIVEN);
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
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC: {
		u32 sum;

		BEGIN(SENDMSG_X);
		sum = push_kept_pieces(&e, q, own, res > 0 ? res : settings.snaplen);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, sum);
		push_tuple(&e, res >= 0 ? sock : NULL, OUTBOUND | ADDRESS_COPIED, to);
		break;
	}
	case IORING_OP_RECVMSG:
		BEGIN(RECVMSG_X);
		push_u32(&e, res > 0 ? res : 0);
		push_kept_pieces(&e, q, own, res > 0 ? res : 0);
		push_tuple(&e, res >= 0 ? sock : NULL, INBOUND, sender(c, address));
		push_user_bytes(&e, own && res >= 0 ? q->control : 0, q->control_len);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_SHUTDOWN:
		BEGIN(SHUTDOWN_X);
		push_u64(&e, (s64)q->fd);
		push_u8(&e, shutdown_how(q->len));
		break;
	case IORING_OP_BIND:
		BEGIN(BIND_X);
		push_bound(&e, sockaddr_put(e.pos, to.at, to.len, ADDRESS_COPIED), res ? NULL : sock);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_FIXED_FD_INSTALL:
		BEGIN(DUP_1_X);
		push_u64(&e, (s64)q->fd);
		break;
	case IORING_OP_LISTEN:
		BEGIN(LISTEN_X);
		push_u64(&e, (s64)q->fd);
		push_u32(&e, q->len);
		break;
	case IORING_OP_SYMLINKAT:
		BEGIN(SYMLINKAT_X);
		push_kept(&e, plain(c, q), req, FIRST_PATH);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, plain(c, q), req, SECOND_PATH);
		break;
	case IORING_OP_LINKAT:
		BEGIN(LINKAT_2_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, plain(c, q), req, FIRST_PATH);
		push_u64(&e, (s64)q->fd2);
		push_kept(&e, plain(c, q), req, SECOND_PATH);
		push_u32(&e, linkat_flags(q->flags));
		break;
	case IORING_OP_CONNECT:
		BEGIN(CONNECT_X);
		if ((res && res != -EINPROGRESS) || (sock && sock_is_dissolved(sock)))
			sock = NULL;
		push_tuple(&e, sock, OUTBOUND, NOT_GIVEN);
		push_u64(&e, (s64)q->fd);
		push_sockaddr(&e, to, ADDRESS_COPIED);
		break;
	case IORING_OP_ACCEPT:
		BEGIN(ACCEPT4_6_X);
		push_tuple(&e, res < 0 ? NULL : q->target ? file_sock(file) : own ? fd_sock(res) : NULL, INBOUND, NOT_GIVEN);
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
		push_kept(&e, plain(c, q), req, FIRST_PATH);
		push_u64(&e, (s64)q->fd2);
		push_kept(&e, plain(c, q), req, SECOND_PATH);
		push_u32(&e, q->flags);
		break;
	case IORING_OP_UNLINKAT:
		BEGIN(UNLINKAT_2_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, plain(c, q), req, FIRST_PATH);
		push_u32(&e, unlinkat_flags(q->flags));
		break;
	case IORING_OP_MKDIRAT:
		BEGIN(MKDIRAT_X);
		push_u64(&e, (s64)q->fd);
		push_kept(&e, plain(c, q), req, FIRST_PATH);
		push_u32(&e, q->mode);
		break;
	default:
		return;
	}
#undef BEGIN
#undef BEGIN_WITH
	event_finish(&e);
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
	/* Assembled above the event that may be on its way in the CPU's buffer. */
	q = (void *)&c->data[DATA_MASK + 1];
	q->address = 0;
	q->flags = 0;
	q->mode = 0;
	q->resolve = 0;
	q->len = 0;
	q->name_len = 0;
	q->fd2 = 0;
	q->pieces = 0;
	q->control = 0;
	q->control_len = 0;
	q->fixed = 0;
	q->long_paths = 0;
	q->target = 0;
	q->ring = (u64)BPF_CORE_READ(req, ctx);
	q->opcode = opcode;
	q->tgid = BPF_CORE_READ(task, tgid);
	/* The thread that polls a ring is a kernel thread: its requests belong to the process of the ring. */
	q->tid = BPF_CORE_READ(task, flags) & PF_IO_WORKER ? q->tgid : BPF_CORE_READ(task, pid);
	q->path[0] = 0;
	q->path2[0] = 0;
	if (process_is_left_out(q->tgid))
		return 0;
	key = plain(c, req);
	request_read(c, q, req, key);
	/* A request without a notice of success is reported now. */
	if (BPF_CORE_READ(req, flags) & REQ_F_CQE_SKIP) {
		request_event(c, q, key, EINPROGRESS_RESULT, NULL);
		return 0;
	}
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
	if (!(settings.drop_failed && res < 0)) {
		struct file *file = NULL;

		if (q->fixed) {
			file = BPF_CORE_READ((struct io_kiocb *)req, file);
			q->fd = fixed_fd((u64)request_task(req), (u64)file, q->ring, q->place);
		} else if (q->target && res >= 0) {
			/* The result is 0, or the place that was chosen. */
			u32 place = q->target == FIXED_ANY ? res : q->target - 1;

			file = fixed_file((struct io_ring_ctx *)q->ring, place);
			res = fixed_number(q->ring, place);
		}
		request_event(c, q, key, res, file);
	}
	/* A send without a copy has a second notice to come, which is not needed. */
	if (!(flags & IORING_CQE_F_MORE) || q->opcode == IORING_OP_SEND_ZC || q->opcode == IORING_OP_SENDMSG_ZC)
		bpf_map_delete_elem(&requests, &key);
	return 0;
}

/* The tracepoints changed with time; the loader selects those that the kernel has. */
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
