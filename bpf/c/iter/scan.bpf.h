/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The initial state of the host: every thread, and every open file of every process, as records that the loader reads
 * like a file.
 *
 *   read -> bpf_seq_read -> task_seq_show / task_file_seq_show -> here -> bpf_seq_write
 *
 * Records contain the values of the kernel's structures; they are interpreted in user space, by the same code that
 * reads /proc. Arguments and environment are always read from /proc: its readers skip pages whose absence a process
 * could stretch for ever, such as those of a file system of its own making, and no helper for BPF does.
 *
 * A file that these programs cannot name is marked so, and the loader looks it up in /proc.
 */
#pragma once

#define SCAN_STRINGS 8192
/* The number of threads to visit for one that has not ended. */
#define SCAN_THREADS 30
#define AF_NETLINK 16
#define O_CLOEXEC_BIT 02000000

/* In scan_task.flags. */
#define SCAN_KERNEL 1 /* a kernel thread, or one that has released its memory */
#define SCAN_NO_EXE 2
#define SCAN_UPPER 4
#define SCAN_LOWER 8
#define SCAN_WRITABLE 16

/* How to interpret the text of a path or file. */
enum form {
	FORM_NONE,
	FORM_PATH,
	FORM_DELETED, /* a path whose last name was removed */
	FORM_PSEUDO, /* a file without a directory: only its own name */
	FORM_SOCKET, /* struct scan_socket follows */
	FORM_UNCLEAR, /* look it up in /proc */
};

/* src/iterators.rs has the same layout, and a test compares the two by BTF. Texts follow in the order of the members
 * with their lengths, without a NUL.
 */
struct scan_task {
	u32 len; /* length of the whole record */
	u32 flags;
	s32 tid, pid, ptid, pgid, sid, vtid, vpid, vpgid;
	u32 uid, gid, loginuid, tty;
	u32 vm_size, vm_rss, vm_swap;
	s32 alive; /* the thread that has the memory of the process, where the first one has ended; else 0 */
	u64 fdlimit;
	u64 minor, major; /* page faults of the thread */
	u64 group_minor, group_major; /* page faults of the ended threads of its process */
	u64 start; /* nanoseconds since boot */
	u64 cap_inheritable, cap_permitted, cap_effective;
	u64 css_set, pid_namespace; /* data that tasks of a process share */
	u64 exe_ino, exe_ctime, exe_mtime;
	char comm[16];
	u16 exe_len, cwd_len, root_len;
	u8 exe_form, cwd_form, root_form;
	u8 pad2[7];
};

struct scan_file {
	u32 len;
	s32 pid;
	u32 fd;
	u32 mode;
	u64 ino;
	u64 magic; /* device of the file system */
	u32 dev;
	u32 flags; /* as fcntl has them */
	u16 text_len;
	u8 form;
	u8 pad[5];
};

struct scan_socket {
	u64 sk;
	u16 family, type, protocol;
	u16 port, peer_port, number; /* the first two as they are sent */
	u8 state;
	u8 bound; /* netlink: has a number */
	u8 pad[2];
	u8 address[16], peer_address[16];
	u16 name_len; /* length of a unix socket's name, which follows */
	u8 pad2[6];
};

/* The record that is being assembled, and its texts. */
struct scan {
	struct scan_task task;
	struct scan_file file;
	struct scan_socket socket;
	struct cpu cpu;
};

/* Separate memory: unlike the other programs these may be preempted by one that writes an event. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scan);
} scans SEC(".maps");

static __always_inline struct scan *scan_current(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&scans, &zero);
}

static __always_inline struct cpu *cpu_scan(void)
{
	struct scan *s = scan_current();

	return s ? &s->cpu : NULL;
}

__noinline int scan_text_put(u32 pos, u64 p, u32 max)
{
	struct cpu *c = cpu_scan();

	return c ? text_read(c, pos & DATA_MASK, p, max, false) : 0;
}

__noinline u64 scan_path_find(u64 p)
{
	struct scan *s = scan_current();

	return s ? path_write(&s->cpu, (struct path *)p) : 0;
}

/* Writes the text of a path at `pos`; returns the length in the lower half, the form above. */
__noinline u32 scan_path_put(u32 pos, u64 p)
{
	struct scan *s = scan_current();
	struct path *path = (void *)p;
	struct dentry *dentry, *parent;
	struct vfsmount *mnt;
	u64 found;
	u32 len;
	bool root;

	if (!s || !p)
		return FORM_NONE << 16;
	dentry = BPF_CORE_READ(path, dentry);
	if (!dentry)
		return FORM_NONE << 16;
	mnt = BPF_CORE_READ(path, mnt);
	parent = BPF_CORE_READ(dentry, d_parent);
	root = parent == dentry;
	if (BPF_CORE_READ(dentry, d_op, d_dname) && (!root || BPF_CORE_READ(mnt, mnt_root) != dentry)) {
		len = scan_text_put(pos, (u64)BPF_CORE_READ(dentry, d_name.name), MAX_COMPONENT);
		return FORM_PSEUDO << 16 | (len ? len - 1 : 0);
	}
	found = scan_path_find(p);
	if (!path_is_known(found))
		return FORM_UNCLEAR << 16;
	len = path_copy(&s->cpu, pos & DATA_MASK, found) - 1;
	if (!root && !BPF_CORE_READ(dentry, d_hash.pprev))
		return FORM_DELETED << 16 | len;
	return FORM_PATH << 16 | len;
}

/* Returns the first thread of the task's process that has not ended; 0 if there is none. */
__noinline u64 scan_alive(u64 t)
{
	struct task_struct *task = (void *)t;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);

	for (int i = 0; i < SCAN_THREADS; i++) {
		struct task_struct *other = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);

		if (node == head || !node)
			return 0;
		if (BPF_CORE_READ(other, mm) && BPF_CORE_READ(other, files))
			return (u64)other;
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

/* Writes a head and the first `len` bytes of the texts. A record that does not fit is written again when there is
 * room.
 */
#define SCAN_WRITE(seq, s, head, text)                                                                       \
	do {                                                                                                 \
		u32 n_ = (text);                                                                             \
		bpf_seq_write(seq, head, sizeof(*(head)));                                                   \
		OPAQUE(n_);                                                                                  \
		if (n_)                                                                                      \
			bpf_seq_write(seq, (s)->cpu.data, n_ & DATA_MASK);                                   \
	} while (0)

#define ZERO(p)                                                                                              \
	for (u32 i_ = 0; i_ < sizeof(*(p)) / 8; i_++)                                                        \
		((u64 *)(p))[i_] = 0

/* The number of the process that reads, in the initial pid namespace: once, at the first task. */
SEC("iter/task")
int scan_own(struct bpf_iter__task *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (ctx->task && !ctx->meta->seq_num)
		bpf_seq_write(ctx->meta->seq, &tgid, sizeof(tgid));
	return 0;
}

SEC("iter/task")
int scan_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct scan *s = scan_current();
	struct scan_task *t;
	/* Returns the thread with the resources of its process: the first one, or another one when that has ended. */
	struct task_struct *own;
	struct signal_struct *signal;
	const struct cred *cred;
	struct file *exe;
	struct inode *inode;
	struct fs_struct *fs;
	u32 at = 0, text;

	if (!task || !s)
		return 0;
	t = &s->task;
	ZERO(t);
	t->len = sizeof(*t);
	t->tid = BPF_CORE_READ(task, pid);
	t->pid = BPF_CORE_READ(task, tgid);
	own = task;
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD) && !BPF_CORE_READ(task, mm) && t->tid == t->pid) {
		own = (void *)scan_alive(plain(&s->cpu, task));
		t->alive = BPF_CORE_READ(own, pid);
	}
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD || !BPF_CORE_READ(own, mm)) {
		t->flags = SCAN_KERNEL;
		SCAN_WRITE(seq, s, t, 0);
		return 0;
	}
	signal = BPF_CORE_READ(task, signal);
	cred = BPF_CORE_READ(own, real_cred);
	t->ptid = BPF_CORE_READ(task, real_parent, tgid);
	t->pgid = task_id(task, PIDTYPE_PGID);
	t->sid = task_id(task, PIDTYPE_SID);
	t->vtid = task_vid(task, PIDTYPE_PID);
	t->vpid = task_vid(task, PIDTYPE_TGID);
	t->vpgid = task_vid(task, PIDTYPE_PGID);
	t->uid = BPF_CORE_READ(cred, euid.val);
	t->gid = BPF_CORE_READ(cred, egid.val);
	t->loginuid = task_loginuid(task);
	t->tty = task_tty(task);
	t->vm_size = task_vm_size(own);
	t->vm_rss = task_vm_rss(own);
	t->vm_swap = task_vm_swap(own);
	t->fdlimit = task_fdlimit(task);
	t->minor = BPF_CORE_READ(task, min_flt);
	t->major = BPF_CORE_READ(task, maj_flt);
	t->group_minor = BPF_CORE_READ(signal, min_flt);
	t->group_major = BPF_CORE_READ(signal, maj_flt);
	t->start = BPF_CORE_READ(task, start_boottime);
	t->cap_inheritable = CRED_CAPABILITY(cred, cap_inheritable);
	t->cap_permitted = CRED_CAPABILITY(cred, cap_permitted);
	t->cap_effective = CRED_CAPABILITY(cred, cap_effective);
	t->css_set = (u64)BPF_CORE_READ(task, cgroups);
	t->pid_namespace = (u64)pid_namespace_of(task_pid(task, PIDTYPE_PID));
	bpf_probe_read_kernel(t->comm, sizeof(t->comm), &task->comm);
	if (t->tid != t->pid) {
		/* The rest belongs to the process. */
		SCAN_WRITE(seq, s, t, 0);
		return 0;
	}
	exe = BPF_CORE_READ(own, mm, exe_file);
	if (exe) {
		inode = BPF_CORE_READ(exe, f_inode);
		t->exe_ino = BPF_CORE_READ(inode, i_ino);
		t->exe_ctime = INODE_TIME(inode, ctime);
		t->exe_mtime = INODE_TIME(inode, mtime);
		switch (file_layer(exe)) {
		case LAYER_UPPER:
			t->flags |= SCAN_UPPER;
			break;
		case LAYER_LOWER:
			t->flags |= SCAN_LOWER;
			break;
		case LAYER_NONE:
			break;
		}
		if (inode_is_writable(own, inode))
			t->flags |= SCAN_WRITABLE;
		text = scan_path_put(at, (u64)exe + bpf_core_field_offset(struct file, f_path));
		t->exe_len = text;
		t->exe_form = text >> 16;
		at += text & 0xffff;
	}
	fs = BPF_CORE_READ(own, fs);
	if (fs) {
		text = scan_path_put(at, (u64)fs + bpf_core_field_offset(struct fs_struct, pwd));
		t->cwd_len = text;
		t->cwd_form = text >> 16;
		at += text & 0xffff;
		text = scan_path_put(at, (u64)fs + bpf_core_field_offset(struct fs_struct, root));
		t->root_len = text;
		t->root_form = text >> 16;
		at += text & 0xffff;
	}
	t->len += at;
	SCAN_WRITE(seq, s, t, at);
	return 0;
}

/* Writes the properties of a socket, and its name; returns how many bytes the name has. */
static __always_inline u32 scan_socket_put(struct cpu *c, struct scan_socket *s, struct sock *sk)
{
	struct inet_sock *inet = (void *)sk;

	ZERO(s);
	s->sk = (u64)sk;
	s->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	s->type = BPF_CORE_READ(sk, sk_type);
	s->protocol = BPF_CORE_READ(sk, sk_protocol);
	s->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	switch (s->family) {
	case AF_INET:
		bpf_core_read(s->address, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(s->peer_address, 4, &sk->__sk_common.skc_daddr);
		break;
	case AF_INET6:
		bpf_core_read(s->address, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(s->peer_address, 16, &sk->__sk_common.skc_v6_daddr);
		break;
	case AF_UNIX: {
		struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
		u32 len = BPF_CORE_READ(address, len);

		/* The length is that of the whole address. A name may hold NULs, so it is read by its length. */
		len = address && len > 2 ? len - 2 : 0;
		if (len > MAX_UNIX_PATH)
			len = MAX_UNIX_PATH;
		OPAQUE(len);
		len &= 127;
		if (len && !bpf_probe_read_kernel(c->data, len, &address->name[0].sun_path))
			s->name_len = len;
		return s->name_len;
	}
	case AF_NETLINK:
		s->bound = BPF_CORE_READ((struct netlink_sock *)sk, portid) != 0;
		return 0;
	default:
		return 0;
	}
	s->port = BPF_CORE_READ(inet, inet_sport);
	s->peer_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	s->number = BPF_CORE_READ(sk, __sk_common.skc_num);
	return 0;
}

SEC("iter/task_file")
int scan_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct file *file = ctx->file;
	struct scan *s = scan_current();
	struct scan_file *f;
	struct fdtable *fdt;
	struct inode *inode;
	unsigned long *bits, word = 0;
	u32 len, text;

	if (!task || !file || !s)
		return 0;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	/* Threads share the file descriptors of their process: those of its first thread, or of another when that has
	 * ended.
	 */
	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) &&
	    (BPF_CORE_READ(task, group_leader, files) ||
	     scan_alive(plain(&s->cpu, task)) != plain(&s->cpu, task)))
		return 0;
	f = &s->file;
	ZERO(f);
	f->len = sizeof(*f);
	inode = BPF_CORE_READ(file, f_inode);
	f->pid = BPF_CORE_READ(task, tgid);
	f->fd = ctx->fd;
	f->mode = BPF_CORE_READ(inode, i_mode);
	f->ino = BPF_CORE_READ(inode, i_ino);
	f->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	f->dev = device_of_kernel(BPF_CORE_READ(inode, i_sb, s_dev));
	f->flags = BPF_CORE_READ(file, f_flags);
	fdt = BPF_CORE_READ(task, files, fdt);
	bits = BPF_CORE_READ(fdt, close_on_exec);
	if (bits && f->fd < BPF_CORE_READ(fdt, max_fds)) {
		bpf_probe_read_kernel(&word, sizeof(word), &bits[f->fd / 64]);
		if (word >> (f->fd & 63) & 1)
			f->flags |= O_CLOEXEC_BIT;
	}
	if (f->magic == SOCKFS_MAGIC) {
		struct socket *socket = BPF_CORE_READ(file, private_data);
		struct sock *sk = BPF_CORE_READ(socket, sk);

		if (sk) {
			f->form = FORM_SOCKET;
			len = scan_socket_put(&s->cpu, &s->socket, sk);
			f->len += sizeof(s->socket) + len;
			bpf_seq_write(seq, f, sizeof(*f));
			SCAN_WRITE(seq, s, &s->socket, len);
			return 0;
		}
	} else {
		text = scan_path_put(0, plain(&s->cpu, file) + bpf_core_field_offset(struct file, f_path));
		f->text_len = text;
		f->form = text >> 16;
		f->len += f->text_len;
	}
	SCAN_WRITE(seq, s, f, f->text_len);
	return 0;
}
