//! User lists.
//!
//! ```text
//!  v2: | entry length u32, itself counted |   then as v1
//!  v1: | 0 u8 | uid u32 | gid u32 | name | home | shell |        a user
//!      | 1 u8 | gid u32 | name |                                 a group
//! ```

use std::io::Read;

use super::body::Body;
use super::names::{MAX_NAME, MAX_PATH};
use crate::Result;
use crate::host::{Group, User};

const USER: u8 = 0;

pub(super) fn read<R: Read>(body: &mut Body<'_, R>, version: u8) -> Result<(Vec<User>, Vec<Group>)> {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    while body.more() {
        let len = if version >= 2 { body.u32()? } else { 0 };
        body.enter("userlist", len, 4)?;
        if body.u8()? == USER {
            users.push(User {
                uid: body.u32()?,
                gid: body.u32()?,
                name: body.text("user name ", MAX_NAME)?,
                home: body.text("user homedir ", MAX_PATH)?,
                shell: body.text("user shell ", MAX_PATH)?,
            });
        } else {
            groups.push(Group { gid: body.u32()?, name: body.text("group name ", MAX_NAME)? });
        }
        body.leave()?;
    }
    Ok((users, groups))
}
