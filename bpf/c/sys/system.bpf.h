/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The generic event, and the calls of the system family with more than plain arguments. */
#pragma once

#define QIF_BLIMITS 1
#define QIF_SPACE 2
#define QIF_ILIMITS 4
#define QIF_BTIME 16
#define QIF_ITIME 32
#define IIF_BGRACE 1
#define IIF_IGRACE 2
#define IIF_FLAGS 4
#define MAX_ARGUMENTS 4096

static __always_inline int generic_event(struct cpu *c)
{
	u8 *r = record_begin(c, EV_GENERIC_X, EV_GENERIC_X_PARAMS, HEADER + 4 + 4, EV_GENERIC_X_FAMILY);

	if (!r)
		return 0;
	PUT32(r, HEADER, 0x20002);
	PUT16(r, HEADER + 4, syscall_codes[c->nr & (SYSCALL_NUMBERS - 1)]);
	PUT16(r, HEADER + 6, c->nr < SYSCALL_IA32_ONLY ? c->nr : c->native_nr);
	record_finish(r);
	return 0;
}

/* A call without a specific event. */
ON_EXIT(generic_x)
{
	struct cpu *c = cpu_current();

	return c ? generic_event(c) : 0;
}

ON_EXIT(init_module_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_INIT_MODULE_X, EV_INIT_MODULE_X_PARAMS, EV_INIT_MODULE_X_FAMILY);

	push_u64(&e, ret);
	push_user_bytes(&e, c->args[0], c->args[1] < settings.snaplen ? c->args[1] : settings.snaplen);
	push_u64(&e, c->args[1]);
	push_user_text(&e, c->args[2], MAX_ARGUMENTS);
	event_finish(&e);
	return 0;
}

/* The value is text or bytes, by the command; a failed call has none. */
ON_EXIT(fsconfig_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_FSCONFIG_X, EV_FSCONFIG_X_PARAMS, EV_FSCONFIG_X_FAMILY);
	u32 cmd = c->args[1];

	push_u64(&e, ret);
	push_u64(&e, (s64)(s32)c->args[0]);
	push_u32(&e, cmd);
	push_user_text(&e, c->args[2], MAX_PATH);
	push_user_bytes(&e, ret >= 0 && cmd == FSCONFIG_CMDS__FSCONFIG_SET_BINARY ? c->args[3] : 0, (u32)c->args[4]);
	bool text = cmd == FSCONFIG_CMDS__FSCONFIG_SET_STRING || cmd == FSCONFIG_CMDS__FSCONFIG_SET_PATH ||
		    cmd == FSCONFIG_CMDS__FSCONFIG_SET_PATH_EMPTY;
	push_user_text(&e, ret >= 0 && text ? c->args[3] : 0, MAX_PATH);
	push_u32(&e, c->args[4]);
	event_finish(&e);
	return 0;
}

/* struct if_dqblk and struct if_dqinfo of user space. */
struct quota_block {
	u64 bhardlimit, bsoftlimit, curspace, ihardlimit, isoftlimit, curinodes, btime, itime;
	u32 valid;
	u32 pad;
};

struct quota_info {
	u64 bgrace, igrace;
	u32 flags, valid;
};

ON_EXIT(quotactl_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_QUOTACTL_X, EV_QUOTACTL_X_PARAMS, EV_QUOTACTL_X_FAMILY);
	u32 cmd = quotactl_command((u32)c->args[0] >> 8), id = c->args[2];
	bool block = cmd == QUOTACTL_CMDS__Q_GETQUOTA || cmd == QUOTACTL_CMDS__Q_SETQUOTA;
	bool on = cmd == QUOTACTL_CMDS__Q_QUOTAON;
	u64 address = c->args[3];
	struct quota_block b = {};
	struct quota_info i = {};
	u32 format = QUOTACTL_QUOTA_FMTS__QFMT_NOT_USED;

	push_u64(&e, ret);
	push_user_text(&e, c->args[1], MAX_PATH);
	push_user_text(&e, on ? address : 0, MAX_PATH);
	if (block && bpf_probe_read_user(&b, sizeof(b), (void *)address))
		count_fault();
	push_u64(&e, b.valid & QIF_BLIMITS ? b.bhardlimit : 0);
	push_u64(&e, b.valid & QIF_BLIMITS ? b.bsoftlimit : 0);
	push_u64(&e, b.valid & QIF_SPACE ? b.curspace : 0);
	push_u64(&e, b.valid & QIF_ILIMITS ? b.ihardlimit : 0);
	push_u64(&e, b.valid & QIF_ILIMITS ? b.isoftlimit : 0);
	push_u64(&e, b.valid & QIF_BTIME ? b.btime : 0);
	push_u64(&e, b.valid & QIF_ITIME ? b.itime : 0);
	if ((cmd == QUOTACTL_CMDS__Q_GETINFO || cmd == QUOTACTL_CMDS__Q_SETINFO) &&
	    bpf_probe_read_user(&i, sizeof(i), (void *)address))
		count_fault();
	push_u64(&e, i.valid & IIF_BGRACE ? i.bgrace : 0);
	push_u64(&e, i.valid & IIF_IGRACE ? i.igrace : 0);
	push_u8(&e, i.valid & IIF_FLAGS ? i.flags : 0);
	if (cmd == QUOTACTL_CMDS__Q_GETFMT)
		format = quotactl_format(user_u32(address));
	push_u8(&e, format);
	push_u16(&e, cmd);
	push_u8(&e, quotactl_type(c->args[0] & 0xff));
	push_u32(&e, block || cmd == QUOTACTL_CMDS__Q_XGETQUOTA || cmd == QUOTACTL_CMDS__Q_XSETQLIM ? id : 0);
	push_u8(&e, on ? quotactl_format(id) : QUOTACTL_QUOTA_FMTS__QFMT_NOT_USED);
	event_finish(&e);
	return 0;
}

/* How each operation of keyctl uses its arguments: `n` a number, `t` text, `-` nothing (sent as the number 0). */
static __always_inline u32 keyctl_use(u32 op, u32 argument)
{
	/* Two bits per argument, the first lowest: 0 nothing, 1 number, 2 text. */
	u32 use = 0;

#define USE(a, b, c, d) ((a) | (b) << 2 | (c) << 4 | (d) << 6)
	switch (op) {
	case KEYCTL_OPERATIONS__KEYCTL_JOIN_SESSION_KEYRING:
		use = USE(2, 0, 0, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_REVOKE:
	case KEYCTL_OPERATIONS__KEYCTL_CLEAR:
	case KEYCTL_OPERATIONS__KEYCTL_SET_REQKEY_KEYRING:
	case KEYCTL_OPERATIONS__KEYCTL_ASSUME_AUTHORITY:
	case KEYCTL_OPERATIONS__KEYCTL_INVALIDATE:
		use = USE(1, 0, 0, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_GET_KEYRING_ID:
	case KEYCTL_OPERATIONS__KEYCTL_SETPERM:
	case KEYCTL_OPERATIONS__KEYCTL_LINK:
	case KEYCTL_OPERATIONS__KEYCTL_UNLINK:
	case KEYCTL_OPERATIONS__KEYCTL_SET_TIMEOUT:
	case KEYCTL_OPERATIONS__KEYCTL_GET_PERSISTENT:
	case KEYCTL_OPERATIONS__KEYCTL_CAPABILITIES:
		use = USE(1, 1, 0, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_UPDATE:
	case KEYCTL_OPERATIONS__KEYCTL_CHOWN:
	case KEYCTL_OPERATIONS__KEYCTL_DESCRIBE:
	case KEYCTL_OPERATIONS__KEYCTL_READ:
	case KEYCTL_OPERATIONS__KEYCTL_NEGATE:
	case KEYCTL_OPERATIONS__KEYCTL_GET_SECURITY:
	case KEYCTL_OPERATIONS__KEYCTL_WATCH_KEY:
		use = USE(1, 1, 1, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_RESTRICT_KEYRING:
		use = USE(1, 2, 2, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_PKEY_QUERY:
		use = USE(1, 1, 2, 0);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_SEARCH:
		use = USE(1, 2, 2, 1);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_INSTANTIATE:
	case KEYCTL_OPERATIONS__KEYCTL_REJECT:
	case KEYCTL_OPERATIONS__KEYCTL_INSTANTIATE_IOV:
	case KEYCTL_OPERATIONS__KEYCTL_DH_COMPUTE:
	case KEYCTL_OPERATIONS__KEYCTL_MOVE:
		use = USE(1, 1, 1, 1);
		break;
	case KEYCTL_OPERATIONS__KEYCTL_PKEY_ENCRYPT:
	case KEYCTL_OPERATIONS__KEYCTL_PKEY_DECRYPT:
	case KEYCTL_OPERATIONS__KEYCTL_PKEY_SIGN:
	case KEYCTL_OPERATIONS__KEYCTL_PKEY_VERIFY:
		use = USE(1, 2, 1, 1);
		break;
	}
#undef USE
	return use >> (2 * argument) & 3;
}

#define DYN_KEYCTL_NUMBER 0
#define DYN_KEYCTL_TEXT 1

static __always_inline void push_keyctl(struct event *e, u32 use, u64 v)
{
	u32 at;

	if (use == 2) {
		at = part_u8(e, 0, DYN_KEYCTL_TEXT);
		at += part_user_text(e, at, v, MAX_PATH);
	} else {
		at = part_u8(e, 0, DYN_KEYCTL_NUMBER);
		at = part_u64(e, at, use ? v : 0);
	}
	push_done(e, at);
}

ON_EXIT(keyctl_x)
{
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_KEYCTL_X, EV_KEYCTL_X_PARAMS, EV_KEYCTL_X_FAMILY);
	u32 op = c->args[0];

	push_u64(&e, ret);
	push_u32(&e, op);
	push_keyctl(&e, keyctl_use(op, 0), c->args[1]);
	push_keyctl(&e, keyctl_use(op, 1), c->args[2]);
	push_keyctl(&e, keyctl_use(op, 2), c->args[3]);
	push_keyctl(&e, keyctl_use(op, 3), c->args[4]);
	event_finish(&e);
	return 0;
}
