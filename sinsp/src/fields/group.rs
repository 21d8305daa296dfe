//! `group.*`: the group that the thread runs as.

use super::macros::fields;

fields! {
    /// The group that the thread of the event runs as.
    pub(crate) GROUP = "group" "" {
        "group.gid" UInt32 id, Thread, |e, _, _| Some(e.thread()?.gid.into()),
            "effective group id." on exec = "1000";
        "group.name" CharBuf na, Thread, |e, _, _| {
                let thread = e.thread()?;
                Some(match e.state().group_of(thread, thread.gid) {
                    Some(group) => (&*group.name).into(),
                    None if thread.gid == 0 => "root".into(),
                    None => "<NA>".into(),
                })
            },
            "name of the effective group; `<NA>` if no group of that id is known." on exec = "ann";
    }
}
