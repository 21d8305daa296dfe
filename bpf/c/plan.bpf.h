/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Events that nobody wants: the plan of the loader, and its tests. src/plan.rs has the same layouts, and the crate scap
 * the model, with which each decision here must agree.
 *
 * The loader changes a plan in three steps: off, which lets everything through; other tests of paths; on.
 */
#pragma once

#define PLAN_OFF 0
#define PLAN_ON 1
#define PLAN_VERIFY 2 /* everything passes, and what would be left out is marked */

#define PLAN_FAILED 1
#define PLAN_SUCCEEDED 2

#define BY_OUTCOME 0
#define BY_PATH 1
#define BY_COMMAND 2
#define BY_ERRNO 3
#define BY_DESCRIPTOR 4
#define PLAN_TESTS 5

/* Error numbers below this have a bit; any other is wanted. */
#define PLAN_ERRNOS 128

#define EINPROGRESS 115

/* The mark of an event, at the number of its CPU, and the kind of file descriptor that was seen. */
#define PLAN_MARK 0x8000
#define PLAN_KIND_SHIFT 13

/* Kinds of file descriptors. */
#define KIND_UNKNOWN 0
#define KIND_FILE 1
#define KIND_INET 2
#define KIND_UNIX 3
/* All that are known, by outcome: four bits for calls that succeeded, four for those that failed. */
#define PLAN_KINDS 0x77

/* An event is kept after this time without one that was, so that the time of the stream goes on. */
#define PLAN_SILENCE 100 /* jiffies */

struct plan {
	u8 mode;
	u8 always[3]; /* ways to open files that are always wanted, by the shape of the path */
	u8 kept[SYSCALL_NUMBERS]; /* wanted outcomes of each call */
	u8 few_commands; /* of fcntl that succeeded only commands that change the state */
	u8 kinds[SYSCALL_NUMBERS]; /* wanted kinds of file descriptors, from KIND_FILE on */
	u64 errnos[SYSCALL_NUMBERS][PLAN_ERRNOS / 64]; /* wanted errors of calls that failed */
};

struct plan plan SEC(".data.plan");

struct left_out {
	u64 by[PLAN_TESTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYSCALL_NUMBERS);
	__type(key, u32);
	__type(value, struct left_out);
} left_out SEC(".maps");

/* Beginnings of paths, and of paths backwards; the value has the ways to open such files that are wanted. */
struct path_tests {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1); /* a model: the loader creates the maps */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct path_key);
	__type(value, u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct path_tests);
} path_tests SEC(".maps");

/* An event that a test leaves out: returns whether it really is. */
static __always_inline bool plan_leaves_out(struct cpu *c, u32 nr, u32 test)
{
	struct left_out *counts;
	u64 now;

	if (plan.mode == PLAN_VERIFY) {
		c->mark |= PLAN_MARK;
		return false;
	}
	now = bpf_jiffies64();
	if (now - c->kept_at > PLAN_SILENCE) {
		c->kept_at = now;
		return false;
	}
	counts = bpf_map_lookup_elem(&left_out, &nr);
	if (counts)
		counts->by[test]++;
	return true;
}

#define NR_FCNTL 72
#define F_DUPFD 0
#define F_SETFD 2
#define F_DUPFD_CLOEXEC 1030

/* Returns whether a command of fcntl does not change the state. */
static __always_inline bool command_is_plain(u32 command)
{
	return command != F_DUPFD && command != F_SETFD && command != F_DUPFD_CLOEXEC;
}

/* Returns the kind of what a file descriptor refers to, in read/sock.bpf.h. */
int descriptor_kind(s32 fd);

/* Returns whether the call failed with an error that nobody wants. */
static __always_inline bool errno_is_plain(u32 nr, long ret)
{
	u64 number = -ret;

	if (number >= PLAN_ERRNOS)
		return false;
	return !(plan.errnos[nr & (SYSCALL_NUMBERS - 1)][number >> 6 & 1] >> (number & 63) & 1);
}

static __always_inline bool call_is_planned_out(struct cpu *c, u32 nr, long ret)
{
	u32 outcome, kinds;

	if (!plan.mode)
		return false;
	c->mark = 0;
	outcome = ret < 0 && !(ret == -EINPROGRESS && nr == NR_CONNECT) ? PLAN_FAILED : PLAN_SUCCEEDED;
	if (!(plan.kept[nr & (SYSCALL_NUMBERS - 1)] & outcome))
		return plan_leaves_out(c, nr, BY_OUTCOME);
	if (outcome == PLAN_FAILED && errno_is_plain(nr, ret))
		return plan_leaves_out(c, nr, BY_ERRNO);
	if (nr == NR_FCNTL && plan.few_commands && outcome == PLAN_SUCCEEDED && command_is_plain(c->args[1]))
		return plan_leaves_out(c, nr, BY_COMMAND);
	kinds = plan.kinds[nr & (SYSCALL_NUMBERS - 1)];
	if (kinds != PLAN_KINDS) {
		u32 kind = descriptor_kind(c->args[0]) & 3;

		if (plan.mode == PLAN_VERIFY)
			c->mark = kind << PLAN_KIND_SHIFT;
		if (outcome == PLAN_FAILED)
			kinds >>= 4;
		if (kind && !(kinds >> (kind - 1) & 1))
			return plan_leaves_out(c, nr, BY_DESCRIPTOR);
	}
	return false;
}

#define SHAPE_CLEAN 0
#define SHAPE_ODD 1
#define SHAPE_DOTS 2
/* The longest path that is tested, with its NUL. */
#define PLAN_PATH 128
#define PLAN_SUFFIX 30

#define EACH(byte) (0x0101010101010101ULL * (byte))
/* The highest bit of each byte that is 0. */
#define ZEROS(w) (~((((w) & EACH(0x7f)) + EACH(0x7f)) | (w) | EACH(0x7f)))

/* Returns the shape of the text of `len` bytes, with its NUL, at `pos`. */
static __always_inline u32 path_shape(struct cpu *c, u32 pos, u32 len)
{
	u64 odd = 0, dots = 0;

	if (len < 2 || len > PLAN_PATH)
		return SHAPE_ODD;
	if (c->data[pos & DATA_MASK] != '/')
		odd = 1;
	for (u32 i = 0; i < PLAN_PATH; i += 8) {
		u32 at = pos + i;
		s32 beyond = 64 - 8 * (s32)(len - 1 - i);
		u64 valid, one, two, three, slash, dot;

		if (i + 1 >= len)
			break;
		/* Without a branch: the verifier would follow both sides in each round. */
		beyond &= ~(beyond >> 31);
		valid = ~0ULL >> (beyond & 63);
		OPAQUE(at);
		one = WORD_AT(c->data, at & DATA_MASK);
		two = WORD_AT(c->data, (at & DATA_MASK) + 1);
		three = WORD_AT(c->data, (at & DATA_MASK) + 2);
		slash = ZEROS(one ^ EACH('/'));
		dot = ZEROS(two ^ EACH('.'));
		dots |= ZEROS(one ^ EACH('.')) & dot & valid;
		odd |= slash & valid &
		       (ZEROS(two ^ EACH('/')) | ZEROS(two) | (dot & (ZEROS(three ^ EACH('/')) | ZEROS(three))));
	}
	if (dots)
		return SHAPE_DOTS;
	return odd ? SHAPE_ODD : SHAPE_CLEAN;
}

static __always_inline bool key_is_wanted(void *tests, struct path_key *key, u32 class)
{
	u32 *wanted;

	key->bits = 8 * sizeof(key->text);
	wanted = bpf_map_lookup_elem(tests, key);
	return wanted && *wanted & class;
}

/* Returns whether a file is wanted that is opened in this way by the text of `len` bytes at `pos`. */
__noinline int path_is_wanted(u32 pos, u32 len, u32 class)
{
	struct cpu *c = cpu_current();
	u32 zero = 0, shape;
	void *tests;

	if (!c)
		return 1;
	shape = path_shape(c, pos, len);
	if (plan.always[shape < 3 ? shape : 0] & class)
		return 1;
	if (shape)
		return 0;
	tests = bpf_map_lookup_elem(&path_tests, &zero);
	if (!tests)
		return 1;
	c->key.text[0] = 'P';
	bpf_probe_read_kernel(&c->key.text[1], sizeof(c->key.text) - 1, &c->data[pos & DATA_MASK]);
	if (key_is_wanted(tests, &c->key, class))
		return 1;
	c->key.text[0] = 'S';
	for (u32 i = 0; i < PLAN_SUFFIX; i++) {
		u32 at = pos + len - 2 - i;
		/* All bits are set while the byte belongs to the path. */
		u32 valid = -((i + 1 - len) >> 31);

		OPAQUE(at);
		c->key.text[1 + i] = c->data[at & DATA_MASK] & valid;
	}
	return key_is_wanted(tests, &c->key, class);
}

/* Of a file that was opened: the given path is the kernel's; only the thread itself can have changed it; a directory. */
#define LED_GIVEN (1ULL << 32)
#define LED_OWN (1ULL << 33)
#define LED_DIRECTORY (1ULL << 34)

/* Returns whether the event of a call that opens a file is left out. `led` is of a call that succeeded. */
static __always_inline bool open_is_left_out(struct event *e, u32 pos, u32 len, u32 flags, long ret, u64 led)
{
	struct cpu *c = e->c;
	u32 class = flags & (FILE_FLAGS__O_RDONLY | FILE_FLAGS__O_WRONLY);

	if (!plan.mode || c->mark & PLAN_MARK)
		return false;
	if (ret < 0)
		class |= 4;
	else if (!(led & (LED_GIVEN | LED_OWN)) || led & LED_DIRECTORY || flags & FILE_FLAGS__O_DIRECTORY)
		return false;
	if (path_is_wanted(pos, len, 1 << class))
		return false;
	return plan_leaves_out(c, c->nr, BY_PATH);
}
