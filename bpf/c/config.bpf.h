/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the loader sets. `settings` may change while events flow; src/config.rs has the same layout, and a test
 * compares the two by BTF.
 */
#pragma once

/* A syscall's byte in settings.interest. */
#define INTEREST_NATIVE 1 /* wanted when a 64-bit program makes it */
#define INTEREST_IA32 2 /* this is a 32-bit number whose call is wanted */
#define INTEREST_GENERIC 4 /* gives the generic event, so no jump is needed */

struct settings {
	u64 boot_time; /* added to the clock since boot gives nanoseconds since 1970 */
	u32 snaplen; /* bytes kept of a buffer */
	u32 skip_tgid; /* a process whose events are left out; 0 none */
	u16 fullcapture_first, fullcapture_last; /* ports whose buffers are kept whole; last 0: none */
	u16 statsd_port;
	u8 drop_failed; /* leave failed calls out */
	u8 dynamic_snaplen;
	u8 toctou_open, toctou_connect; /* which enter events are wanted by the one sys_enter program */
	u8 io_uring; /* make events of io_uring requests */
	u8 only_family; /* leave out who is not in the map of that name */
	u8 selective; /* whether drop_failed, skip_tgid or only_family is set: most have none */
	u8 interest[SYSCALL_NUMBERS];
};

struct settings settings SEC(".data.settings");
