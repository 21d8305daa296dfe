/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The only way to write an event.
 *
 *   offset 0   8    16   20    22       26
 *          ts  tid  len  type  nparams  u16 lengths[nparams]  values, back to back
 *
 * The number of the CPU follows the event, in the last two bytes of its place in the ring, which may be longer than the
 * event; its highest bit is the mark of the plan.
 *
 * An event of one size is reserved in the ring and written in place (record_*). Any other is assembled in the CPU's own
 * buffer and copied (event_begin, push_*, event_finish). A program that may interrupt another one on the same CPU must
 * use record_*.
 */
#pragma once

#define HEADER 26
#define MAX_PATH 4096
/* More parameters than any event has: a mask as well. */
#define MAX_PARAMS 63
/* Kept free for the parameters that follow a long one. */
#define TAIL 8192

#define PUT8(r, at, v) (*(u8 *)((void *)(r) + (at)) = (u8)(v))
#define PUT16(r, at, v) (*(u16 *)((void *)(r) + (at)) = (u16)(v))
#define PUT32(r, at, v) (*(u32 *)((void *)(r) + (at)) = (u32)(v))
#define PUT64(r, at, v) (*(u64 *)((void *)(r) + (at)) = (u64)(v))
/* Not through the address of an element, whose alignment the compiler knows: it would read byte by byte. */
#define WORD_AT(r, at) (*(u64 *)((void *)(r) + (at)))

/* Keeps the compiler from undoing a bound that the verifier has to see. */
#define OPAQUE(v) asm volatile("" : "+r"(v))

static __always_inline void header_put(void *r, u32 len, u16 code, u32 nparams)
{
	PUT64(r, 0, settings.boot_time + bpf_ktime_get_boot_ns());
	PUT64(r, 8, bpf_get_current_pid_tgid() & 0xffffffff);
	PUT64(r, 16, (u64)len | (u64)code << 32 | (u64)nparams << 48);
	PUT16(r, 24, 0);
}

static __always_inline void *ring_current(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &cpu);
}

static __always_inline void count_drop(struct cpu_stats *st, enum cause cause, enum family family)
{
	if (st)
		st->drops[cause][family]++;
}

/* Reserves an event of one size; NULL when it is dropped. */
static __always_inline u8 *record_begin(struct cpu *c, u16 code, u32 nparams, u32 size, enum family family)
{
	struct cpu_stats *st = stats_current();
	void *ring = ring_current();
	u8 *r;

	if (st)
		st->seen++;
	if (!ring) {
		count_drop(st, CAUSE_NO_RING, family);
		return NULL;
	}
	r = bpf_ringbuf_reserve(ring, size + sizeof(u16), 0);
	if (!r) {
		count_drop(st, CAUSE_BUFFER, family);
		return NULL;
	}
	header_put(r, size, code, nparams);
	PUT16(r, size, bpf_get_smp_processor_id() | c->mark);
	return r;
}

static __always_inline void record_finish(u8 *r)
{
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* An event that is being assembled. Lives in registers: all functions with it are inlined. */
struct event {
	struct cpu *c;
	u32 pos; /* position of the next value */
	u32 n; /* values so far */
	u32 nparams;
	u16 code;
	enum family family;
};

static __always_inline struct event event_begin(struct cpu *c, u16 code, u32 nparams, enum family family)
{
	struct event e = {
		.c = c,
		.pos = HEADER + 2 * nparams,
		.nparams = nparams,
		.code = code,
		.family = family,
	};

	header_put(c->data, 0, code, nparams);
	return e;
}

/* Returns the position of the next value. */
static __always_inline u8 *event_at(struct event *e)
{
	u32 pos = e->pos & DATA_MASK;

	OPAQUE(pos);
	return &e->c->data[pos & DATA_MASK];
}

/* Sends the first `len` bytes of the CPU's buffer in a place of `size` bytes, word by word: a helper that copies costs
 * ten times as much for few bytes. The number of the CPU is at the end of the place.
 */
#define SEND_IN(size)                                                                                        \
	if (len <= (size) - sizeof(u16)) {                                                                   \
		r = bpf_ringbuf_reserve(ring, size, 0);                                                      \
		if (!r)                                                                                      \
			return -1;                                                                           \
		_Pragma("unroll") for (u32 i = 0; i < (size); i += 8)                                        \
			*(u64 *)(r + i) = *(u64 *)(c->data + i);                                             \
		PUT16(r, (size) - sizeof(u16), bpf_get_smp_processor_id() | c->mark);                        \
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);                                                     \
		return 0;                                                                                    \
	}

__noinline int event_send(u64 len)
{
	struct cpu *c = cpu_current();
	void *ring = ring_current();
	u8 *r;

	if (!c || !ring || len > MAX_EVENT)
		return -1;
	SEND_IN(64)
	SEND_IN(96)
	SEND_IN(128)
	SEND_IN(160)
	SEND_IN(192)
	SEND_IN(256)
	PUT16(&c->data[len], 0, bpf_get_smp_processor_id() | c->mark);
	return bpf_ringbuf_output(ring, c->data, len + sizeof(u16), BPF_RB_NO_WAKEUP);
}

static __always_inline void event_finish(struct event *e)
{
	struct cpu_stats *st = stats_current();
	u64 len = e->pos;

	OPAQUE(len);
	if (st)
		st->seen++;
	if (!ring_current()) {
		count_drop(st, CAUSE_NO_RING, e->family);
		return;
	}
	if (len > MAX_EVENT) {
		count_drop(st, CAUSE_TOO_LARGE, e->family);
		return;
	}
	PUT32(e->c->data, 16, len);
	if (event_send(len))
		count_drop(st, CAUSE_BUFFER, e->family);
}

static __always_inline void count_fault(void)
{
	struct cpu_stats *st = stats_current();

	if (st)
		st->faults++;
}

/* Ends a parameter of which `len` bytes were written at event_at. */
static __always_inline void push_done(struct event *e, u32 len)
{
	PUT16(e->c->data, HEADER + 2 * (e->n & MAX_PARAMS), len);
	e->n++;
	e->pos += len;
}

static __always_inline void push_empty(struct event *e)
{
	push_done(e, 0);
}

#define PUSH(bits)                                                              \
	static __always_inline void push_u##bits(struct event *e, u64 v)        \
	{                                                                       \
		PUT##bits(event_at(e), 0, v);                                   \
		push_done(e, bits / 8);                                         \
	}
PUSH(8)
PUSH(16)
PUSH(32)
PUSH(64)

/* Writes part of a parameter: push_done ends it. */
#define PART(bits)                                                              \
	static __always_inline u32 part_u##bits(struct event *e, u32 at, u64 v) \
	{                                                                       \
		u32 pos = (e->pos + at) & DATA_MASK;                            \
                                                                                \
		OPAQUE(pos);                                                    \
		PUT##bits(&e->c->data[pos & DATA_MASK], 0, v);                  \
		return at + bits / 8;                                           \
	}
PART(8)
PART(16)
PART(32)
PART(64)

/* Returns how many of `want` bytes fit at `pos`. */
static __always_inline u32 room_at(u32 pos, u64 want)
{
	u32 room = pos < MAX_EVENT - TAIL ? MAX_EVENT - TAIL - pos : 0;

	return want < room ? want : room;
}

static __always_inline u32 bytes_read(struct cpu *c, u32 pos, u64 p, u64 len, bool user)
{
	u32 n = room_at(pos, len);
	long fault;

	if (!p || !n)
		return 0;
	OPAQUE(n);
	n &= DATA_MASK;
	if (user)
		fault = bpf_probe_read_user(&c->data[pos & DATA_MASK], n, (void *)p);
	else
		fault = bpf_probe_read_kernel(&c->data[pos & DATA_MASK], n, (void *)p);
	if (fault) {
		count_fault();
		return 0;
	}
	return n;
}

static __always_inline u32 text_read(struct cpu *c, u32 pos, u64 p, u32 max, bool user)
{
	long n;

	if (!p)
		return 0;
	max &= DATA_MASK;
	if (user)
		n = bpf_probe_read_user_str(&c->data[pos & DATA_MASK], max, (void *)p);
	else
		n = bpf_probe_read_kernel_str(&c->data[pos & DATA_MASK], max, (void *)p);
	if (n <= 0) {
		count_fault();
		return 0;
	}
	return n & DATA_MASK;
}

/* The same as separate functions. The verifier checks such a function once, whatever its arguments, so a loop that
 * calls one has one path where the inlined code would have several, and does not multiply.
 */
__noinline int user_bytes_put(u32 pos, u64 p, u64 len)
{
	struct cpu *c = cpu_current();

	return c ? bytes_read(c, pos & DATA_MASK, p, len, true) : 0;
}

__noinline int user_text_put(u32 pos, u64 p, u32 max)
{
	struct cpu *c = cpu_current();

	return c ? text_read(c, pos & DATA_MASK, p, max, true) : 0;
}

__noinline int kernel_text_put(u32 pos, u64 p, u32 max)
{
	struct cpu *c = cpu_current();

	return c ? text_read(c, pos & DATA_MASK, p, max, false) : 0;
}

/* Writes the bytes at `p` in user memory, `at` bytes into the parameter; returns how many were read. */
static __always_inline u32 part_bytes(struct event *e, u32 at, u64 p, u64 len)
{
	return user_bytes_put(e->pos + at, p, len) & DATA_MASK;
}

/* Writes the string at `p` with its NUL, of at most `max` bytes; returns how many were read. */
static __always_inline u32 part_user_text(struct event *e, u32 at, u64 p, u32 max)
{
	return user_text_put(e->pos + at, p, max) & DATA_MASK;
}

static __always_inline u32 part_kernel_text(struct event *e, u32 at, const void *p, u32 max)
{
	return kernel_text_put(e->pos + at, (u64)p, max) & DATA_MASK;
}

static __always_inline void push_user_text(struct event *e, u64 p, u32 max)
{
	u32 pos = e->pos & DATA_MASK;

	OPAQUE(pos);
	push_done(e, text_read(e->c, pos, p, max, true));
}

static __always_inline void push_kernel_text(struct event *e, const void *p, u32 max)
{
	u32 pos = e->pos & DATA_MASK;

	OPAQUE(pos);
	push_done(e, text_read(e->c, pos, (u64)p, max, false));
}

static __always_inline void push_user_bytes(struct event *e, u64 p, u64 len)
{
	u32 pos = e->pos & DATA_MASK;

	OPAQUE(pos);
	push_done(e, bytes_read(e->c, pos, p, len, true));
}

/* Return numbers in user memory; 0 when they cannot be read. */
static __always_inline u32 user_u32(u64 p)
{
	u32 v = 0;

	if (p && bpf_probe_read_user(&v, sizeof(v), (void *)p))
		count_fault();
	return v;
}

static __always_inline u64 user_u64(u64 p)
{
	u64 v = 0;

	if (p && bpf_probe_read_user(&v, sizeof(v), (void *)p))
		count_fault();
	return v;
}

/* Returns a word of the calling program's width. */
__noinline u64 user_word(u64 p)
{
	struct cpu *c = cpu_current();

	return c && c->compat ? user_u32(p) : user_u64(p);
}
