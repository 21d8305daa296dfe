//! Communication between processes: semaphores, futexes and reading another process's memory.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    64 FUTEX_E futex_e = "futex" [IPC | SYSCALL] {OLD_VERSION | CONVERTED} (
        addr: UInt64 hex, op: Flags16 hex in FUTEX_OPERATIONS, val: UInt64 dec,
    )
    65 FUTEX_X futex_x = "futex" [IPC | SYSCALL] {CONVERTED} (
        res: Errno dec, addr: UInt64 hex, op: Flags16 hex in FUTEX_OPERATIONS, val: UInt64 dec,
    )
    250 SEMOP_E semop_e = "semop" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (semid: Int32 dec)
    251 SEMOP_X semop_x = "semop" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, nsops: UInt32 dec, sem_num_0: UInt16 dec, sem_op_0: Int16 dec,
        sem_flg_0: Flags16 hex in SEMOP_FLAGS, sem_num_1: UInt16 dec, sem_op_1: Int16 dec,
        sem_flg_1: Flags16 hex in SEMOP_FLAGS, semid: Int32 dec,
    )
    252 SEMCTL_E semctl_e = "semctl" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        semid: Int32 dec, semnum: Int32 dec, cmd: Flags16 hex in SEMCTL_COMMANDS, val: Int32 dec,
    )
    253 SEMCTL_X semctl_x = "semctl" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, semid: Int32 dec, semnum: Int32 dec, cmd: Flags16 hex in SEMCTL_COMMANDS,
        val: Int32 dec,
    )
    262 SEMGET_E semget_e = "semget" [PROCESS | SYSCALL] {OLD_VERSION | CONVERTED} (
        key: Int32 hex, nsems: Int32 dec, semflg: Flags32 hex in SEMGET_FLAGS,
    )
    263 SEMGET_X semget_x = "semget" [PROCESS | SYSCALL] {CONVERTED} (
        res: Errno dec, key: Int32 hex, nsems: Int32 dec, semflg: Flags32 hex in SEMGET_FLAGS,
    )
    420 PROCESS_VM_READV_E process_vm_readv_e = "process_vm_readv" [IPC | SYSCALL] {OLD_VERSION} ()
    421 PROCESS_VM_READV_X process_vm_readv_x = "process_vm_readv" [IPC | SYSCALL] {} (
        res: Int64 dec, pid: Pid dec, data: ByteBuf na,
    )
    422 PROCESS_VM_WRITEV_E process_vm_writev_e = "process_vm_writev" [IPC | SYSCALL] {OLD_VERSION} ()
    423 PROCESS_VM_WRITEV_X process_vm_writev_x = "process_vm_writev" [IPC | SYSCALL] {} (
        res: Int64 dec, pid: Pid dec, data: ByteBuf na,
    )
}
