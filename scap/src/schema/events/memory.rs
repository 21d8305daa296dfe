//! Memory: mmap, brk, mprotect, locks and page faults.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    158 BRK_4_E brk_4_e = "brk" [MEMORY | SYSCALL] {OLD_VERSION | CONVERTED} (addr: UInt64 hex)
    159 BRK_4_X brk_4_x = "brk" [MEMORY | SYSCALL] {CONVERTED} (
        res: UInt64 hex, vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, addr: UInt64 hex,
    )
    160 MMAP_E mmap_e = "mmap" [MEMORY | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        addr: UInt64 hex, length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS,
        flags: Flags32 hex in MMAP_FLAGS, fd: Fd dec, offset: UInt64 dec,
    )
    161 MMAP_X mmap_x = "mmap" [MEMORY | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno hex, vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, addr: UInt64 hex,
        length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS, flags: Flags32 hex in MMAP_FLAGS, fd: Fd dec,
        offset: UInt64 dec,
    )
    162 MMAP2_E mmap2_e = "mmap2" [MEMORY | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        addr: UInt64 hex, length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS,
        flags: Flags32 hex in MMAP_FLAGS, fd: Fd dec, pgoffset: UInt64 dec,
    )
    163 MMAP2_X mmap2_x = "mmap2" [MEMORY | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno hex, vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, addr: UInt64 hex,
        length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS, flags: Flags32 hex in MMAP_FLAGS, fd: Fd dec,
        pgoffset: UInt64 dec,
    )
    164 MUNMAP_E munmap_e = "munmap" [MEMORY | SYSCALL] {OLD_VERSION | CONVERTED} (
        addr: UInt64 hex, length: UInt64 dec,
    )
    165 MUNMAP_X munmap_x = "munmap" [MEMORY | SYSCALL] {CONVERTED} (
        res: Errno dec, vm_size: UInt32 dec, vm_rss: UInt32 dec, vm_swap: UInt32 dec, addr: UInt64 hex,
        length: UInt64 dec,
    )
    290 PAGE_FAULT_E page_fault_e = "page_fault" [OTHER | TRACEPOINT] {SKIPPARSERESET} (
        addr: UInt64 hex, ip: UInt64 hex, error: Flags32 hex in PF_FLAGS,
    )
    291 PAGE_FAULT_X page_fault_x = "NA" [UNKNOWN] {UNUSED} ()
    328 MPROTECT_E mprotect_e = "mprotect" [MEMORY | SYSCALL] {OLD_VERSION | CONVERTED} (
        addr: UInt64 hex, length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS,
    )
    329 MPROTECT_X mprotect_x = "mprotect" [MEMORY | SYSCALL] {CONVERTED} (
        res: Errno dec, addr: UInt64 hex, length: UInt64 dec, prot: Flags32 hex in PROT_FLAGS,
    )
    344 MLOCK_E mlock_e = "mlock" [MEMORY | SYSCALL] {OLD_VERSION} ()
    345 MLOCK_X mlock_x = "mlock" [MEMORY | SYSCALL] {} (res: Errno dec, addr: UInt64 hex, len: UInt64 dec)
    346 MUNLOCK_E munlock_e = "munlock" [MEMORY | SYSCALL] {OLD_VERSION} ()
    347 MUNLOCK_X munlock_x = "munlock" [MEMORY | SYSCALL] {} (
        res: Errno dec, addr: UInt64 hex, len: UInt64 dec,
    )
    348 MLOCKALL_E mlockall_e = "mlockall" [MEMORY | SYSCALL] {OLD_VERSION} ()
    349 MLOCKALL_X mlockall_x = "mlockall" [MEMORY | SYSCALL] {} (
        res: Errno dec, flags: Flags32 hex in MLOCKALL_FLAGS,
    )
    350 MUNLOCKALL_E munlockall_e = "munlockall" [MEMORY | SYSCALL] {OLD_VERSION} ()
    351 MUNLOCKALL_X munlockall_x = "munlockall" [MEMORY | SYSCALL] {} (res: Errno dec)
    370 MLOCK2_E mlock2_e = "mlock2" [MEMORY | SYSCALL] {OLD_VERSION} ()
    371 MLOCK2_X mlock2_x = "mlock2" [MEMORY | SYSCALL] {} (
        res: Errno dec, addr: UInt64 hex, len: UInt64 dec, flags: Flags32 hex in MLOCK2_FLAGS,
    )
}
