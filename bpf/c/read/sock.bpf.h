/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sockets: addresses that programs give, and both ends of a connection. */
#pragma once

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define MAX_UNIX_PATH 108
#define SOCKADDR_MAX 128

enum direction {
	INBOUND,
	OUTBOUND,
};

/* An address as a program gave it. */
struct address {
	u16 family;
	u8 bytes[SOCKADDR_MAX];
};

static __always_inline u16 swap16(u16 v)
{
	return __builtin_bswap16(v);
}

/* The socket that an open file stands for. */
static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket;

	if (!file || GET(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	socket = GET(file, private_data);
	return GET(socket, sk);
}

static __always_inline struct sock *fd_sock(s32 fd)
{
	return file_sock(fd_file(fd));
}

static __always_inline long address_read(void *to, u32 len, u64 p, bool user)
{
	return user ? bpf_probe_read_user(to, len, (void *)p) : bpf_probe_read_kernel(to, len, (void *)p);
}

/* A few bytes of an address as part of a parameter. */
static __always_inline u32 part_address(struct event *e, u32 at, u64 p, u32 len, bool user)
{
	if (user)
		return part_bytes(e, at, p, len);
	return bytes_read(e->c, (e->pos + at) & DATA_MASK, p, len, false);
}

/* The address at `p`, of `len` bytes, written at `pos`; how many bytes, 0 when it is of no known family. */
static __always_inline u32 sockaddr_write(u32 pos, u64 p, u32 len, bool user)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	u16 family = 0, port = 0;
	u32 at;

	if (!own.c || !p || len < 2 || address_read(&family, sizeof(family), p, user))
		return 0;
	at = part_u8(e, 0, family);
	switch (family) {
	case AF_INET:
		at += part_address(e, at, p + 4, 4, user);
		address_read(&port, sizeof(port), p + 2, user);
		at = part_u16(e, at, swap16(port));
		break;
	case AF_INET6:
		at += part_address(e, at, p + 8, 16, user);
		address_read(&port, sizeof(port), p + 2, user);
		at = part_u16(e, at, swap16(port));
		break;
	case AF_UNIX: {
		/* The name ends at a NUL or with the address; one that begins with NUL is abstract. */
		u32 name = len > 2 ? len - 2 : 0, n = 0;
		char first = 0;

		address_read(&first, 1, p + 2, user);
		if (!first) {
			p++;
			name = name ? name - 1 : 0;
		}
		if (name > MAX_UNIX_PATH)
			name = MAX_UNIX_PATH;
		if (name)
			n = user ? part_user_text(e, at, p + 2, name + 1) : part_kernel_text(e, at, (void *)(p + 2), name + 1);
		at += n;
		if (!n)
			at = part_u8(e, at, 0);
		break;
	}
	default:
		at = 0;
	}
	return at;
}

__noinline int sockaddr_put(u32 pos, u64 p, u32 len)
{
	return sockaddr_write(pos, p, len, true);
}

/* The same of an address that the kernel has copied. */
__noinline int kernel_sockaddr_put(u32 pos, u64 p, u32 len)
{
	return sockaddr_write(pos, p, len, false);
}

/* The address of `len` bytes that a socket was bound to. Where the port was for the kernel to choose, it is the one that
 * was chosen: nobody would hear of it otherwise.
 */
static __always_inline void push_bound(struct event *e, u32 len, struct sock *sk)
{
	struct inet_sock *inet = (void *)sk;
	u8 family = *event_at(e);
	u32 at = (e->pos + len - sizeof(u16)) & DATA_MASK;

	OPAQUE(at);
	if (sk && len > sizeof(u16) && (family == AF_INET || family == AF_INET6) &&
	    !*(u16 *)&e->c->data[at & DATA_MASK])
		PUT16(&e->c->data[at & DATA_MASK], 0, swap16(GET(inet, inet_sport)));
	push_done(e, len & DATA_MASK);
}

static __always_inline void push_sockaddr(struct event *e, u64 p, u32 len)
{
	push_done(e, sockaddr_put(e->pos, p, len) & DATA_MASK);
}

static __always_inline u32 part_v4(struct event *e, u32 at, u32 ip, u16 port)
{
	at = part_u32(e, at, ip);
	return part_u16(e, at, swap16(port));
}

static __always_inline u32 part_v6(struct event *e, u32 at, u64 *ip, u16 port)
{
	at = part_u64(e, at, ip[0]);
	at = part_u64(e, at, ip[1]);
	return part_u16(e, at, swap16(port));
}

/* Both ends of a socket, the sender first, written at `pos`; how many bytes. An end that the socket does not know is
 * taken from the address `user`.
 */
__noinline int tuple_put(u32 pos, u64 socket, u32 direction, u64 user)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	struct sock *sk = (void *)socket;
	struct inet_sock *inet = (void *)sk;
	u32 at;

	if (!own.c || !sk)
		return 0;
	u16 family = GET(sk, __sk_common.skc_family);
	at = part_u8(e, 0, family);
	if (family == AF_INET) {
		u32 local = GET(inet, inet_saddr), remote = GET(sk, __sk_common.skc_daddr);
		u16 lport = GET(inet, inet_sport), rport = GET(sk, __sk_common.skc_dport);

		if (!rport && user) {
			bpf_probe_read_user(&rport, sizeof(rport), (void *)(user + 2));
			bpf_probe_read_user(&remote, sizeof(remote), (void *)(user + 4));
		}
		if (direction == OUTBOUND) {
			at = part_v4(e, at, local, lport);
			at = part_v4(e, at, remote, rport);
		} else {
			at = part_v4(e, at, remote, rport);
			at = part_v4(e, at, local, lport);
		}
	} else if (family == AF_INET6) {
		u64 local[2] = {}, remote[2] = {};
		u16 lport = GET(inet, inet_sport), rport = GET(sk, __sk_common.skc_dport);
		struct ipv6_pinfo *info = BPF_CORE_READ(inet, pinet6);

		bpf_core_read(local, sizeof(local), &info->saddr);
		bpf_core_read(remote, sizeof(remote), &sk->__sk_common.skc_v6_daddr);
		if (!rport && user) {
			bpf_probe_read_user(&rport, sizeof(rport), (void *)(user + 2));
			bpf_probe_read_user(remote, sizeof(remote), (void *)(user + 8));
		}
		if (direction == OUTBOUND) {
			at = part_v6(e, at, local, lport);
			at = part_v6(e, at, remote, rport);
		} else {
			at = part_v6(e, at, remote, rport);
			at = part_v6(e, at, local, lport);
		}
	} else if (family == AF_UNIX) {
		struct unix_sock *unix_sk = (void *)sk;
		struct sock *peer = BPF_CORE_READ(unix_sk, peer);
		struct unix_address *address;
		u32 n = 0;
		u64 name;
		char first = 0;

		/* The server's end carries the name. */
		if (direction == OUTBOUND) {
			at = part_u64(e, at, (u64)peer);
			at = part_u64(e, at, (u64)sk);
			address = BPF_CORE_READ((struct unix_sock *)peer, addr);
		} else {
			at = part_u64(e, at, (u64)sk);
			at = part_u64(e, at, (u64)peer);
			address = BPF_CORE_READ(unix_sk, addr);
		}
		if (direction == OUTBOUND && !peer && user) {
			name = user + 2;
			bpf_probe_read_user(&first, 1, (void *)name);
			n = part_user_text(e, at, first ? name : name + 1, MAX_UNIX_PATH);
		} else if (address) {
			name = (u64)&address->name[0].sun_path;
			bpf_probe_read_kernel(&first, 1, (void *)name);
			n = part_kernel_text(e, at, (void *)(first ? name : name + 1), MAX_UNIX_PATH);
		}
		at += n;
		if (!n)
			at = part_u8(e, at, 0);
	} else {
		at = 0;
	}
	return at;
}

static __always_inline void push_tuple(struct event *e, struct sock *sk, enum direction direction, u64 user)
{
	push_done(e, tuple_put(e->pos, plain(e->c, sk), direction, user) & DATA_MASK);
}
