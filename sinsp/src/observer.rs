//! Hooks for programs that want to be told instead of asking.

use scap::schema::Role;

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
    let role = event.code().role();
    if role == Role::Exits {
        observer.on_exit(event);
    }
    if !event.code().is_exit() {
        return;
    }
    let res = crate::parse::result(&event.raw());
    if res < 0 && !(role == Role::Connects && res == -115) {
        if event.fd().is_some() {
            observer.on_error(event);
        }
        return;
    }
    match role {
        Role::Clones => {
            let child = if res == 0 { event.thread() } else { event.state().thread(res) };
            // Of a child seen from both sides, only the side that made the entry tells.
            if let Some(child) = child.filter(|child| child.clone_ts == event.ts()) {
                observer.on_clone(event, child);
            }
        }
        Role::Executes => observer.on_exec(event),
        Role::Opens => observer.on_open(event),
        Role::Closes if event.fd().is_some() => observer.on_close(event),
        Role::Binds if event.fd().is_some() => observer.on_bind(event),
        Role::Connects if event.fd().is_some() => observer.on_connect(event),
        Role::Accepts => observer.on_accept(event),
        Role::ShutsDown if event.fd().is_some() => observer.on_shutdown(event),
        Role::Reads | Role::Receives => observer.on_read(event),
        Role::Writes | Role::Sends => observer.on_write(event),
        _ => {}
    }
}
