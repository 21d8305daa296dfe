/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sockets: addresses from programs, and both ends of a connection. */
#pragma once

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define TCP_CLOSE 7
#define MAX_UNIX_PATH 108
/* The longest address that the kernel takes, and the shortest of each family. */
#define SOCKADDR_MAX 128
#define SOCKADDR_IN_MIN 16
#define SOCKADDR_IN6_MIN 24
/* In both families the port follows the family. */
#define SOCKADDR_PORT 2
#define LOOPBACK 0x0100007f

enum direction {
	INBOUND,
	OUTBOUND,
	ADDRESS_COPIED = 2, /* a mark: the address of the call is in kernel memory */
};

/* The address argument of a call: where it is, and how many bytes it has. The bytes behind them do not belong to it. */
struct given {
	u64 at;
	u32 len;
};

#define NOT_GIVEN ((struct given){})

static __always_inline struct given given(u64 at, u64 len)
{
	struct given g = { at, at ? len : 0 };

	return g;
}

/* Returns the address that the kernel wrote, with the length at `len_at`. */
static __always_inline struct given received(u64 at, u64 len_at)
{
	return given(at, at ? user_u32(len_at) : 0);
}

static __always_inline u16 swap16(u16 v)
{
	return __builtin_bswap16(v);
}

/* Returns the socket of an open file. */
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

static __always_inline bool task_uses_uring(struct task_struct *task)
{
	struct task_struct___uring *user = (void *)task;

	return bpf_core_field_exists(user->io_uring) && GET(user, io_uring);
}

/* Returns the kind of what a file descriptor of the current call refers to, if it is certainly the one that the call was
 * made on: nobody else uses the table, neither a thread nor a worker of io_uring.
 */
__noinline int descriptor_kind(s32 fd)
{
	struct task_struct *task = task_current();
	struct file *file;
	struct sock *sk;
	u32 family;

	if (GET(task, files, count.counter) != 1 || task_uses_uring(task))
		return KIND_UNKNOWN;
	file = fd_file(fd);
	if (!file)
		return KIND_UNKNOWN;
	sk = file_sock(file);
	if (!sk)
		return (GET(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK ? KIND_UNKNOWN : KIND_FILE;
	family = GET(sk, __sk_common.skc_family);
	if (family == AF_INET || family == AF_INET6)
		return KIND_INET;
	return family == AF_UNIX ? KIND_UNIX : KIND_UNKNOWN;
}

static __always_inline long address_read(void *to, u32 len, u64 p, bool user)
{
	return user ? bpf_probe_read_user(to, len, (void *)p) : bpf_probe_read_kernel(to, len, (void *)p);
}

/* Copies an address to the CPU's memory for one; returns its length, 0 when it cannot be read. */
static __always_inline u32 address_take(struct cpu *c, u64 p, u32 len, bool user)
{
	if (!p || !len || len > SOCKADDR_MAX)
		return 0;
	OPAQUE(len);
	len &= 2 * SOCKADDR_MAX - 1;
	if (address_read(&c->address, len, p, user))
		return 0;
	return len;
}

/* Replaces the NULs within a name of `len` bytes as /proc/net/unix does: by '@', eight bytes at a time. */
static __always_inline void nuls_show(u8 *name, u32 len)
{
	const u64 low = 0x7f7f7f7f7f7f7f7fULL;

	for (u32 i = 0; i < MAX_UNIX_PATH; i += 8) {
		u64 word = *(u64 *)(name + i);

		/* The top bit of each byte that is 0; half of it is '@'. */
		*(u64 *)(name + i) = word | ~(((word & low) + low) | word | low) >> 1;
	}
	name[len] = 0;
}

/* Writes the name of a unix socket, which has `len` bytes at `p` in kernel memory: a path ends at a NUL, an abstract
 * name only with the address. Returns how many bytes, with the NUL at the end.
 */
__noinline int unix_name_put(u32 pos, u64 p, u32 len)
{
	struct cpu *c = cpu_current();
	u8 *name, first = 0;
	long text;

	if (!c)
		return 0;
	if (len > MAX_UNIX_PATH)
		len = MAX_UNIX_PATH;
	name = &c->data[pos & DATA_MASK];
	if (len && !bpf_probe_read_kernel(&first, 1, (void *)p) && !first) {
		p++;
		len--;
	}
	OPAQUE(len);
	len &= 127;
	if (!len || bpf_probe_read_kernel(name, len, (void *)p)) {
		*name = 0;
		return 1;
	}
	name[len] = 0;
	text = bpf_probe_read_kernel_str(name, len + 1, name);
	if (text <= 0)
		return 1;
	if (first)
		return text;
	if (text <= len)
		nuls_show(name, len);
	return len + 1;
}

static __always_inline u32 part_unix_name(struct event *e, u32 at, u64 p, u32 len)
{
	return unix_name_put(e->pos + at, p, len) & 127;
}

/* Writes the name in a copied address of `len` bytes. */
static __always_inline u32 part_unix_address(struct event *e, u32 at, u32 len)
{
	return part_unix_name(e, at, plain(e->c, &e->c->address) + sizeof(u16), len > sizeof(u16) ? len - sizeof(u16) : 0);
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

/* Writes the address at `p`, of `len` bytes, at `pos`; returns how many bytes, 0 when its family is unknown or it is
 * too short.
 */
__noinline int sockaddr_put(u32 pos, u64 p, u32 len, u32 copied)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	u32 at;

	if (!own.c)
		return 0;
	len = address_take(own.c, p, len, !copied);
	if (len < sizeof(u16))
		return 0;
	struct sockaddr_any *a = &own.c->address;

	at = part_u8(e, 0, a->family);
	if (a->family == AF_INET && len >= SOCKADDR_IN_MIN)
		return part_v4(e, at, a->ip, a->port);
	if (a->family == AF_INET6 && len >= SOCKADDR_IN6_MIN)
		return part_v6(e, at, a->ip6, a->port);
	if (a->family == AF_UNIX)
		return at + part_unix_address(e, at, len);
	return 0;
}

static __always_inline void push_sockaddr(struct event *e, struct given address, u32 copied)
{
	push_done(e, sockaddr_put(e->pos, address.at, address.len, copied) & DATA_MASK);
}

static __always_inline u32 part_end(struct event *e, u32 at, u16 family, u64 *ip, u16 port)
{
	return family == AF_INET ? part_v4(e, at, ip[0], port) : part_v6(e, at, ip, port);
}

/* Writes the name that a unix socket is bound to. */
static __always_inline u32 part_unix_bound(struct event *e, u32 at, struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	u32 len = address ? BPF_CORE_READ(address, len) : 0;

	return part_unix_name(e, at, (u64)&address->name[0].sun_path, len > sizeof(u16) ? len - sizeof(u16) : 0);
}

/* Writes the address that a socket is bound to, as the socket itself has it. */
__noinline int bound_put(u32 pos, u64 socket)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	struct sock *sk = (void *)socket;
	struct inet_sock *inet = (void *)sk;
	u64 ip[2] = {};
	u32 at;

	if (!own.c || !sk)
		return 0;
	u16 family = GET(sk, __sk_common.skc_family);
	at = part_u8(e, 0, family);
	switch (family) {
	case AF_INET:
		return part_v4(e, at, GET(sk, __sk_common.skc_rcv_saddr), GET(inet, inet_sport));
	case AF_INET6:
		bpf_core_read(ip, sizeof(ip), &sk->__sk_common.skc_v6_rcv_saddr);
		return part_v6(e, at, ip, GET(inet, inet_sport));
	case AF_UNIX:
		return at + part_unix_bound(e, at, sk);
	}
	return 0;
}

/* Writes the address of `len` bytes that a socket was bound to. Values that the kernel chose, or accepted in spite of
 * the family, come from the socket: they would not be reported otherwise.
 */
static __always_inline void push_bound(struct event *e, u32 len, struct sock *sk)
{
	u8 family = *event_at(e);
	u32 at = (e->pos + len - sizeof(u16)) & DATA_MASK;
	bool chosen;

	OPAQUE(at);
	if (sk) {
		chosen = len <= sizeof(u16) || family != GET(sk, __sk_common.skc_family) ||
			 (family != AF_UNIX && !*(u16 *)&e->c->data[at & DATA_MASK]);
		if (chosen)
			len = bound_put(e->pos, plain(e->c, sk));
	}
	push_done(e, len & DATA_MASK);
}

static __always_inline void remote_map(struct ends *r, u32 ip)
{
	r->ip[0] = 0;
	r->ip[1] = (u64)ip << 32 | 0xffff0000;
}

static __always_inline bool v6_is_mapped(u64 *ip)
{
	return !ip[0] && (u32)ip[1] == 0xffff0000;
}

/* Reads the peer that an address of `len` bytes names on a socket of IPv4, where no family means the same as the right
 * one; returns whether it names one. The kernel sends to itself what has the unspecified address.
 */
static __always_inline bool remote_v4(struct ends *r, struct sockaddr_any *a, u32 len, u32 local)
{
	if (len < SOCKADDR_IN_MIN || (a->family != AF_INET && a->family != AF_UNSPEC))
		return false;
	r->port = a->port;
	r->ip[0] = a->ip ? a->ip : local ? local : LOOPBACK;
	return true;
}

/* The same on a socket of IPv6, which reaches IPv4 as well. No family means no address, except on a raw socket. */
static __always_inline void remote_v6(struct ends *r, struct sockaddr_any *a, u32 len, bool raw)
{
	bool mapped = v6_is_mapped(r->local);
	u32 own = mapped ? r->local[1] >> 32 : 0;

	if (!own)
		own = LOOPBACK;
	if (len >= SOCKADDR_IN_MIN && a->family == AF_INET) {
		remote_map(r, a->ip ? a->ip : own);
	} else if (len >= SOCKADDR_IN6_MIN && (a->family == AF_INET6 || (a->family == AF_UNSPEC && raw))) {
		r->ip[0] = a->ip6[0];
		r->ip[1] = a->ip6[1];
		if (v6_is_mapped(r->ip) && !(r->ip[1] >> 32))
			remote_map(r, own);
		else if (!r->ip[0] && !r->ip[1] && mapped)
			remote_map(r, LOOPBACK);
		else if (!r->ip[0] && !r->ip[1])
			r->ip[1] = 1ULL << 56;
	} else {
		return;
	}
	r->port = a->port;
}

/* Finds both ends of an internet socket. The call decides where a datagram goes, if the socket accepts an address of
 * this family and length (`len`; 0 if there is none); a stream, and a socket that receives from one peer only, has one
 * peer.
 */
__noinline int ends_find(u64 socket, u32 direction, u32 len)
{
	struct cpu *c = cpu_current();
	struct sock *sk = (void *)socket;
	struct inet_sock *inet = (void *)sk;
	struct ipv6_pinfo *info;
	struct ends *r;
	u16 type;

	if (!c || !sk)
		return 0;
	r = &c->ends;
	r->port = GET(sk, __sk_common.skc_dport);
	r->local_port = GET(inet, inet_sport);
	type = GET(sk, sk_type);
	if (direction == INBOUND ? r->port : type == SOCK_STREAM)
		len = 0;
	if (GET(sk, __sk_common.skc_family) == AF_INET) {
		r->local[0] = GET(inet, inet_saddr);
		r->ip[0] = GET(sk, __sk_common.skc_daddr);
		remote_v4(r, &c->address, len, direction == OUTBOUND ? r->local[0] : 0);
		return 0;
	}
	info = BPF_CORE_READ(inet, pinet6);
	bpf_core_read(r->local, sizeof(r->local), &info->saddr);
	bpf_core_read(r->ip, sizeof(r->ip), &sk->__sk_common.skc_v6_daddr);
	remote_v6(r, &c->address, len, type == SOCK_RAW);
	return 0;
}

/* The name is that of the server's end. */
static __always_inline u32 unix_tuple_write(struct event *e, struct sock *sk, u32 direction, u32 len)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	u32 at = part_u8(e, 0, AF_UNIX);

	if (direction == INBOUND) {
		at = part_u64(e, at, (u64)sk);
		at = part_u64(e, at, (u64)peer);
		return at + part_unix_bound(e, at, sk);
	}
	/* Only datagrams go where the call says. */
	if (len > sizeof(u16) && GET(sk, sk_type) == SOCK_DGRAM) {
		at = part_u64(e, at, 0);
		at = part_u64(e, at, (u64)sk);
		return at + part_unix_address(e, at, len);
	}
	at = part_u64(e, at, (u64)peer);
	at = part_u64(e, at, (u64)sk);
	return at + part_unix_bound(e, at, peer);
}

/* Writes both ends of a socket, the sender first, at `pos`; returns how many bytes. */
__noinline int tuple_put(u32 pos, u64 socket, u32 direction, u64 address, u32 len)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	struct sock *sk = (void *)socket;
	struct ends *r;
	u16 family;
	u32 at;

	if (!own.c || !sk)
		return 0;
	r = &own.c->ends;
	family = GET(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return 0;
	len = address_take(own.c, address, len, !(direction & ADDRESS_COPIED));
	direction &= OUTBOUND;
	if (family == AF_UNIX)
		return unix_tuple_write(e, sk, direction, len);
	ends_find(socket, direction, len);
	at = part_u8(e, 0, family);
	if (direction == OUTBOUND) {
		at = part_end(e, at, family, r->local, r->local_port);
		return part_end(e, at, family, r->ip, r->port);
	}
	at = part_end(e, at, family, r->ip, r->port);
	return part_end(e, at, family, r->local, r->local_port);
}

static __always_inline void push_tuple(struct event *e, struct sock *sk, u32 direction, struct given address)
{
	push_done(e, tuple_put(e->pos, plain(e->c, sk), direction, address.at, address.len) & DATA_MASK);
}

/* Returns whether a connect that succeeded dissolved a connection, as an address without a family does. The memory with
 * the address may have changed since, so the socket decides.
 */
static __always_inline bool sock_is_dissolved(struct sock *sk)
{
	u16 family = GET(sk, __sk_common.skc_family);

	if (family == AF_UNIX)
		return !BPF_CORE_READ((struct unix_sock *)sk, peer);
	return (family == AF_INET || family == AF_INET6) && GET(sk, __sk_common.skc_state) == TCP_CLOSE &&
	       !GET(sk, __sk_common.skc_dport);
}

/* Writes the address of the peer at `pos`, from the socket; returns how many bytes. */
__noinline int peer_put(u32 pos, u64 socket)
{
	struct event own = { .c = cpu_current(), .pos = pos }, *e = &own;
	struct sock *sk = (void *)socket;
	u16 family;
	u32 at;

	if (!own.c || !sk)
		return 0;
	family = GET(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return 0;
	at = part_u8(e, 0, family);
	if (family == AF_UNIX)
		return at + part_unix_bound(e, at, BPF_CORE_READ((struct unix_sock *)sk, peer));
	ends_find(socket, OUTBOUND, 0);
	return part_end(e, at, family, own.c->ends.ip, own.c->ends.port);
}

/* Writes the address that a connect was given: the peer's own, if another thread may have changed the memory. */
static __always_inline void push_connect_address(struct event *e, struct sock *sk, struct given address)
{
	u32 len = sk && !text_is_own(address.at) ? peer_put(e->pos, plain(e->c, sk)) & DATA_MASK : 0;

	if (len)
		push_done(e, len);
	else
		push_sockaddr(e, address, 0);
}
