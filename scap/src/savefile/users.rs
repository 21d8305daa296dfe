//! User lists.
//!
//! ```text
//!  v2: | entry length u32, itself counted |   then as v1
//!  v1: | 0 u8 | uid u32 | gid u32 | name | home | shell |        a user
//!      | 1 u8 | gid u32 | name |                                 a group
//! ```

use std::io::Read;

use super::block::BlockType;
use super::body::Body;
use super::names::{MAX_NAME, WRITTEN_NAME};
use super::out::Out;
use crate::Result;
use crate::host::{Group, User};

const USER: u8 = 0;
const GROUP: u8 = 1;

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
                home: body.text("user homedir ", MAX_NAME)?,
                shell: body.text("user shell ", MAX_NAME)?,
            });
        } else {
            groups.push(Group { gid: body.u32()?, name: body.text("group name ", MAX_NAME)? });
        }
        body.leave()?;
    }
    Ok((users, groups))
}

/// Writes the list, in the newest version.
pub(super) fn write(out: &mut Out, users: &[User], groups: &[Group]) {
    out.begin(BlockType::USERS_V2);
    for user in users {
        let len = out.length();
        out.u8(USER);
        out.u32(user.uid);
        out.u32(user.gid);
        out.text(&user.name, WRITTEN_NAME);
        out.text(&user.home, WRITTEN_NAME);
        out.text(&user.shell, WRITTEN_NAME);
        out.fill(len);
    }
    for group in groups {
        let len = out.length();
        out.u8(GROUP);
        out.u32(group.gid);
        out.text(&group.name, WRITTEN_NAME);
        out.fill(len);
    }
    out.end();
}
