/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Page faults. They happen inside other programs of the probe as well: written in place. */
#pragma once

static __always_inline int page_fault(u64 address, struct pt_regs *regs, u32 error)
{
	struct cpu *c = cpu_current();
	u8 *r;

	if (!c || current_is_left_out())
		return 0;
	r = record_begin(c, EV_PAGE_FAULT_E, EV_PAGE_FAULT_E_PARAMS, HEADER + 6 + 20, EV_PAGE_FAULT_E_FAMILY);
	if (!r)
		return 0;
	PUT32(r, HEADER, 0x00080008);
	PUT16(r, HEADER + 4, 4);
	PUT64(r, HEADER + 6, address);
	PUT64(r, HEADER + 14, regs->ip);
	PUT32(r, HEADER + 22, page_fault_bits(error) | page_fault_absent(~error));
	record_finish(r);
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user_e, unsigned long address, struct pt_regs *regs, unsigned long error)
{
	return page_fault(address, regs, error);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(page_fault_kernel_e, unsigned long address, struct pt_regs *regs, unsigned long error)
{
	return page_fault(address, regs, error);
}
