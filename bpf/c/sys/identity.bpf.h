/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Capabilities: those of the process after the call. */
#pragma once

ON_EXIT(capset_x)
{
	struct task_struct *task = task_current();
	struct cpu *c = cpu_current();

	if (!c)
		return 0;
	struct event e = event_begin(c, EV_CAPSET_X, EV_CAPSET_X_PARAMS, EV_CAPSET_X_FAMILY);

	push_u64(&e, ret);
	push_u64(&e, CAPABILITY(task, cap_inheritable));
	push_u64(&e, CAPABILITY(task, cap_permitted));
	push_u64(&e, CAPABILITY(task, cap_effective));
	event_finish(&e);
	return 0;
}
