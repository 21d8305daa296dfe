//! Callbacks for programs that follow state changes.

use scap::schema::Role;

use crate::event::Event;
use crate::state::Thread;

/// Observer of state changes, called right after the state has changed and before the event is shown. Every method does
/// nothing by default. Failed calls are reported only to [`on_error`](Self::on_error).
#[allow(unused_variables, reason = "the defaults do nothing")]
pub trait Observer: Send {
    /// Called when a thread or process began.
    fn on_clone(&mut self, event: &Event<'_>, child: &Thread) {}
    /// Called when a process replaced its program.
    fn on_exec(&mut self, event: &Event<'_>) {}
    /// Called when a thread ended; it is removed with the next event.
    fn on_exit(&mut self, event: &Event<'_>) {}
    /// Called when a file or directory was opened.
    fn on_open(&mut self, event: &Event<'_>) {}
    /// Called when a file descriptor was closed; it is removed with the next event.
    fn on_close(&mut self, event: &Event<'_>) {}
    /// Called when a socket got its local address.
    fn on_bind(&mut self, event: &Event<'_>) {}
    /// Called when a connection was made, or begun.
    fn on_connect(&mut self, event: &Event<'_>) {}
    /// Called when a connection was accepted.
    fn on_accept(&mut self, event: &Event<'_>) {}
    /// Called when one direction of a connection was closed.
    fn on_shutdown(&mut self, event: &Event<'_>) {}
    /// Called when data was read or received.
    fn on_read(&mut self, event: &Event<'_>) {}
    /// Called when data was written or sent.
    fn on_write(&mut self, event: &Event<'_>) {}
    /// Called when a call on a known file descriptor failed.
    fn on_error(&mut self, event: &Event<'_>) {}
}

/// Calls the method of the observer that fits the event.
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
            // A child is seen from both sides; only the side that made the entry is reported.
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
