/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sockets. */
#pragma once

#define EINPROGRESS 115
#define MAX_MESSAGES 1024
#define SO_ERROR 4
#define SO_LINGER 13
#define SO_PEERCRED 17
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#define SO_ATTACH_FILTER 26
#define SO_PEERNAME 28
#define SO_MEMINFO 55
#define SO_COOKIE 57
#define SO_PEERGROUPS 59
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#define SO_ATTACH_BPF 50

ON_EXIT(bind_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_BIND_X, EV_BIND_X_PARAMS, EV_BIND_X_FAMILY);

	push_u64(&e, ret);
	push_bound(&e, sockaddr_put(e.pos, c->args[1], c->args[2], 0), ret ? NULL : fd_sock(c->args[0]));
	push_u64(&e, (s64)(s32)c->args[0]);
	event_finish(&e);
	return 0;
}

/* A connection in progress has both ends already. */
ON_EXIT(connect_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CONNECT_X, EV_CONNECT_X_PARAMS, EV_CONNECT_X_FAMILY);
	struct given address = given(c->args[1], c->args[2]);
	bool known = ret == 0 || ret == -EINPROGRESS;
	struct sock *sk = known ? fd_sock(c->args[0]) : NULL;
	bool dissolved = sk && sock_is_dissolved(sk);

	push_u64(&e, ret);
	push_tuple(&e, dissolved ? NULL : sk, OUTBOUND, NOT_GIVEN);
	push_u64(&e, (s64)(s32)c->args[0]);
	if (dissolved)
		push_empty(&e);
	else
		push_connect_address(&e, sk, address);
	event_finish(&e);
	return 0;
}

/* The queue belongs to the listening socket. */
static __always_inline void push_queue(struct event *e, struct cpu *c, long ret)
{
	struct sock *sk = ret >= 0 ? fd_sock(c->args[0]) : NULL;
	u32 len = BPF_CORE_READ(sk, sk_ack_backlog), max = BPF_CORE_READ(sk, sk_max_ack_backlog);

	if (!sk)
		len = max = 0;
	push_u8(e, len && max ? (u64)len * 100 / max : 0);
	push_u32(e, len);
	push_u32(e, max);
}

ON_EXIT(accept_5_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_ACCEPT_5_X, EV_ACCEPT_5_X_PARAMS, EV_ACCEPT_5_X_FAMILY);

	push_u64(&e, ret);
	push_tuple(&e, ret >= 0 ? fd_sock(ret) : NULL, INBOUND, NOT_GIVEN);
	push_queue(&e, c, ret);
	event_finish(&e);
	return 0;
}

ON_EXIT(accept4_6_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_ACCEPT4_6_X, EV_ACCEPT4_6_X_PARAMS, EV_ACCEPT4_6_X_FAMILY);

	push_u64(&e, ret);
	push_tuple(&e, ret >= 0 ? fd_sock(ret) : NULL, INBOUND, NOT_GIVEN);
	push_queue(&e, c, ret);
	push_u32(&e, nonblock_cloexec(c->args[3]));
	event_finish(&e);
	return 0;
}

ON_EXIT(socketpair_x)
{
	struct cpu *c = cpu_current();
	struct pipe_ends fds = { -1, -1 };
	struct sock *sk = NULL;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SOCKETPAIR_X, EV_SOCKETPAIR_X_PARAMS, EV_SOCKETPAIR_X_FAMILY);

	if (ret == 0) {
		fds = pipe_ends(c->args[3]);
		sk = fd_sock(fds.read);
	}
	push_u64(&e, ret);
	push_u64(&e, (s64)fds.read);
	push_u64(&e, (s64)fds.write);
	push_u64(&e, (u64)sk);
	push_u64(&e, sk ? (u64)BPF_CORE_READ((struct unix_sock *)sk, peer) : 0);
	push_u32(&e, socket_family(c->args[0]));
	push_u32(&e, c->args[1]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

/* `address` is the caller's field with the target. */
static __always_inline int sent(u16 code, enum family family, long ret, bool addressed)
{
	struct cpu *c = cpu_current();
	struct given address;

	if (!c)
		return 0;
	struct event e = event_begin(c, code, EV_SENDTO_X_PARAMS, family);

	address = addressed ? given(c->args[4], c->args[5]) : NOT_GIVEN;
	push_u64(&e, ret);
	push_written(&e, c, ret, address);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	push_tuple(&e, ret >= 0 ? fd_sock(c->args[0]) : NULL, OUTBOUND, address);
	event_finish(&e);
	return 0;
}

ON_EXIT(sendto_x)
{
	return sent(EV_SENDTO_X, EV_SENDTO_X_FAMILY, ret, true);
}

ON_EXIT(send_x)
{
	return sent(EV_SEND_X, EV_SEND_X_FAMILY, ret, false);
}

ON_EXIT(recvfrom_x)
{
	struct cpu *c = cpu_current();
	struct given address;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RECVFROM_X, EV_RECVFROM_X_PARAMS, EV_RECVFROM_X_FAMILY);

	address = ret >= 0 ? received(c->args[4], c->args[5]) : NOT_GIVEN;
	push_u64(&e, ret);
	push_read(&e, c, ret, address);
	push_tuple(&e, ret >= 0 ? fd_sock(c->args[0]) : NULL, INBOUND, address);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(recv_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_RECV_X, EV_RECV_X_PARAMS, EV_RECV_X_FAMILY);

	push_u64(&e, ret);
	push_read(&e, c, ret, NOT_GIVEN);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	push_tuple(&e, ret >= 0 ? fd_sock(c->args[0]) : NULL, INBOUND, NOT_GIVEN);
	event_finish(&e);
	return 0;
}

ON_EXIT(sendmsg_x)
{
	struct cpu *c = cpu_current();
	struct message m = {};
	u32 len, sum;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SENDMSG_X, EV_SENDMSG_X_PARAMS, EV_SENDMSG_X_FAMILY);

	push_u64(&e, ret);
	if (!message_read(c, &m, c->args[1], c->compat))
		count_fault();
	len = snaplen_of(c->args[0], m.name, 0, 0);
	sum = push_pieces(&e, m.pieces, m.count, ret > 0 ? smaller(len, ret) : len);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, sum);
	push_tuple(&e, ret >= 0 ? fd_sock(c->args[0]) : NULL, OUTBOUND, m.name);
	event_finish(&e);
	return 0;
}

ON_EXIT(recvmsg_x)
{
	struct cpu *c = cpu_current();
	struct message m = {};

	if (!c)
		return 0;
	if (ret >= 0 && !message_read(c, &m, c->args[1], c->compat))
		count_fault();
	struct event e = event_begin(c, EV_RECVMSG_X, EV_RECVMSG_X_PARAMS + PASSED(&m), EV_RECVMSG_X_FAMILY);

	push_u64(&e, ret);
	if (ret >= 0) {
		push_u32(&e, ret);
		push_pieces(&e, m.pieces, m.count, smaller(snaplen_of(c->args[0], m.name, 0, 0), ret));
		push_tuple(&e, fd_sock(c->args[0]), INBOUND, m.name);
		push_user_bytes(&e, m.control, m.control_len);
	} else {
		push_u32(&e, 0);
		push_empty(&e);
		push_empty(&e);
		push_empty(&e);
	}
	push_u64(&e, (s64)(s32)c->args[0]);
	push_passed(&e, &m);
	event_finish(&e);
	return 0;
}

#define MMSG_NATIVE 64
#define MMSG_COMPAT 32

/* Writes one of the messages that sendmmsg sent. A function that the verifier checks once, so the loop around it may
 * be long.
 */
__noinline int sendmmsg_one(u32 index)
{
	struct cpu *c = cpu_current();
	struct message m = {};
	u32 len, sum, sum_at;
	u64 p;

	if (!c)
		return 1;
	p = c->args[1] + index * (c->compat ? MMSG_COMPAT : MMSG_NATIVE);
	if (!message_read(c, &m, p, c->compat))
		return 1;
	len = user_u32(p + (c->compat ? MMSG_COMPAT - 4 : MMSG_NATIVE - 8));
	struct event e = event_begin(c, EV_SENDMMSG_X, EV_SENDMMSG_X_PARAMS, EV_SENDMMSG_X_FAMILY);

	push_u64(&e, len);
	push_u64(&e, (s64)(s32)c->args[0]);
	/* The sum comes before the data that it is computed from. */
	sum_at = e.pos;
	push_u32(&e, 0);
	sum = push_pieces(&e, m.pieces, m.count, smaller(snaplen_of(c->args[0], m.name, 0, 0), len));
	PUT32(&c->data[sum_at & DATA_MASK], 0, sum);
	push_tuple(&e, fd_sock(c->args[0]), OUTBOUND, m.name);
	event_finish(&e);
	return 0;
}

__noinline int recvmmsg_one(u32 index)
{
	struct cpu *c = cpu_current();
	struct message m = {};
	u32 len;
	u64 p;

	if (!c)
		return 1;
	p = c->args[1] + index * (c->compat ? MMSG_COMPAT : MMSG_NATIVE);
	if (!message_read(c, &m, p, c->compat))
		return 1;
	len = user_u32(p + (c->compat ? MMSG_COMPAT - 4 : MMSG_NATIVE - 8));
	struct event e = event_begin(c, EV_RECVMMSG_X, EV_RECVMMSG_X_PARAMS + PASSED(&m), EV_RECVMMSG_X_FAMILY);

	push_u64(&e, len);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, len);
	push_pieces(&e, m.pieces, m.count, smaller(snaplen_of(c->args[0], m.name, 0, 0), len));
	push_tuple(&e, fd_sock(c->args[0]), INBOUND, m.name);
	push_user_bytes(&e, m.control, m.control_len);
	push_passed(&e, &m);
	event_finish(&e);
	return 0;
}

/* One event for each message. */
ON_EXIT(sendmmsg_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	if (ret > 0) {
		for (int i = 0; i < MAX_MESSAGES; i++)
			if (i >= ret || sendmmsg_one(i))
				break;
		return 0;
	}
	struct event e = event_begin(c, EV_SENDMMSG_X, EV_SENDMMSG_X_PARAMS, EV_SENDMMSG_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, 0);
	push_empty(&e);
	push_empty(&e);
	event_finish(&e);
	return 0;
}

ON_EXIT(recvmmsg_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	if (ret > 0) {
		for (int i = 0; i < MAX_MESSAGES; i++)
			if (i >= ret || recvmmsg_one(i))
				break;
		return 0;
	}
	struct event e = event_begin(c, EV_RECVMMSG_X, EV_RECVMMSG_X_PARAMS, EV_RECVMMSG_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, 0);
	push_empty(&e);
	push_empty(&e);
	push_empty(&e);
	event_finish(&e);
	return 0;
}

enum {
	DYN_OPTION_BYTES,
	DYN_OPTION_ERRNO,
	DYN_OPTION_U32,
	DYN_OPTION_U64,
	DYN_OPTION_TIME,
};

/* Writes the value of an option, in the form that its meaning requires. */
static __always_inline void push_option(struct event *e, s32 level, s32 name, u64 value, u32 len)
{
	s64 tv[2] = {};
	u32 at;

	if (level != SOL_SOCKET)
		goto bytes;
	switch (name) {
	case SO_ERROR:
		at = part_u8(e, 0, DYN_OPTION_ERRNO);
		at = part_u64(e, at, -(s64)(s32)user_u32(value));
		break;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
		if (e->c->compat && name < SO_RCVTIMEO_NEW) {
			tv[0] = (s32)user_u32(value);
			tv[1] = (s32)user_u32(value + 4);
		} else if (bpf_probe_read_user(tv, sizeof(tv), (void *)value)) {
			count_fault();
		}
		at = part_u8(e, 0, DYN_OPTION_TIME);
		at = part_u64(e, at, tv[0] * 1000000000LL + tv[1] * 1000);
		break;
	case SO_COOKIE:
		at = part_u8(e, 0, DYN_OPTION_U64);
		at = part_u64(e, at, user_u64(value));
		break;
	case SO_LINGER:
	case SO_PEERCRED:
	case SO_ATTACH_FILTER:
	case SO_PEERNAME:
	case SO_MEMINFO:
	case SO_PEERGROUPS:
	case SO_ATTACH_BPF:
		goto bytes;
	default:
		if (!socket_option(name))
			goto bytes;
		at = part_u8(e, 0, DYN_OPTION_U32);
		at = part_u32(e, at, user_u32(value));
	}
	push_done(e, at);
	return;
bytes:
	at = part_u8(e, 0, DYN_OPTION_BYTES);
	at += part_bytes(e, at, value, len & DATA_MASK);
	push_done(e, at);
}

static __always_inline u32 option_name(s32 level, s32 name)
{
	return level == SOL_SOCKET ? socket_option(name) : 0;
}

ON_EXIT(setsockopt_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SETSOCKOPT_X, EV_SETSOCKOPT_X_PARAMS, EV_SETSOCKOPT_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u8(&e, socket_level(c->args[1]));
	push_u8(&e, option_name(c->args[1], c->args[2]));
	push_option(&e, c->args[1], c->args[2], c->args[3], c->args[4]);
	push_u32(&e, c->args[4]);
	event_finish(&e);
	return 0;
}

ON_EXIT(getsockopt_x)
{
	struct cpu *c = cpu_current();
	u32 len;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_GETSOCKOPT_X, EV_GETSOCKOPT_X_PARAMS, EV_GETSOCKOPT_X_FAMILY);

	len = user_u32(c->args[4]);
	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u8(&e, socket_level(c->args[1]));
	push_u8(&e, option_name(c->args[1], c->args[2]));
	push_option(&e, c->args[1], c->args[2], c->args[3], len);
	push_u32(&e, len);
	event_finish(&e);
	return 0;
}
