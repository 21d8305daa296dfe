/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Reading and writing: how much of a buffer is kept, and buffers in pieces. */
#pragma once

#define MAX_IOVEC 32
#define SNAPLEN_EXTENDED 2000
#define SNAPLEN_FULLCAPTURE 16000
#define SNAPLEN_DNS 512
#define PORT_DNS 53
#define PORT_MYSQL 3306
#define PORT_POSTGRES 5432
#define PORT_MONGODB 27017
#define LOOKAHEAD 16

static __always_inline u32 smaller(u32 a, u64 b)
{
	return a < b ? a : b;
}

/* Returns whether the first bytes look like a protocol whose text is worth more. */
static __always_inline bool content_is_known(const u8 *b, u32 size, u16 local, u16 remote)
{
	u32 word = *(const u32 *)b, op = *(const u32 *)(b + 12);

	if ((local == PORT_MYSQL || remote == PORT_MYSQL) && size >= 5)
		if (b[0] == 3 || b[1] == 3 || b[2] == 3 || b[3] == 3 || b[4] == 3 || (b[2] == 0 && b[3] == 0))
			return true;
	if ((local == PORT_POSTGRES || remote == PORT_POSTGRES) && size >= 7)
		if ((b[0] == 'Q' && b[1] == 0) || (b[0] == 'P' && b[1] == 0) || (b[0] == 'E' && b[1] == 0) ||
		    (b[4] == 0 && b[5] == 3 && b[6] == 0))
			return true;
	if (local == PORT_MONGODB || remote == PORT_MONGODB)
		return true;
	if (size >= LOOKAHEAD && (op == 1 || (op >= 2001 && op <= 2007)))
		return true;
	if (size < 5)
		return false;
	switch (word) {
	case 0x20544547: /* GET */
	case 0x54534f50: /* POST */
	case 0x20545550: /* PUT */
	case 0x454c4544: /* DELETE */
	case 0x43415254: /* TRACE */
	case 0x4e4e4f43: /* CONNECT */
	case 0x4954504f: /* OPTIONS */
		return true;
	case 0x50545448: /* HTTP/ */
		return b[4] == '/';
	}
	return false;
}

/* Returns how much of a buffer is kept. `address` is the peer's in user memory, if the call has one; `data` is 0 when
 * only ports decide.
 */
static __always_inline u32 snaplen_of(s32 fd, struct given address, u64 data, u32 size)
{
	u32 len = settings.snaplen, want = 0;
	u8 bytes[LOOKAHEAD] = {};
	u16 family, local, remote;
	struct sock *sk;

	if (!settings.dynamic_snaplen)
		return len;
	sk = fd_sock(fd);
	if (!sk)
		return len;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	local = 0;
	remote = 0;
	if (family == AF_INET || family == AF_INET6) {
		local = swap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
		remote = BPF_CORE_READ(sk, __sk_common.skc_dport);
		if (address.len >= SOCKADDR_IN_MIN && (!remote || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM))
			bpf_probe_read_user(&remote, sizeof(remote), (void *)(address.at + SOCKADDR_PORT));
		remote = swap16(remote);
	}
	if (settings.fullcapture_last &&
	    ((local >= settings.fullcapture_first && local <= settings.fullcapture_last) ||
	     (remote >= settings.fullcapture_first && remote <= settings.fullcapture_last)))
		want = SNAPLEN_FULLCAPTURE;
	else if (remote && remote == settings.statsd_port)
		want = SNAPLEN_EXTENDED;
	else if (remote == PORT_DNS)
		want = SNAPLEN_DNS;
	else if (data && !bpf_probe_read_user(bytes, sizeof(bytes), (void *)data) &&
		 content_is_known(bytes, size, local, remote))
		want = SNAPLEN_EXTENDED;
	return want > len ? want : len;
}

/* Writes the data of a read. */
static __always_inline void push_read(struct event *e, struct cpu *c, long ret, struct given address)
{
	u64 len;

	if (ret <= 0) {
		push_empty(e);
		return;
	}
	len = snaplen_of(c->args[0], address, c->args[1], c->args[2]);
	push_user_bytes(e, c->args[1], len < ret ? len : ret);
}

/* Writes the data of a write, also of a failed one. */
static __always_inline void push_written(struct event *e, struct cpu *c, long ret, struct given address)
{
	u64 there = ret > 0 ? ret : c->args[2];
	u64 len = snaplen_of(c->args[0], address, c->args[1], c->args[2]);

	push_user_bytes(e, c->args[1], len < there ? len : there);
}

/* Writes the pieces of a buffer one after the other at `pos`, at most `limit` bytes; returns how many. The sum of their
 * sizes is left in the CPU's memory.
 */
__noinline int pieces_put(u32 pos, u64 iov, u64 count, u32 limit)
{
	struct cpu *c = cpu_current();
	u32 at = 0, width;

	if (!c)
		return 0;
	c->sum = 0;
	width = c->compat ? 4 : 8;
	for (int i = 0; i < MAX_IOVEC; i++) {
		u64 base, len, left;

		if (i >= count)
			break;
		base = user_word(iov + 2 * i * width);
		len = user_word(iov + (2 * i + 1) * width);
		c->sum += len;
		left = at < limit ? limit - at : 0;
		at += user_bytes_put(pos + at, base, len < left ? len : left);
	}
	return at;
}

static __always_inline u32 push_pieces(struct event *e, u64 iov, u64 count, u32 limit)
{
	push_done(e, pieces_put(e->pos, iov, count, limit) & DATA_MASK);
	return e->c->sum;
}

/* The most data that is written into the ring in place: enough for the default snaplen, and a mask as well. */
#define IN_PLACE 127
/* Header, lengths, result, data, file descriptor, size. */
#define IN_PLACE_SIZE (HEADER + 8 + 8 + IN_PLACE + 8 + 4)

/* Writes the event of a plain read or write with at most IN_PLACE bytes of data, without a copy. */
static __always_inline int io_in_place(struct cpu *c, u16 code, enum family family, long ret, u32 len)
{
	u8 *r = record_begin(c, code, EV_READ_X_PARAMS, IN_PLACE_SIZE, family);
	u64 n = len;
	u8 *end;

	if (!r)
		return 0;
	OPAQUE(n);
	n &= IN_PLACE;
	if (n && bpf_probe_read_user(r + HEADER + 16, n, (void *)c->args[1])) {
		count_fault();
		n = 0;
	}
	end = r + HEADER + 16 + n;
	PUT32(r, 16, HEADER + 16 + n + 12);
	PUT64(r, HEADER, 8 | n << 16 | 8ULL << 32 | 4ULL << 48);
	PUT64(r, HEADER + 8, ret);
	PUT64(end, 0, (s64)(s32)c->args[0]);
	PUT32(end, 8, c->args[2]);
	record_finish(r);
	return 0;
}

ON_EXIT(read_x)
{
	struct cpu *c = cpu_current();
	u32 len;

	if (!c)
		return 0;
	len = ret > 0 ? smaller(snaplen_of(c->args[0], NOT_GIVEN, c->args[1], c->args[2]), ret) : 0;
	if (len <= IN_PLACE)
		return io_in_place(c, EV_READ_X, EV_READ_X_FAMILY, ret, len);
	struct event e = event_begin(c, EV_READ_X, EV_READ_X_PARAMS, EV_READ_X_FAMILY);

	push_u64(&e, ret);
	push_user_bytes(&e, c->args[1], len);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

ON_EXIT(write_x)
{
	struct cpu *c = cpu_current();
	u32 len;

	if (!c)
		return 0;
	len = smaller(snaplen_of(c->args[0], NOT_GIVEN, c->args[1], c->args[2]), ret > 0 ? ret : c->args[2]);
	if (len <= IN_PLACE)
		return io_in_place(c, EV_WRITE_X, EV_WRITE_X_FAMILY, ret, len);
	struct event e = event_begin(c, EV_WRITE_X, EV_WRITE_X_PARAMS, EV_WRITE_X_FAMILY);

	push_u64(&e, ret);
	push_user_bytes(&e, c->args[1], len);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	event_finish(&e);
	return 0;
}

/* A 32-bit call has the position in two words. */
static __always_inline u64 position(struct cpu *c)
{
	return c->compat ? c->args[3] | c->args[4] << 32 : c->args[3];
}

/* Writes a read or write at a position. */
static __always_inline int io_at(u16 code, enum family family, long ret, bool written)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, code, EV_PREAD_X_PARAMS, family);

	push_u64(&e, ret);
	if (written)
		push_written(&e, c, ret, NOT_GIVEN);
	else
		push_read(&e, c, ret, NOT_GIVEN);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, c->args[2]);
	push_u64(&e, position(c));
	event_finish(&e);
	return 0;
}

ON_EXIT(pread_x)
{
	return io_at(EV_PREAD_X, EV_PREAD_X_FAMILY, ret, false);
}

ON_EXIT(pwrite_x)
{
	return io_at(EV_PWRITE_X, EV_PWRITE_X_FAMILY, ret, true);
}

/* Writes size and data of a vectored read that returned `ret` bytes. */
static __always_inline void push_read_pieces(struct event *e, struct cpu *c, long ret)
{
	if (ret > 0) {
		push_u32(e, ret);
		push_pieces(e, c->args[1], c->args[2], smaller(snaplen_of(c->args[0], NOT_GIVEN, 0, 0), ret));
	} else {
		push_u32(e, 0);
		push_empty(e);
	}
}

static __always_inline u32 push_written_pieces(struct event *e, struct cpu *c, long ret)
{
	u32 len = snaplen_of(c->args[0], NOT_GIVEN, 0, 0);

	return push_pieces(e, c->args[1], c->args[2], ret > 0 ? smaller(len, ret) : len);
}

static __always_inline int read_in_pieces(u16 code, u32 nparams, enum family family, long ret, bool at)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, code, nparams, family);

	push_u64(&e, ret);
	push_read_pieces(&e, c, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	if (at)
		push_u64(&e, position(c));
	event_finish(&e);
	return 0;
}

static __always_inline int written_in_pieces(u16 code, u32 nparams, enum family family, long ret, bool at)
{
	struct cpu *c = cpu_current();
	u32 sum;

	if (!c)
		return 0;
	struct event e = event_begin(c, code, nparams, family);

	push_u64(&e, ret);
	sum = push_written_pieces(&e, c, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, sum);
	if (at)
		push_u64(&e, position(c));
	event_finish(&e);
	return 0;
}

#define PIECES(name, event, how, at)                                                       \
	ON_EXIT(name)                                 \
	{                                                                                  \
		return how(EV_##event, EV_##event##_PARAMS, EV_##event##_FAMILY, ret, at); \
	}

PIECES(readv_x, READV_X, read_in_pieces, false)
PIECES(preadv_x, PREADV_X, read_in_pieces, true)
PIECES(writev_x, WRITEV_X, written_in_pieces, false)
PIECES(pwritev_x, PWRITEV_X, written_in_pieces, true)

/* The offset of a 32-bit program is in two words. */
ON_EXIT(llseek_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_LLSEEK_X, EV_LLSEEK_X_PARAMS, EV_LLSEEK_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u64(&e, c->args[1] << 32 | (u32)c->args[2]);
	push_u8(&e, lseek_whence(c->args[4]));
	event_finish(&e);
	return 0;
}

ON_EXIT(process_vm_readv_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e =
		event_begin(c, EV_PROCESS_VM_READV_X, EV_PROCESS_VM_READV_X_PARAMS, EV_PROCESS_VM_READV_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_pieces(&e, c->args[1], ret > 0 ? c->args[2] : 0, smaller(settings.snaplen, ret));
	event_finish(&e);
	return 0;
}

ON_EXIT(process_vm_writev_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e =
		event_begin(c, EV_PROCESS_VM_WRITEV_X, EV_PROCESS_VM_WRITEV_X_PARAMS, EV_PROCESS_VM_WRITEV_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_pieces(&e, c->args[1], ret > 0 ? c->args[2] : 0, smaller(settings.snaplen, ret));
	event_finish(&e);
	return 0;
}
