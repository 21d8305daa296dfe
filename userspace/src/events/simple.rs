//! The events of the calls whose parameters are plain arguments.
//!
//! DO NOT EDIT. Written by: cargo xtask codegen

#![cfg_attr(rustfmt, rustfmt_skip)]

use scap::EventCode;

use crate::call::Ended;
use crate::convert;
use crate::generated::flags;

/// Writes the parameters of a call whose event has the code; returns whether it is one of these.
pub(super) fn write(code: EventCode, c: &mut Ended<'_>) -> bool {
    match code {
        EventCode::STAT_X => { c.u64(c.ret()); c.text(0); }
        EventCode::LSTAT_X => { c.u64(c.ret()); c.text(0); }
        EventCode::FSTAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); }
        EventCode::STAT64_X => { c.u64(c.ret()); c.text(0); }
        EventCode::LSTAT64_X => { c.u64(c.ret()); c.text(0); }
        EventCode::FSTAT64_X => { c.u64(c.ret()); }
        EventCode::LSEEK_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.arg(1)); c.u8(flags::lseek_whence(c.arg32(2) as u32).into()); }
        EventCode::GETCWD_X => { c.u64(c.ret()); c.text_ok(0); }
        EventCode::RENAME_X => { c.u64(c.ret()); c.text(0); c.text(1); }
        EventCode::RENAMEAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u64(c.fd(2)); c.text(3); }
        EventCode::RENAMEAT2_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u64(c.fd(2)); c.text(3); c.u32(c.arg(4)); }
        EventCode::SYMLINK_X => { c.u64(c.ret()); c.text(0); c.text(1); }
        EventCode::SYMLINKAT_X => { c.u64(c.ret()); c.text(0); c.u64(c.fd(1)); c.text(2); }
        EventCode::GETDENTS_X => { c.u64(c.ret()); c.u64(c.fd(0)); }
        EventCode::GETDENTS64_X => { c.u64(c.ret()); c.u64(c.fd(0)); }
        EventCode::FLOCK_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(flags::flock_flags(c.arg32(1) as u32).into()); }
        EventCode::MOUNT_X => { c.u64(c.ret()); c.text(0); c.text(1); c.text(2); c.u32(convert::mount_flags(c.arg32(3) as u32).into()); }
        EventCode::ACCESS_X => { c.u64(c.ret()); c.text(0); c.u32(flags::access_flags(c.arg32(1) as u32).into()); }
        EventCode::MKDIR_2_X => { c.u64(c.ret()); c.text(0); c.u32(c.arg(1)); }
        EventCode::RMDIR_2_X => { c.u64(c.ret()); c.text(0); }
        EventCode::UNLINK_2_X => { c.u64(c.ret()); c.text(0); }
        EventCode::UNLINKAT_2_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(flags::unlinkat_flags(c.arg32(2) as u32).into()); }
        EventCode::MKDIRAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(c.arg(2)); }
        EventCode::LINK_2_X => { c.u64(c.ret()); c.text(0); c.text(1); }
        EventCode::LINKAT_2_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u64(c.fd(2)); c.text(3); c.u32(flags::linkat_flags(c.arg32(4) as u32).into()); }
        EventCode::FCHMODAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(flags::chmod_mode(c.arg32(2) as u32).into()); }
        EventCode::CHMOD_X => { c.u64(c.ret()); c.text(0); c.u32(flags::chmod_mode(c.arg32(1) as u32).into()); }
        EventCode::FCHMOD_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(flags::chmod_mode(c.arg32(1) as u32).into()); }
        EventCode::USERFAULTFD_X => { c.u64(c.ret()); c.u32(c.arg(0)); }
        EventCode::COPY_FILE_RANGE_X => { c.u64(c.ret()); c.u64(c.fd(2)); c.u64(c.arg(3)); c.u64(c.fd(0)); c.u64(c.arg(1)); c.u64(c.arg(4)); }
        EventCode::CHOWN_X => { c.u64(c.ret()); c.text(0); c.u32(c.arg(1)); c.u32(c.arg(2)); }
        EventCode::LCHOWN_X => { c.u64(c.ret()); c.text(0); c.u32(c.arg(1)); c.u32(c.arg(2)); }
        EventCode::FCHOWN_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(c.arg(1)); c.u32(c.arg(2)); }
        EventCode::FCHOWNAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(c.arg(2)); c.u32(c.arg(3)); c.u32(flags::fchownat_flags(c.arg32(4) as u32).into()); }
        EventCode::UMOUNT_1_X => { c.u64(c.ret()); c.text(0); }
        EventCode::UMOUNT2_X => { c.u64(c.ret()); c.text(0); c.u32(flags::umount_flags(c.arg32(1) as u32).into()); }
        EventCode::NEWFSTATAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(flags::newfstatat_flags(c.arg32(3) as u32).into()); }
        EventCode::CLOSE_X => { c.u64(c.ret()); c.u64(c.fd(0)); }
        EventCode::CLOSE_RANGE_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); c.u32(flags::close_range_flags(c.arg32(2) as u32).into()); }
        EventCode::FCNTL_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u8(flags::fcntl_command(c.arg32(1) as u32).into()); c.u64(c.arg(2)); }
        EventCode::IOCTL_3_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.arg(1)); c.u64(c.arg(2)); }
        EventCode::DUP_1_X => { c.u64(c.ret32()); c.u64(c.fd(0)); }
        EventCode::DUP2_X => { c.u64(c.ret32()); c.u64(c.fd(0)); c.u64(c.fd(1)); }
        EventCode::DUP3_X => { c.u64(c.ret32()); c.u64(c.fd(0)); c.u64(c.fd(1)); c.u32(flags::dup3_flags(c.arg32(2) as u32).into()); }
        EventCode::EVENTFD_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u32(0); }
        EventCode::EVENTFD2_X => { c.u64(c.ret()); c.u16(flags::nonblock_cloexec(c.arg32(1) as u32).into()); c.u64(c.arg32(0)); }
        EventCode::INOTIFY_INIT_X => { c.u64(c.ret()); c.u8(0); }
        EventCode::INOTIFY_INIT1_X => { c.u64(c.ret()); c.u16(flags::nonblock_cloexec(c.arg32(0) as u32).into()); }
        EventCode::SIGNALFD_X => { c.u64(c.ret()); c.u64(c.fd(0)); let value = c.user32(1); c.u32(value); c.u8(0); }
        EventCode::SIGNALFD4_X => { c.u64(c.ret32()); c.u16(flags::nonblock_cloexec(c.arg32(3) as u32).into()); c.u64(c.fd(0)); let value = c.user32(1); c.u32(value); }
        EventCode::TIMERFD_CREATE_X => { c.u64(c.ret()); c.u8(c.arg(0)); c.u8(flags::nonblock_cloexec(c.arg32(1) as u32).into()); }
        EventCode::IO_URING_REGISTER_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u16(c.arg(1)); c.u64(c.arg(2)); c.u32(c.arg(3)); }
        EventCode::EPOLL_CREATE_X => { c.u64(c.ret()); c.u32(c.arg(0)); }
        EventCode::EPOLL_CREATE1_X => { c.u64(c.ret()); c.u32(flags::epoll_create1_flags(c.arg32(0) as u32).into()); }
        EventCode::MEMFD_CREATE_X => { c.u64(c.ret()); c.text(0); c.u32(flags::memfd_create_flags(c.arg32(1) as u32).into()); }
        EventCode::PIDFD_GETFD_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.fd(1)); c.u32(c.arg(2)); }
        EventCode::PIDFD_OPEN_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(flags::pidfd_open_flags(c.arg32(1) as u32).into()); }
        EventCode::SPLICE_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.fd(2)); c.u64(c.arg(4)); c.u32(flags::splice_flags(c.arg32(5) as u32).into()); }
        EventCode::SENDFILE_X => { c.u64(c.ret()); let value = c.user64(2); c.u64(value); c.u64(c.fd(0)); c.u64(c.fd(1)); c.u64(c.arg(3)); }
        EventCode::BRK_4_X => { c.u64(c.ret()); let value = c.memory_kb(0); c.u32(value); let value = c.memory_kb(1); c.u32(value); let value = c.memory_kb(2); c.u32(value); c.u64(c.arg(0)); }
        EventCode::MMAP_X => { c.u64(c.ret()); let value = c.memory_kb(0); c.u32(value); let value = c.memory_kb(1); c.u32(value); let value = c.memory_kb(2); c.u32(value); c.u64(c.arg(0)); c.u64(c.arg(1)); c.u32(flags::prot_flags(c.arg32(2) as u32).into()); c.u32(flags::mmap_flags(c.arg32(3) as u32).into()); c.u64(c.fd(4)); c.u64(c.arg(5)); }
        EventCode::MMAP2_X => { c.u64(c.ret()); let value = c.memory_kb(0); c.u32(value); let value = c.memory_kb(1); c.u32(value); let value = c.memory_kb(2); c.u32(value); c.u64(c.arg(0)); c.u64(c.arg(1)); c.u32(flags::prot_flags(c.arg32(2) as u32).into()); c.u32(flags::mmap_flags(c.arg32(3) as u32).into()); c.u64(c.fd(4)); c.u64(c.arg(5)); }
        EventCode::MUNMAP_X => { c.u64(c.ret()); let value = c.memory_kb(0); c.u32(value); let value = c.memory_kb(1); c.u32(value); let value = c.memory_kb(2); c.u32(value); c.u64(c.arg(0)); c.u64(c.arg(1)); }
        EventCode::MPROTECT_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u64(c.arg(1)); c.u32(flags::prot_flags(c.arg32(2) as u32).into()); }
        EventCode::MLOCK_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u64(c.arg(1)); }
        EventCode::MUNLOCK_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u64(c.arg(1)); }
        EventCode::MLOCKALL_X => { c.u64(c.ret()); c.u32(flags::mlockall_flags(c.arg32(0) as u32).into()); }
        EventCode::MUNLOCKALL_X => { c.u64(c.ret()); }
        EventCode::MLOCK2_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u64(c.arg(1)); c.u32(flags::mlock2_flags(c.arg32(2) as u32).into()); }
        EventCode::FUTEX_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u16(convert::futex_operation(c.arg32(1) as u32).into()); c.u64(c.arg(2)); }
        EventCode::SEMGET_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); c.u32(flags::semget_flags(c.arg32(2) as u32).into()); }
        EventCode::SOCKET_X => { c.u64(c.ret()); c.u32(convert::socket_family(c.arg32(0) as u32).into()); c.u32(c.arg(1)); c.u32(c.arg(2)); c.u32(flags::nonblock_cloexec(c.arg32(1) as u32).into()); }
        EventCode::LISTEN_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(c.arg(1)); }
        EventCode::SHUTDOWN_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u8(flags::shutdown_how(c.arg32(1) as u32).into()); }
        EventCode::GETSOCKNAME_X => {  }
        EventCode::GETPEERNAME_X => {  }
        EventCode::SETNS_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u32(flags::clone_flags(c.arg32(1) as u32).into()); }
        EventCode::UNSHARE_X => { c.u64(c.ret()); c.u32(flags::clone_flags(c.arg32(0) as u32).into()); }
        EventCode::CHROOT_X => { c.u64(c.ret()); c.text(0); }
        EventCode::SETSID_X => { c.u64(c.ret()); }
        EventCode::SETPGID_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.fd(1)); }
        EventCode::SETUID_X => { c.u64(c.ret()); c.u32(c.arg(0)); }
        EventCode::SETGID_X => { c.u64(c.ret()); c.u32(c.arg(0)); }
        EventCode::SETREUID_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); }
        EventCode::SETREGID_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); }
        EventCode::SETRESUID_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); c.u32(c.arg(2)); }
        EventCode::SETRESGID_X => { c.u64(c.ret()); c.u32(c.arg(0)); c.u32(c.arg(1)); c.u32(c.arg(2)); }
        EventCode::GETUID_X => { c.u32(c.ret()); }
        EventCode::GETEUID_X => { c.u32(c.ret()); }
        EventCode::GETGID_X => { c.u32(c.ret()); }
        EventCode::GETEGID_X => { c.u32(c.ret()); }
        EventCode::GETRESUID_X => { c.u64(c.ret()); let value = c.user32(0); c.u32(value); let value = c.user32(1); c.u32(value); let value = c.user32(2); c.u32(value); }
        EventCode::GETRESGID_X => { c.u64(c.ret()); let value = c.user32(0); c.u32(value); let value = c.user32(1); c.u32(value); let value = c.user32(2); c.u32(value); }
        EventCode::KILL_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u8(c.arg(1)); }
        EventCode::TKILL_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u8(c.arg(1)); }
        EventCode::TGKILL_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.u64(c.fd(1)); c.u8(c.arg(2)); }
        EventCode::EPOLLWAIT_X => { c.u64(c.ret()); c.u64(c.fd(2)); }
        EventCode::SELECT_X => { c.u64(c.ret()); }
        EventCode::SECCOMP_X => { c.u64(c.ret()); c.u64(c.arg(0)); c.u64(c.arg32(1)); }
        EventCode::BPF_2_X => { c.u64(c.ret()); c.u32(c.arg(0)); }
        EventCode::DELETE_MODULE_X => { c.u64(c.ret()); c.text(0); c.u32(flags::delete_module_flags(c.arg32(1) as u32).into()); }
        EventCode::FINIT_MODULE_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(flags::finit_module_flags(c.arg32(2) as u32).into()); }
        EventCode::MKNOD_X => { c.u64(c.ret()); c.text(0); c.u32(convert::mknod_mode(c.arg32(1) as u32).into()); c.u32(convert::device_number(c.arg32(2) as u32).into()); }
        EventCode::MKNODAT_X => { c.u64(c.ret()); c.u64(c.fd(0)); c.text(1); c.u32(convert::mknod_mode(c.arg32(2) as u32).into()); c.u32(convert::device_number(c.arg32(3) as u32).into()); }
        _ => return false,
    }
    true
}
