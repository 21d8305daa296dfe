//! The events of calls: the simple ones are generated, the others are written here, in the families of the probe's
//! `c/sys/`.

mod address;
mod fd;
mod file;
mod io;
mod message;
mod net;
mod option;
mod process;
mod simple;
mod system;

use scap::EventCode;

use crate::call::Ended;

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The event is written.
    Event,
    /// There is none: it comes from another stop.
    None,
}

/// Writes the event of a call that has ended; calls with several messages write one for each, and pass all but the last
/// to `next`.
pub(crate) fn write(c: &mut Ended<'_>, next: &mut dyn FnMut(&mut Ended<'_>)) -> Outcome {
    let code = c.call.event;
    if simple::write(code, c) {
        return Outcome::Event;
    }
    match code {
        EventCode::READ_X => io::read(c),
        EventCode::WRITE_X => io::write(c),
        EventCode::PREAD_X => io::pread(c),
        EventCode::PWRITE_X => io::pwrite(c),
        EventCode::READV_X => io::readv(c, false),
        EventCode::PREADV_X => io::readv(c, true),
        EventCode::WRITEV_X => io::writev(c, false),
        EventCode::PWRITEV_X => io::writev(c, true),
        EventCode::LLSEEK_X => io::llseek(c),
        EventCode::PROCESS_VM_READV_X | EventCode::PROCESS_VM_WRITEV_X => io::process_vm(c),
        EventCode::PIPE_X => fd::pipe(c, false),
        EventCode::PIPE2_X => fd::pipe(c, true),
        EventCode::IO_URING_SETUP_X => fd::io_uring_setup(c),
        EventCode::IO_URING_ENTER_X => fd::io_uring_enter(c),
        EventCode::OPEN_X => file::open(c),
        EventCode::OPENAT_2_X => file::openat(c),
        EventCode::OPENAT2_X => file::openat2(c),
        EventCode::CREAT_X => file::creat(c),
        EventCode::OPEN_BY_HANDLE_AT_X => file::open_by_handle_at(c),
        EventCode::CHDIR_X => file::chdir(c),
        EventCode::FCHDIR_X => file::fchdir(c),
        EventCode::BIND_X => net::bind(c),
        EventCode::CONNECT_X => net::connect(c),
        EventCode::ACCEPT_5_X => net::accept(c, false),
        EventCode::ACCEPT4_6_X => net::accept(c, true),
        EventCode::SOCKETPAIR_X => net::socketpair(c),
        EventCode::SENDTO_X => net::sent(c, true),
        EventCode::SEND_X => net::sent(c, false),
        EventCode::RECVFROM_X => net::recvfrom(c),
        EventCode::RECV_X => net::recv(c),
        EventCode::SENDMSG_X => message::sendmsg(c),
        EventCode::RECVMSG_X => message::recvmsg(c),
        EventCode::SENDMMSG_X => message::sendmmsg(c, next),
        EventCode::RECVMMSG_X => message::recvmmsg(c, next),
        EventCode::SETSOCKOPT_X => option::setsockopt(c),
        EventCode::GETSOCKOPT_X => option::getsockopt(c),
        EventCode::EXECVE_19_X | EventCode::EXECVEAT_X => return process::exec(c),
        EventCode::CLONE_20_X | EventCode::CLONE3_X | EventCode::FORK_20_X | EventCode::VFORK_20_X => process::clone(c),
        EventCode::GETRLIMIT_X => process::getrlimit(c),
        EventCode::SETRLIMIT_X => process::setrlimit(c),
        EventCode::PRLIMIT_X => process::prlimit(c),
        EventCode::PTRACE_X => process::ptrace(c),
        EventCode::PRCTL_X => process::prctl(c),
        EventCode::CAPSET_X => process::capset(c),
        EventCode::INIT_MODULE_X => system::init_module(c),
        EventCode::FSCONFIG_X => system::fsconfig(c),
        EventCode::QUOTACTL_X => system::quotactl(c),
        EventCode::KEYCTL_X => system::keyctl(c),
        EventCode::SEMOP_X => system::semop(c),
        EventCode::SEMCTL_X => system::semctl(c),
        EventCode::POLL_X => system::poll(c),
        EventCode::PPOLL_X => system::ppoll(c),
        EventCode::NANOSLEEP_X => system::nanosleep(c),
        EventCode::GENERIC_X => generic(c),
        _ => return Outcome::None,
    }
    Outcome::Event
}

/// The event of a call without its own.
pub(crate) fn generic(c: &mut Ended<'_>) {
    c.out.u16(c.call.code().0).u16(c.call.generic_number());
}
