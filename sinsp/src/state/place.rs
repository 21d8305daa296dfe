//! The place of a file: the kernel's facts about its path.

use super::Text;
use scap::event::{KernelFile, PathState};

/// The place of a file, beside its path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Place {
    /// The state of the path.
    pub state: PathState,
    /// The position in the path where the mount of the file begins.
    pub mount_at: u16,
    /// The path in its file system of the part that is mounted there; empty if all of it is.
    pub mount_root: Text,
}

impl Place {
    pub(crate) fn new(file: &KernelFile<'_>) -> Self {
        Self { state: file.state, mount_at: file.mount_at, mount_root: Text::new(file.mount_root) }
    }

    /// Returns the part of an event's report that is kept here.
    pub(super) fn kernel_file(&self) -> KernelFile<'_> {
        let mut file = KernelFile::default();
        (file.state, file.mount_at, file.mount_root) = (self.state, self.mount_at, &self.mount_root);
        file
    }

    /// Returns whether this is the place that an event reports.
    pub(super) fn is_of(&self, file: &KernelFile<'_>) -> bool {
        self.state == file.state && self.mount_at == file.mount_at && self.mount_root.as_bytes() == file.mount_root
    }

    /// Returns whether a path with this state can be given as one that leads to the file, or led there.
    pub(crate) fn has_path(&self) -> bool {
        matches!(self.state, PathState::Whole | PathState::Deleted)
    }

    /// Returns the path in the file's own file system, whatever is mounted where, in two parts: `path` is the one from the
    /// root. `None` if it is not known.
    pub(crate) fn on_device<'a>(&'a self, path: &'a [u8]) -> Option<[&'a [u8]; 2]> {
        if !matches!(self.state, PathState::Whole | PathState::Deleted | PathState::Detached) {
            return None;
        }
        let own = path.get(usize::from(self.mount_at)..)?;
        Some(if own.is_empty() && self.mount_root.is_empty() { [b"/", b""] } else { [&self.mount_root, own] })
    }

    /// Returns the state as a word; `None` if it is not known.
    pub(crate) fn state_name(&self) -> Option<&'static str> {
        Some(match self.state {
            PathState::None => "none",
            PathState::Whole => "whole",
            PathState::Deleted => "deleted",
            PathState::Detached => "detached",
            PathState::Cut => "cut",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(state: PathState, mount_at: u16, mount_root: &str) -> Place {
        Place { state, mount_at, mount_root: Text::new(mount_root.as_bytes()) }
    }

    #[test]
    fn the_path_on_the_device_does_not_depend_on_mounts() {
        let on = |place: &Place, path: &str| place.on_device(path.as_bytes()).map(|parts| parts.concat());
        let of = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(on(&place(PathState::Whole, 0, ""), "/etc/shadow"), of("/etc/shadow"));
        assert_eq!(on(&place(PathState::Whole, 4, ""), "/mnt/etc/shadow"), of("/etc/shadow"));
        assert_eq!(on(&place(PathState::Whole, 6, "/etc"), "/tmp/x/shadow"), of("/etc/shadow"));
        assert_eq!(on(&place(PathState::Whole, 6, "/etc/shadow"), "/tmp/x"), of("/etc/shadow"));
        assert_eq!(on(&place(PathState::Detached, 0, "/etc"), "/shadow"), of("/etc/shadow"));
        assert_eq!(on(&place(PathState::Whole, 5, ""), "/proc"), of("/"));
        // Invalid and unknown ones.
        assert_eq!(on(&place(PathState::Whole, 9, ""), "/proc"), None);
        assert_eq!(on(&place(PathState::Cut, 0, ""), ""), None);
        assert_eq!(on(&Place::default(), "/x"), None);
    }
}
