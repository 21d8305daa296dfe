//! `fdlist.*`: the file descriptors that `poll` waits for, as texts separated by commas.

use bumpalo::Bump;
use scap::schema::{EventCode, param};

use super::macros::fields;
use super::value::{IpText, Sink, Text, push_display, push_signed, push_unsigned};
use super::{FieldRef, Value};
use crate::Event;
use crate::state::{Fd, FdKind};

fields! {
    /// The file descriptors that poll and ppoll were called with.
    pub(crate) FDLIST = "fdlist" "" {
        "fdlist.nums" CharBuf id, Event, |e, f, arena| each(e, f, arena, |out, num, _| { push_signed(out, num); true }),
            "numbers of the file descriptors." on poll = "3,4";
        "fdlist.names" CharBuf na, Event, |e, f, arena| each(e, f, arena, |out, _, fd| {
                match fd {
                    Some(fd) if !fd.name.is_empty() => out.push_bytes(&fd.name),
                    _ => out.push_bytes(b"<NA>"),
                }
                true
            }),
            "names of the file descriptors; `<NA>` for one without."
            on poll = "/etc/hosts,10.0.0.7:41000->10.0.0.5:8080";
        "fdlist.cips" CharBuf na, Event, |e, f, arena| each(e, f, arena, |out, _, fd| {
                let Some((ip, _)) = fd.and_then(Fd::source) else { return false };
                push_display(out, &IpText(ip));
                true
            }),
            "client addresses of those that are connections." on poll = "10.0.0.7";
        "fdlist.sips" CharBuf na, Event, |e, f, arena| each(e, f, arena, |out, _, fd| {
                let Some((ip, _)) = fd.and_then(Fd::destination) else { return false };
                push_display(out, &IpText(ip));
                true
            }),
            "server addresses of those that are sockets." on poll = "10.0.0.5";
        "fdlist.cports" CharBuf dec, Event, |e, f, arena| each(e, f, arena, |out, _, fd| {
                let Some((_, port)) = fd.and_then(Fd::source) else { return false };
                push_unsigned(out, port.into());
                true
            }),
            "client ports of those that are connections." on poll = "41000";
        "fdlist.sports" CharBuf dec, Event, |e, f, arena| each(e, f, arena, |out, _, fd| {
                let Some(fd) = fd.filter(|fd| matches!(fd.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_))) else { return false };
                let Some((_, port)) = fd.destination() else { return false };
                push_unsigned(out, port.into());
                true
            }),
            "server ports of those that are connections." on poll = "8080";
    }
}

/// Calls `push` for each file descriptor; separates by commas those for which it wrote something.
fn each<'e>(
    e: &'e Event<'e>,
    _: &'e FieldRef,
    arena: &'e Bump,
    push: impl Fn(&mut Text<'e>, i64, Option<&Fd>) -> bool,
) -> Option<Value<'e>> {
    let index = match e.code() {
        EventCode::POLL_X => param::poll_x::fds,
        EventCode::PPOLL_X => param::ppoll_x::fds,
        _ => return None,
    };
    let thread = e.thread()?;
    let fds = scap::event::FdList::parse(e.raw().raw(index)?)?;
    let mut out = Text::new_in(arena);
    for (num, _) in fds.iter() {
        if !out.is_empty() && !out.ends_with(b",") {
            out.push(b',');
        }
        push(&mut out, num, e.state().fd(thread, num));
    }
    let text = out.into_bump_slice();
    let text = text.strip_suffix(b",").unwrap_or(text);
    (!text.is_empty()).then_some(Value::Bytes(text))
}
