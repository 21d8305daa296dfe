/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Users and capabilities. */
#pragma once

#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define CAP_ALL ((1ULL << 41) - 1) /* the capabilities of the schema */

#define CRED_CAPABILITY(cred, which)                                                                         \
	({                                                                                                   \
		u64 v_;                                                                                      \
		if (bpf_core_field_exists(((struct kernel_cap_struct *)0)->cap)) {                          \
			struct cred___caps_array *cred_ = (void *)(cred);                                   \
			v_ = BPF_CORE_READ(cred_, which.cap[0]) | (u64)BPF_CORE_READ(cred_, which.cap[1]) << 32; \
		} else {                                                                                     \
			struct cred___caps_word *cred_ = (void *)(cred);                                    \
			v_ = BPF_CORE_READ(cred_, which.val);                                                \
		}                                                                                            \
		v_ & CAP_ALL;                                                                                \
	})

#define CAPABILITY(task, which) CRED_CAPABILITY(BPF_CORE_READ(task, cred), which)

static __always_inline u32 task_euid(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, euid.val);
}

static __always_inline u32 task_egid(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, egid.val);
}
