/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The maps, and the memory of each CPU. */
#pragma once

/* The longest event. */
#define MAX_EVENT 65535
/* Values are written below this and may reach as far again: so a masked position plus a 16-bit length stays inside. */
#define DATA_SIZE (2 * 65536)
#define DATA_MASK 0xffff
/* Components of a cgroup's path. */
#define MAX_COMPONENTS 32
/* The kernel's limit of a path, with its NUL: a power of two. */
#define PATH_SIZE 4096

/* Counters of one CPU. */
struct cpu_stats {
	u64 seen; /* events before any drop */
	u64 faults; /* values that could not be read from the process's memory */
	u64 drops[CAUSES][FAMILIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_stats);
} stats SEC(".maps");

/* An address of a socket, in the forms of both families of the internet. */
struct sockaddr_any {
	u16 family, port;
	u32 ip; /* IPv4 */
	u64 ip6[2];
	u8 more[104];
};

/* Both ends of an internet socket. */
struct ends {
	u64 ip[2], local[2];
	u16 port, local_port;
	u32 pad;
};

/* A message's header in the process's memory. */
struct message_native {
	u64 name;
	u32 name_len, pad;
	u64 pieces, count, control, control_len;
	u32 flags, pad2;
};

struct message_compat {
	u32 name, name_len, pieces, count, control, control_len, flags;
};

/* A text to look up among tests of paths: its kind, then its beginning. */
struct path_key {
	u32 bits;
	u8 text[64];
};

/* The current call, and the event that is being written. */
struct cpu {
	u64 args[6];
	u64 pointer; /* see plain() */
	u32 nr; /* number of the call, that of x86_64 if it has one */
	u16 native_nr; /* the number that the program used */
	u8 compat; /* a 32-bit call */
	u8 socketcall; /* made through socketcall */
	u32 mark; /* PLAN_MARK if the plan leaves the event out, and everything passes */
	struct path_key key;
	u64 kept_at; /* when an event was kept that the plan leaves out */
	u64 parts[MAX_COMPONENTS]; /* names of a cgroup's path, the last first */
	u32 nparts, part_at;
	u32 path_at; /* the current beginning of the path */
	u32 path_own; /* the beginning of the part in the file's own mount; 0 while it is unknown */
	u32 sum; /* the sum of the sizes of a buffer's pieces */
	struct sockaddr_any address;
	struct ends ends;
	union {
		struct message_native native;
		struct message_compat compat;
	} header; /* here, as the stack is short where messages bring file descriptors */
	u8 path[2 * PATH_SIZE]; /* a path, which ends at PATH_END; the rest is for the verifier */
	u8 data[DATA_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set to the number of CPUs before loading */
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* a model: the loader creates the rings */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* set to the number of CPUs before loading */
	__type(key, u32);
	__array(values, struct ring);
} rings SEC(".maps");

/* The program of each call, by number. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SYSCALL_NUMBERS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} programs SEC(".maps");

static __always_inline struct cpu *cpu_current(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline struct cpu_stats *stats_current(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

/* A pointer as a number, the argument type of separate functions. */
static __always_inline u64 plain(struct cpu *c, const void *p)
{
	volatile u64 *at = &c->pointer;

	*at = (u64)p;
	return *at;
}
