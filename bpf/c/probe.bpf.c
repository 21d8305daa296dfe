// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gen/events.h"
#include "gen/flags.h"
#include "gen/syscalls.h"

#include "config.bpf.h"
#include "compat.bpf.h"
#include "maps.bpf.h"
#include "event.bpf.h"
#include "plan.bpf.h"
#include "family.bpf.h"

#include "read/task.bpf.h"
#include "read/cred.bpf.h"
#include "read/file.bpf.h"
#include "read/path.bpf.h"
#include "read/text.bpf.h"
#include "read/cgroup.bpf.h"
#include "read/sock.bpf.h"

#include "sys/convert.bpf.h"
#include "gen/simple.bpf.h"
#include "sys/file.bpf.h"
#include "sys/fd.bpf.h"
#include "sys/io.bpf.h"
#include "sys/message.bpf.h"
#include "sys/net.bpf.h"
#include "sys/process.bpf.h"
#include "sys/identity.bpf.h"
#include "sys/ipc.bpf.h"
#include "sys/time.bpf.h"
#include "sys/system.bpf.h"

#include "dispatch.bpf.h"
#include "toctou.bpf.h"
#include "tp/exec.bpf.h"
#include "tp/exit.bpf.h"
#include "tp/switch.bpf.h"
#include "tp/signal.bpf.h"
#include "tp/fault.bpf.h"
#include "tp/uring_fixed.bpf.h"
#include "tp/uring_request.bpf.h"
#include "tp/uring.bpf.h"
#include "iter/scan.bpf.h"

char LICENSE[] SEC("license") = "GPL";
