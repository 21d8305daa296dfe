//! Hooks for programs that want to be told instead of asking.

use scap::EventCode as E;

use crate::event::Event;
use crate::state::Thread;

/// Is told what events do, right after the state has changed and before the event is shown. Every hook does nothing
/// unless it is implemented. Calls that failed are reported to [`on_error`](Self::on_error) alone.
#[allow(unused_variables, reason = "the defaults do nothing")]
pub trait Observer: Send {
    /// A thread or process began.
    fn on_clone(&mut self, event: &Event<'_>, child: &Thread) {}
    /// A process became another program.
    fn on_exec(&mut self, event: &Event<'_>) {}
    /// A thread ended; it is gone with the next event.
    fn on_exit(&mut self, event: &Event<'_>) {}
    /// A file or directory was opened.
    fn on_open(&mut self, event: &Event<'_>) {}
    /// A descriptor was closed; it is gone with the next event.
    fn on_close(&mut self, event: &Event<'_>) {}
    /// A socket got an address of its own.
    fn on_bind(&mut self, event: &Event<'_>) {}
    /// A connection was made, or begun.
    fn on_connect(&mut self, event: &Event<'_>) {}
    /// A connection came in.
    fn on_accept(&mut self, event: &Event<'_>) {}
    /// One direction of a connection was closed.
    fn on_shutdown(&mut self, event: &Event<'_>) {}
    /// Data was read or received.
    fn on_read(&mut self, event: &Event<'_>) {}
    /// Data was written or sent.
    fn on_write(&mut self, event: &Event<'_>) {}
    /// A call on a known descriptor failed.
    fn on_error(&mut self, event: &Event<'_>) {}
}

/// Tells an observer of an event.
pub(crate) fn tell(observer: &mut dyn Observer, event: &Event<'_>) {
    let code = event.code();
    if code == E::PROCEXIT_1_E {
        observer.on_exit(event);
    }
    if !code.is_exit() {
        return;
    }
    let res = crate::parse::result(&event.raw());
    if res < 0 && !(code == E::CONNECT_X && res == -115) {
        if event.fd().is_some() {
            observer.on_error(event);
        }
        return;
    }
    match code {
        E::CLONE_20_X | E::FORK_20_X | E::VFORK_20_X | E::CLONE3_X => {
            let child = if res == 0 { event.thread() } else { event.state().thread(res) };
            // Of a child seen from both sides, only the side that made the entry tells.
            if let Some(child) = child.filter(|child| child.clone_ts == event.ts()) {
                observer.on_clone(event, child);
            }
        }
        E::EXECVE_19_X | E::EXECVEAT_X => observer.on_exec(event),
        E::OPEN_X | E::CREAT_X | E::OPENAT_2_X | E::OPENAT2_X | E::OPEN_BY_HANDLE_AT_X => observer.on_open(event),
        E::CLOSE_X if event.fd().is_some() => observer.on_close(event),
        E::BIND_X if event.fd().is_some() => observer.on_bind(event),
        E::CONNECT_X if event.fd().is_some() => observer.on_connect(event),
        E::ACCEPT_5_X | E::ACCEPT4_6_X => observer.on_accept(event),
        E::SHUTDOWN_X if event.fd().is_some() => observer.on_shutdown(event),
        E::READ_X
        | E::READV_X
        | E::PREAD_X
        | E::PREADV_X
        | E::RECV_X
        | E::RECVFROM_X
        | E::RECVMSG_X
        | E::RECVMMSG_X => observer.on_read(event),
        E::WRITE_X
        | E::WRITEV_X
        | E::PWRITE_X
        | E::PWRITEV_X
        | E::SEND_X
        | E::SENDTO_X
        | E::SENDMSG_X
        | E::SENDMMSG_X => observer.on_write(event),
        _ => {}
    }
}
