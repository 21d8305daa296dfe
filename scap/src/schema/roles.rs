//! The common roles of calls and parameters: a call that opens a file is one row of the table with [`Role::Opens`], and
//! code that needs the path or the flags of an opened file looks up the parameter by its [`ParamRole`]. A new call of a
//! known role needs no code anywhere else.

use super::{EVENT_COUNT, EVENTS, EventCode, EventInfo};

/// The role of a call. Only the event with the result of the call has one, which is the exit, and `procexit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// No role that another call has too.
    None,
    /// Opens a file by its path: the result is a file descriptor.
    Opens,
    /// Closes a file descriptor.
    Closes,
    /// Creates a thread or process.
    Clones,
    /// Replaces the program of a process.
    Executes,
    /// Ends a thread.
    Exits,
    /// Gives a socket its own address.
    Binds,
    /// Connects a socket to another.
    Connects,
    /// Accepts an incoming connection: the result is a file descriptor.
    Accepts,
    /// Closes one direction of a connection.
    ShutsDown,
    /// Reads from a file descriptor.
    Reads,
    /// Receives from a socket.
    Receives,
    /// Writes to a file descriptor.
    Writes,
    /// Sends through a socket.
    Sends,
}

/// The role of a parameter in its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ParamRole {
    /// No role that a parameter of another call has too.
    None,
    /// The path that is opened, as the process gave it.
    Path,
    /// The path that is opened, as the kernel resolved it.
    ResolvedPath,
    /// The flags that a file descriptor is created with.
    Flags,
    /// The permissions of a file that is created.
    Mode,
    /// The flags that restrict how the path is resolved.
    Resolve,
    /// The device of the opened file.
    Device,
    /// The inode of the opened file.
    Inode,
    /// The layers of an overlay that the opened file lies in.
    Layers,
    /// Both ends of a connection.
    Tuple,
    /// Control messages of a message.
    Control,
}

/// The number of parameter roles.
const ROLES: usize = ParamRole::Control as usize + 1;
/// The index for no parameter.
const ABSENT: u8 = u8::MAX;

/// The roles of one code.
#[derive(Clone, Copy)]
struct Facts {
    role: Role,
    params: [u8; ROLES],
    /// The parameter with the directory in which the path starts.
    dirfd: u8,
}

static FACTS: [Facts; EVENT_COUNT] = assemble();

#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn assemble() -> [Facts; EVENT_COUNT] {
    let mut table = [Facts { role: Role::None, params: [ABSENT; ROLES], dirfd: ABSENT }; EVENT_COUNT];
    let mut at = 0;
    while at < EVENT_COUNT {
        table[at] = facts(&EVENTS[at]);
        at += 1;
    }
    table
}

#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn facts(info: &EventInfo) -> Facts {
    let mut params = [ABSENT; ROLES];
    let mut dirfd = ABSENT;
    let mut index = 0;
    while index < info.params.len() {
        let role = info.params[index].role as usize;
        if role != ParamRole::None as usize {
            assert!(params[role] == ABSENT, "two parameters of an event have one role");
            params[role] = index as u8;
            if let (Some(at), true) = (info.params[index].dirfd, role == ParamRole::Path as usize) {
                dirfd = at as u8;
            }
        }
        index += 1;
    }
    Facts { role: info.role, params, dirfd }
}

impl EventCode {
    /// Returns the role of the call; [`Role::None`] for a code of a newer driver.
    #[inline]
    pub fn role(self) -> Role {
        FACTS.get(usize::from(self.0)).map_or(Role::None, |facts| facts.role)
    }

    /// Returns the index of the parameter with a role.
    #[inline]
    pub fn param_with(self, role: ParamRole) -> Option<usize> {
        let index = *FACTS.get(usize::from(self.0))?.params.get(role as usize)?;
        (index != ABSENT).then_some(usize::from(index))
    }

    /// Returns the index of the parameter with the directory in which the path that is opened starts; `None` where that
    /// is the working directory.
    #[inline]
    pub fn dirfd_param(self) -> Option<usize> {
        let index = FACTS.get(usize::from(self.0))?.dirfd;
        (index != ABSENT).then_some(usize::from(index))
    }
}

impl EventInfo {
    /// Returns the index of the parameter with a role.
    #[allow(clippy::indexing_slicing, reason = "the array has an element for each role, and `get` is not const")]
    pub const fn param_with(&self, role: ParamRole) -> Option<usize> {
        let index = facts(self).params[role as usize];
        if index == ABSENT { None } else { Some(index as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_name_their_parameters() {
        let opens: Vec<&EventInfo> = EVENTS.iter().filter(|info| info.role == Role::Opens).collect();
        assert_eq!(opens.len(), 5);
        for info in opens {
            let code = info.code;
            assert_eq!(info.params[0].name, "fd", "{code:?}");
            let path = code.param_with(ParamRole::Path).or(code.param_with(ParamRole::ResolvedPath));
            assert!(path.is_some_and(|path| ["name", "path"].contains(&info.params[path].name)), "{code:?}");
            for role in [ParamRole::Device, ParamRole::Inode] {
                assert!(code.param_with(role).is_some(), "{code:?} {role:?}");
            }
            let dirfd = code.dirfd_param().map(|dirfd| info.params[dirfd].name);
            assert_eq!(dirfd, info.name.starts_with("openat").then_some("dirfd"), "{code:?}");
        }
    }

    #[test]
    fn roles_are_those_of_todays_events() {
        for info in EVENTS.iter().filter(|info| info.role != Role::None) {
            assert!(info.is_live() && (info.code.is_exit() || info.role == Role::Exits), "{:?}", info.code);
        }
        assert_eq!(EventCode(u16::MAX).role(), Role::None);
        assert_eq!(EventCode(u16::MAX).param_with(ParamRole::Path), None);
    }
}
