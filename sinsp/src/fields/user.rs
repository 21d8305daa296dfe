//! `user.*`: the effective user of the thread, and the user who logged in.

use super::Value;
use super::macros::fields;
use crate::Event;
use crate::state::{Thread, User};

fields! {
    /// The effective user of the thread of the event.
    pub(crate) USER = "user" "" {
        "user.uid" UInt32 id, Thread, |e, _, _| Some(e.thread()?.uid.into()),
            "effective user id." on exec = "1000";
        "user.name" CharBuf na, Thread, |e, _, _| name(e).map(Value::Bytes),
            "name of the effective user; `<NA>` if no user of that id is known." on exec = "ann";
        "user.homedir" CharBuf na, Thread, |e, _, _| {
                let thread = e.thread()?;
                Some(match find(e, thread, thread.uid) {
                    Some(user) => (&*user.home).into(),
                    None if thread.uid == 0 => "/root".into(),
                    None => "<NA>".into(),
                })
            },
            "home directory of the effective user." on exec = "/home/ann";
        "user.shell" CharBuf na, Thread, |e, _, _| {
                let thread = e.thread()?;
                Some(find(e, thread, thread.uid).map_or("<NA>".into(), |user| (&*user.shell).into()))
            },
            "login shell of the effective user." on exec = "/bin/bash";
        "user.loginuid" Int64 id, Thread, |e, _, _| {
                let loginuid = e.thread()?.loginuid;
                Some(if loginuid == u32::MAX { Value::I64(-1) } else { Value::I64(loginuid.into()) })
            },
            "id of the user who logged in, whatever the effective user is by now; -1 if there is none."
            on exec = "1000";
        "user.loginname" CharBuf na, Thread, |e, _, _| {
                let thread = e.thread()?;
                Some(name_of(e, thread, thread.loginuid).into())
            },
            "name of the user who logged in." on exec = "ann";
    }
}

fn find<'e>(e: &'e Event<'e>, thread: &Thread, uid: u32) -> Option<&'e User> {
    e.state().user_of(thread, uid)
}

fn name_of<'e>(e: &'e Event<'e>, thread: &Thread, uid: u32) -> &'e [u8] {
    match find(e, thread, uid) {
        Some(user) => &user.name,
        None if uid == 0 => b"root",
        None => b"<NA>",
    }
}

/// Returns the effective user's name.
fn name<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let thread = e.thread()?;
    Some(name_of(e, thread, thread.uid))
}
