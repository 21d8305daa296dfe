//! The probe's report on the file that a call led to, after the parameters of the schema.
//!
//! ```text
//! 0  its path as the kernel resolved it; "=" if that is the path that the call was given; empty if there is none, or if
//!    it is one of the schema's parameters
//! 1  u32 device | u16 where in the path its own mount begins | u8 state | u8 flags
//! 2  if only a part of a file system is mounted there: the path of that part in it
//! ```
//!
//! Opens that succeeded have it, execs, and changes of the working directory. Falco's drivers do not report it, and its
//! readers skip it.

use super::Event;
use crate::schema::Role;

/// The state of a file's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum PathState {
    /// Unknown: the event has no report.
    #[default]
    Unknown,
    /// No directory contains the file: a pipe, a memfd.
    None,
    /// The path leads to the file.
    Whole,
    /// The file was deleted; the path is the one that it had.
    Deleted,
    /// The path begins at a tree that is mounted nowhere.
    Detached,
    /// The path is longer or deeper than the probe can report.
    Cut,
}

/// The file that a call led to, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KernelFile<'a> {
    /// The path, without links and `..`; empty if there is none, or if it is another parameter of the event.
    pub path: &'a [u8],
    /// Whether the path that the call was given is this path.
    pub is_given: bool,
    /// Whether no other thread or process can have changed the given path while the call ran.
    pub given_holds: bool,
    /// Whether it is a directory. Known of files that were opened; false in captures from before this was reported.
    pub is_directory: bool,
    /// Device number; 0 if unknown.
    pub device: u32,
    /// The position in the path where the mount of the file begins.
    pub mount_at: u16,
    /// The state of the path.
    pub state: PathState,
    /// The path in its file system of the part that is mounted; empty if all of it is.
    pub mount_root: &'a [u8],
}

/// Marks a kernel path that equals the given path.
const GIVEN: &[u8] = b"=";
/// The flag of a given path that nobody else can have changed.
const HOLDS: u8 = 1;
/// The flag of a directory that was opened.
const DIRECTORY: u8 = 2;

impl<'a> Event<'a> {
    /// Returns the file that the call led to, if the probe reported it.
    pub fn kernel_file(&self) -> Option<KernelFile<'a>> {
        let path = self.beyond(0)?;
        let Some(facts) = self.beyond(1).and_then(|facts| facts.first_chunk::<8>()) else {
            // The first captures with paths have nothing else.
            let state = if path.is_empty() { PathState::None } else { PathState::Whole };
            return (self.code().role() == Role::Opens).then(|| KernelFile {
                path: until_nul(path),
                is_given: false,
                given_holds: true,
                is_directory: false,
                device: 0,
                mount_at: 0,
                state,
                mount_root: b"",
            });
        };
        let [d0, d1, d2, d3, m0, m1, state, flags] = *facts;
        Some(KernelFile {
            path: if path == GIVEN { b"" } else { until_nul(path) },
            is_given: path == GIVEN,
            given_holds: flags & HOLDS != 0,
            is_directory: flags & DIRECTORY != 0,
            device: u32::from_le_bytes([d0, d1, d2, d3]),
            mount_at: u16::from_le_bytes([m0, m1]),
            state: match state {
                0 => PathState::None,
                1 => PathState::Whole,
                2 => PathState::Deleted,
                3 => PathState::Detached,
                4 => PathState::Cut,
                _ => PathState::Unknown,
            },
            mount_root: self.beyond(2).map_or(b"", until_nul),
        })
    }
}

fn until_nul(raw: &[u8]) -> &[u8] {
    raw.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventBuilder;
    use crate::schema::EventCode;

    fn file(more: &[&[u8]]) -> Option<KernelFile<'static>> {
        let mut builder = EventBuilder::new();
        builder.start(EventCode::CHDIR_X).i64(0).text("/tmp");
        for more in more {
            builder.raw(more);
        }
        let bytes = builder.finish().expect("an event").bytes().to_vec().leak();
        Event::parse(0, 0, bytes).expect("an event").kernel_file()
    }

    #[test]
    fn the_facts_follow_the_parameters() {
        assert_eq!(file(&[]), None);
        let found = file(&[b"/private/tmp\0", &[1, 8, 0, 0, 8, 0, 2, 1], b"/etc\0"]).expect("a file");
        assert_eq!((found.path, found.is_given, found.given_holds), (&b"/private/tmp"[..], false, true));
        assert_eq!((found.device, found.mount_at, found.state), (0x801, 8, PathState::Deleted));
        assert_eq!(found.mount_root, b"/etc");
        let given = file(&[b"=", &[0; 8], b""]).expect("a file");
        assert_eq!((given.path, given.is_given, given.given_holds), (&b""[..], true, false));
        assert_eq!(given.state, PathState::None);
    }

    #[test]
    fn facts_that_are_cut_are_no_facts() {
        assert_eq!(file(&[b"/private/tmp\0"]), None);
        assert_eq!(file(&[b"/private/tmp\0", &[1, 8, 0, 0, 8, 0, 2]]), None);
        let unknown = file(&[b"", &[0, 0, 0, 0, 0, 0, 99, 0]]).expect("a file");
        assert_eq!(unknown.state, PathState::Unknown);
    }
}
