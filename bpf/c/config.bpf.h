/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The settings of the loader. `settings` may change while events are read; src/config.rs has the same layout, and a
 * test compares the two by BTF.
 */
#pragma once

/* A syscall's byte in settings.interest. */
#define INTEREST_NATIVE 1 /* selected when a 64-bit program makes it */
#define INTEREST_IA32 2 /* this is a 32-bit number whose call is selected */
#define INTEREST_GENERIC 4 /* reported by the generic event, so no jump is needed */

struct settings {
	u64 boot_time; /* added to the clock since boot gives nanoseconds since 1970 */
	u32 snaplen; /* bytes kept of a buffer */
	u32 skip_tgid; /* a process whose events are left out; 0 none */
	u16 fullcapture_first, fullcapture_last; /* ports whose buffers are kept whole; last 0: none */
	u16 statsd_port;
	u8 drop_failed; /* leave out failed calls */
	u8 dynamic_snaplen;
	u8 toctou_open, toctou_connect; /* selected enter events of the one sys_enter program */
	u8 io_uring; /* make events of io_uring requests */
	u8 only_family; /* leave out processes that are not in the map of that name */
	u8 selective; /* drop_failed, skip_tgid or only_family is set: most users set none */
	u8 interest[SYSCALL_NUMBERS];
};

struct settings settings SEC(".data.settings");
