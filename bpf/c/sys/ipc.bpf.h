/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Semaphores. */
#pragma once

#define SEMCTL_SETVAL 16

struct sem_operation {
	u16 num;
	s16 op;
	s16 flags;
};

/* The first two operations, if the call succeeded. */
ON_EXIT(semop_x)
{
	struct cpu *c = cpu_current();
	struct sem_operation ops[2] = {};
	u32 n;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SEMOP_X, EV_SEMOP_X_PARAMS, EV_SEMOP_X_FAMILY);

	n = c->args[2];
	if (ret == 0 && n && bpf_probe_read_user(&ops[0], sizeof(ops[0]), (void *)c->args[1]))
		count_fault();
	if (ret == 0 && n > 1 &&
	    bpf_probe_read_user(&ops[1], sizeof(ops[1]), (void *)(c->args[1] + sizeof(ops[0]))))
		count_fault();
	push_u64(&e, ret);
	push_u32(&e, n);
	push_u16(&e, ops[0].num);
	push_u16(&e, ops[0].op);
	push_u16(&e, semop_flags(ops[0].flags));
	push_u16(&e, ops[1].num);
	push_u16(&e, ops[1].op);
	push_u16(&e, semop_flags(ops[1].flags));
	push_u32(&e, c->args[0]);
	event_finish(&e);
	return 0;
}

ON_EXIT(semctl_x)
{
	struct cpu *c = cpu_current();
	u32 cmd;

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_SEMCTL_X, EV_SEMCTL_X_PARAMS, EV_SEMCTL_X_FAMILY);

	cmd = c->args[2] & 0xff;
	push_u64(&e, ret);
	push_u32(&e, c->args[0]);
	push_u32(&e, c->args[1]);
	push_u16(&e, semctl_command(cmd));
	push_u32(&e, cmd == SEMCTL_SETVAL ? c->args[3] : 0);
	event_finish(&e);
	return 0;
}
