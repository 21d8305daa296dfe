/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Properties of open files and inodes. */
#pragma once

#define FMODE_CREATED 0x100000
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFLNK 0120000
#define S_IMMUTABLE 8
#define SB_RDONLY 1
#define MAY_WRITE 2
#define OVERLAYFS_MAGIC 0x794c7630
#define SOCKFS_MAGIC 0x534f434b
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_MAGIC 0x09041934
/* Halvings of a sorted list of groups: enough for 65,536. */
#define MAX_GROUP_STEPS 17
#define MAX_EXTENTS 5

enum layer {
	LAYER_NONE, /* not an overlay */
	LAYER_UPPER,
	LAYER_LOWER,
};

/* Returns the open file behind a file descriptor of the current task. */
static __always_inline struct file *fd_file(s32 fd)
{
	struct fdtable *fdt;
	struct file **files;
	struct file *file = NULL;
	u32 max;

	if (fd < 0)
		return NULL;
	if (task_is_typed()) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct files_struct *table = task->files;

		if (!table)
			return NULL;
		fdt = table->fdt;
		if (!fdt)
			return NULL;
		max = fdt->max_fds;
		files = fdt->fd;
	} else {
		struct task_struct *task = task_current();

		fdt = BPF_CORE_READ(task, files, fdt);
		max = BPF_CORE_READ(fdt, max_fds);
		files = BPF_CORE_READ(fdt, fd);
	}
	if ((u32)fd >= max)
		return NULL;
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return (struct file *)WORDS(&files[fd])->tv_sec;
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline u64 file_ino(struct file *file)
{
	return GET(file, f_inode, i_ino);
}

static __always_inline u32 file_dev(struct file *file)
{
	return device_of_kernel(GET(file, f_inode, i_sb, s_dev));
}

/* Returns the layer of an overlay that has the file. The inode of an overlay is followed by the upper layer's entry. */
static __always_inline enum layer file_layer(struct file *file)
{
	struct dentry *dentry;
	struct dentry *upper = NULL;
	struct inode *inode;

	if (GET(file, f_path.dentry, d_sb, s_magic) != OVERLAYFS_MAGIC)
		return LAYER_NONE;
	dentry = BPF_CORE_READ(file, f_path.dentry);
	inode = BPF_CORE_READ(dentry, d_inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper && BPF_CORE_READ(upper, d_inode, i_ino) ? LAYER_UPPER : LAYER_LOWER;
}

static __always_inline bool file_is_memfd(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	char name[7] = {};

	if (BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(name, 6, BPF_CORE_READ(dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline u64 time_ns(s64 sec, u64 nsec)
{
	return sec < 0 ? 0 : sec * 1000000000ULL + nsec;
}

/* Since 6.13 the topmost bit of a time's nanoseconds marks that the time was queried. */
#define NSEC_MASK 0x7fffffff

#define INODE_TIME(inode, which)                                                                             \
	({                                                                                                   \
		u64 ns_;                                                                                     \
		if (bpf_core_field_exists(((struct inode___ctime *)0)->i_##which)) {                        \
			struct inode___ctime *i_ = (void *)(inode);                                          \
			ns_ = time_ns(BPF_CORE_READ(i_, i_##which.tv_sec), BPF_CORE_READ(i_, i_##which.tv_nsec)); \
		} else if (bpf_core_field_exists(((struct inode___under_ctime *)0)->__i_##which)) {         \
			struct inode___under_ctime *i_ = (void *)(inode);                                    \
			ns_ = time_ns(BPF_CORE_READ(i_, __i_##which.tv_sec), BPF_CORE_READ(i_, __i_##which.tv_nsec)); \
		} else {                                                                                     \
			struct inode___ctime_words *i_ = (void *)(inode);                                    \
			ns_ = time_ns(BPF_CORE_READ(i_, i_##which##_sec), BPF_CORE_READ(i_, i_##which##_nsec) & NSEC_MASK); \
		}                                                                                            \
		ns_;                                                                                         \
	})

static __always_inline bool id_is_mapped(struct uid_gid_map *map, u32 id)
{
	u32 n = BPF_CORE_READ(map, nr_extents);

	for (int i = 0; i < MAX_EXTENTS; i++) {
		struct uid_gid_extent extent;

		if (i >= n)
			break;
		bpf_core_read(&extent, sizeof(extent), &map->extent[i]);
		if (id - extent.lower_first < extent.count)
			return true;
	}
	return false;
}

static __always_inline bool group_is_held(struct task_struct *task, u32 group)
{
	struct group_info *groups = BPF_CORE_READ(task, cred, group_info);
	u32 low = 0, high = BPF_CORE_READ(groups, ngroups);

	for (int i = 0; i < MAX_GROUP_STEPS; i++) {
		u32 middle = (low + high) / 2, there = 0;

		if (low >= high)
			break;
		bpf_probe_read_kernel(&there, sizeof(there), &groups->gid[middle]);
		if (there == group)
			return true;
		if (there < group)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Returns whether the task may write the inode: by its mode, by owning it, or by capability. */
static __always_inline bool inode_is_writable(struct task_struct *task, struct inode *inode)
{
	u32 mode = BPF_CORE_READ(inode, i_mode);
	u32 uid = BPF_CORE_READ(inode, i_uid.val), gid = BPF_CORE_READ(inode, i_gid.val);
	u32 fsuid = BPF_CORE_READ(task, cred, fsuid.val), fsgid = BPF_CORE_READ(task, cred, fsgid.val);
	u32 type = mode & S_IFMT;
	struct user_namespace *ns;
	u64 caps;

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
		return false;
	if (BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE)
		return false;
	if (uid == (u32)-1 || gid == (u32)-1)
		return false;
	if (fsuid == uid)
		return true;
	if (gid == fsgid || group_is_held(task, gid))
		mode >>= 3;
	if (mode & MAY_WRITE)
		return true;
	ns = BPF_CORE_READ(task, cred, user_ns);
	if (!id_is_mapped(&ns->uid_map, uid))
		return false;
	caps = CAPABILITY(task, cap_effective);
	return caps >> CAP_FOWNER & 1 || (caps >> CAP_DAC_OVERRIDE & 1 && id_is_mapped(&ns->gid_map, gid));
}

/* Returns the flags of an executable in exec events. */
static __always_inline u32 exe_flags(struct task_struct *task, struct file *exe)
{
	u32 flags = 0;

	if (!exe)
		return 0;
	switch (file_layer(exe)) {
	case LAYER_UPPER:
		flags |= EXECVE_FLAGS__EXE_UPPER_LAYER;
		break;
	case LAYER_LOWER:
		flags |= EXECVE_FLAGS__EXE_LOWER_LAYER;
		break;
	case LAYER_NONE:
		break;
	}
	if (inode_is_writable(task, BPF_CORE_READ(exe, f_inode)))
		flags |= EXECVE_FLAGS__EXE_WRITABLE;
	if (file_is_memfd(exe))
		flags |= EXECVE_FLAGS__EXE_FROM_MEMFD;
	return flags;
}
