/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Files that a ring has registered: requests name them by their place in the ring's own table, which is not a file
 * descriptor.
 *
 *   io_uring_register(FILES)    a file descriptor becomes a place as well, and may be closed then
 *   openat, socket, accept with a place    a file has a place from the start, and never a file descriptor
 *
 * If the process has the file open under a number too, the event has that number. Else it has a number that cannot be a
 * file descriptor, made of the ring and the place, so that a file opened into a place has a name when it is used.
 */
#pragma once

/* Above all file descriptors: bits of the ring, then 16 bits of the place. */
#define FIXED_FIRST 0x40000000
#define FIXED_PLACES 0xffff
#define FIXED_RING_SHIFT 16
/* The kernel chooses the place, and returns it as the result. */
#define FIXED_ANY 0xffffffff
/* File descriptors that are searched for a file. */
#define FIXED_SEARCH 1024
/* A file without a file descriptor may get one later. */
#define FIXED_SEARCH_AGAIN 1000000000ULL
#define MAX_FIXED 4096
/* The lower bits of a pointer in a ring's table have another meaning. */
#define FIXED_POINTER (~7ULL)

struct fixed_key {
	u64 file;
	u64 tgid;
};

struct fixed_found {
	u64 at; /* time of the search */
	s32 fd; /* -1 none */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FIXED);
	__type(key, struct fixed_key);
	__type(value, struct fixed_found);
} fixed_files SEC(".maps");

struct fixed_search {
	struct file **files;
	u64 file;
	s64 found;
};

static long fixed_step(u64 i, struct fixed_search *s)
{
	u64 file = 0;

	bpf_probe_read_kernel(&file, sizeof(file), &s->files[i]);
	if (file != s->file)
		return 0;
	s->found = i;
	return 1;
}

static __always_inline s32 fixed_number(u64 ring, u32 place)
{
	u32 bits = ring * 0x9e3779b97f4a7c15ULL >> 56;

	return FIXED_FIRST | bits << FIXED_RING_SHIFT | (place & FIXED_PLACES);
}

/* Returns the number of a registered file in the events of its process. */
__noinline int fixed_fd(u64 task, u64 file, u64 ring, u32 place)
{
	struct fdtable *fdt = BPF_CORE_READ((struct task_struct *)task, files, fdt);
	struct fixed_key key = { file, BPF_CORE_READ((struct task_struct *)task, tgid) };
	struct fixed_search s = { BPF_CORE_READ(fdt, fd), file, -1 };
	struct fixed_found *known = bpf_map_lookup_elem(&fixed_files, &key), new = {};
	u32 max = BPF_CORE_READ(fdt, max_fds);

	if (!file || !fdt)
		return fixed_number(ring, place);
	new.at = bpf_ktime_get_boot_ns();
	if (known && known->fd >= 0) {
		if ((u32)known->fd < max && fixed_step(known->fd, &s))
			return known->fd;
	} else if (known && new.at - known->at < FIXED_SEARCH_AGAIN) {
		return fixed_number(ring, place);
	}
	bpf_loop(max < FIXED_SEARCH ? max : FIXED_SEARCH, fixed_step, &s, 0);
	new.fd = s.found;
	bpf_map_update_elem(&fixed_files, &key, &new, BPF_ANY);
	return s.found >= 0 ? s.found : fixed_number(ring, place);
}

/* Returns the file in a place of a ring's table. */
static __always_inline struct file *fixed_file(struct io_ring_ctx *ring, u32 place)
{
	u64 file = 0;

	if (bpf_core_type_exists(struct io_fixed_file)) {
		struct io_file_table___files *table =
			(void *)ring + bpf_core_field_offset(struct io_ring_ctx, file_table);
		struct io_fixed_file *files = BPF_CORE_READ(table, files);

		bpf_core_read(&file, sizeof(file), &files[place].file_ptr);
	} else {
		struct io_rsrc_node **nodes = BPF_CORE_READ(ring, file_table.data.nodes), *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node), &nodes[place]);
		file = BPF_CORE_READ(node, file_ptr);
	}
	return (struct file *)(file & FIXED_POINTER);
}
