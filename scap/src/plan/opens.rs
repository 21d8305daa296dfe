//! The opened files that are wanted: by access, outcome, and their path as it was given.
//!
//! A path as it was given decides only if it is the file's: it must be absolute and without `.` and `..`, the call must
//! not have looked it up elsewhere, and nobody may have changed it meanwhile. Every other file is kept unless files that
//! are opened so are never wanted, whatever their path. A directory is kept always: the paths of later calls begin there.

use std::collections::BTreeMap;

use super::Outcomes;
use crate::Event;
use crate::event::PathState;
use crate::schema::{EventCode, ParamRole};

/// The longest path, with its NUL, that tests can decide; a longer one has the shape [`Shape::Odd`].
pub const MAX_PATH: usize = 128;
/// The longest text of an exact path or a prefix; a longer one is cut to a prefix, which more paths have.
pub const MAX_TEXT: usize = 60;
/// The longest suffix; of a longer one the end counts.
pub const MAX_SUFFIX: usize = 30;

const READ: u32 = 1 << 0;
const WRITE: u32 = 1 << 1;
const DIRECTORY: u32 = 1 << 10;
/// The flag of a call that makes the directory the root of the path.
const RESOLVE_IN_ROOT: u32 = 2;

/// Sets of ways to open a file: a bit for each way. The way is a number below 8: 1 for reading, 2 for writing, 4 if it
/// failed, added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Classes(pub u8);

impl Classes {
    /// No way.
    pub const NONE: Self = Self(0);
    /// All that succeeded.
    pub const SUCCEEDED: Self = Self(0x0f);
    /// All that failed.
    pub const FAILED: Self = Self(0xf0);
    /// All.
    pub const ALL: Self = Self(0xff);

    /// Returns one way.
    pub const fn one(read: bool, write: bool, failed: bool) -> Self {
        Self(1 << (read as u8 | (write as u8) << 1 | (failed as u8) << 2))
    }

    /// Returns whether they have any in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns these without those.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the outcomes that occur among them.
    pub const fn outcomes(self) -> Outcomes {
        let failed = if self.intersects(Self::FAILED) { Outcomes::FAILED } else { Outcomes::NONE };
        if self.intersects(Self::SUCCEEDED) { failed.union(Outcomes::SUCCEEDED) } else { failed }
    }
}

/// The form of the text of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Absolute, with nothing to resolve: the tests decide.
    Clean,
    /// Relative, empty, too long, or with an empty component or a `.`.
    Odd,
    /// With two dots anywhere, whatever else.
    Dots,
}

impl Shape {
    /// All shapes, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Clean, Self::Odd, Self::Dots];
}

/// Returns the shape of a path, without its NUL.
pub fn shape(path: &[u8]) -> Shape {
    if path.len() >= MAX_PATH {
        return Shape::Odd;
    }
    if path.windows(2).any(|pair| pair == b"..") {
        return Shape::Dots;
    }
    let Some(names) = path.strip_prefix(b"/") else { return Shape::Odd };
    let clean = names.split(|byte| *byte == b'/').all(|name| !name.is_empty() && name != b".");
    if clean { Shape::Clean } else { Shape::Odd }
}

/// A test of a path of the shape [`Shape::Clean`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathTest {
    /// It is this path.
    Exact(Vec<u8>),
    /// It begins with this, which need not be a whole component.
    Prefix(Vec<u8>),
    /// It ends with this.
    Suffix(Vec<u8>),
}

impl PathTest {
    /// Returns the test for a path.
    pub fn exact(path: &[u8]) -> Self {
        if path.len() > MAX_TEXT { Self::prefix(path) } else { Self::Exact(path.to_vec()) }
    }

    /// Returns the test for the beginning of a path.
    pub fn prefix(text: &[u8]) -> Self {
        Self::Prefix(text.get(..MAX_TEXT).unwrap_or(text).to_vec())
    }

    /// Returns the test for the end of a path.
    pub fn suffix(text: &[u8]) -> Self {
        let from = text.len().saturating_sub(MAX_SUFFIX);
        Self::Suffix(text.get(from..).unwrap_or(text).to_vec())
    }

    /// Returns whether it is true.
    pub fn is_true(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Prefix(text) => path.starts_with(text),
            Self::Suffix(text) => path.ends_with(text),
        }
    }
}

impl std::fmt::Display for PathTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "{}", text.escape_ascii()),
            Self::Prefix(text) => write!(f, "{}*", text.escape_ascii()),
            Self::Suffix(text) => write!(f, "*{}", text.escape_ascii()),
        }
    }
}

/// The opened files that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opens {
    always: [Classes; 3],
    tests: BTreeMap<PathTest, Classes>,
}

impl Opens {
    /// Returns all.
    pub fn everything() -> Self {
        Self { always: [Classes::ALL; 3], tests: BTreeMap::new() }
    }

    /// Returns whether all are wanted.
    pub fn is_everything(&self) -> bool {
        self.always == [Classes::ALL; 3]
    }

    /// Makes no file that is opened in one of these ways wanted.
    pub fn clear(&mut self, classes: Classes) {
        self.always.iter_mut().for_each(|always| *always = always.difference(classes));
        self.tests.values_mut().for_each(|wanted| *wanted = wanted.difference(classes));
        self.tests.retain(|_, wanted| *wanted != Classes::NONE);
    }

    /// Makes every file wanted that is opened in one of these ways by a path of this shape.
    pub fn add_shape(&mut self, shape: Shape, classes: Classes) {
        if let Some(always) = self.always.get_mut(shape as usize) {
            *always = always.union(classes);
        }
    }

    /// Makes every file wanted that is opened in one of these ways and meets a test.
    pub fn add(&mut self, test: PathTest, classes: Classes) {
        let wanted = self.tests.entry(test).or_default();
        *wanted = wanted.union(classes);
    }

    /// Returns the ways in which files of a shape are wanted, whatever their path.
    pub fn always(&self, shape: Shape) -> Classes {
        self.always.get(shape as usize).copied().unwrap_or(Classes::ALL)
    }

    /// Returns the tests of paths, with the ways for which they count.
    pub fn tests(&self) -> impl Iterator<Item = (&PathTest, Classes)> {
        self.tests.iter().map(|(test, classes)| (test, *classes))
    }

    /// Returns whether the file of a call is not wanted.
    pub(super) fn leaves_out(&self, event: &Event<'_>, outcome: Outcomes) -> bool {
        let failed = outcome == Outcomes::FAILED;
        let number = |role| {
            let raw = event.raw(event.code().param_with(role)?)?;
            raw.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
        };
        let flags = number(ParamRole::Flags);
        // Creat has none, and rules do not see that it writes.
        if flags.is_none() && event.code() != EventCode::CREAT_X {
            return false;
        }
        let flags = flags.unwrap_or(0);
        let class = Classes::one(flags & READ != 0, flags & WRITE != 0, failed);
        let Some(raw) = event.code().param_with(ParamRole::Path).and_then(|index| event.raw(index)) else {
            return false;
        };
        let path = raw.split(|byte| *byte == 0).next().unwrap_or_default();
        let shape = shape(path);
        if self.always(shape).intersects(class) {
            return false;
        }
        if shape == Shape::Clean && self.tests().any(|(test, of)| of.intersects(class) && test.is_true(path)) {
            return false;
        }
        failed || flags & DIRECTORY == 0 && is_named_by(event, number(ParamRole::Resolve).unwrap_or(0))
    }
}

/// Returns whether the given path is that of the opened file, and it is not a directory.
fn is_named_by(event: &Event<'_>, resolve: u32) -> bool {
    let Some(file) = event.kernel_file() else { return false };
    let holds = file.given_holds && resolve & RESOLVE_IN_ROOT == 0;
    file.state != PathState::Unknown && !file.is_directory && (file.is_given || holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventBuilder;

    #[test]
    fn shapes_follow_from_the_text() {
        let long = [b"/", &[b'a'; MAX_PATH][..]].concat();
        for (path, expect) in [
            (&b"/etc/passwd"[..], Shape::Clean),
            (b"/a/.ssh/x", Shape::Clean),
            (b"/a.b/c.", Shape::Clean),
            (b"", Shape::Odd),
            (b"/", Shape::Odd),
            (b"etc/passwd", Shape::Odd),
            (b"/etc//passwd", Shape::Odd),
            (b"/etc/", Shape::Odd),
            (b"/etc/./passwd", Shape::Odd),
            (b"/etc/.", Shape::Odd),
            (b"/etc/../passwd", Shape::Dots),
            (b"..", Shape::Dots),
            (b"/a../b", Shape::Dots),
            (&long, Shape::Odd),
            (&long[..MAX_PATH - 1], Shape::Clean),
        ] {
            assert_eq!(shape(path), expect, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn long_tests_are_true_for_more() {
        let long = [b"/", &[b'a'; 200][..]].concat();
        assert_eq!(PathTest::exact(&long), PathTest::Prefix(long[..MAX_TEXT].to_vec()));
        assert!(PathTest::prefix(&long).is_true(&long) && PathTest::suffix(&long).is_true(&long));
        assert_eq!(PathTest::suffix(&long), PathTest::Suffix(vec![b'a'; MAX_SUFFIX]));
    }

    /// Builds an open of a path for reading that succeeded, with these facts of the kernel.
    fn open(path: &str, kernel: Option<(&[u8], u8)>) -> EventBuilder {
        let mut builder = EventBuilder::new();
        builder.start(EventCode::OPEN_X).i64(3).text(path).u32(READ).u32(0).u32(0).u64(0);
        if let Some((real, flags)) = kernel {
            builder.raw(real).raw(&[0, 0, 0, 0, 0, 0, 1, flags]).raw(b"");
        }
        builder.finish().expect("an event");
        builder
    }

    #[test]
    fn a_file_that_was_opened_is_left_out_only_if_its_path_is_known() {
        let mut opens = Opens::everything();
        opens.clear(Classes::SUCCEEDED);
        opens.add(PathTest::prefix(b"/etc/"), Classes::one(true, false, false));
        let left = |builder: EventBuilder| opens.leaves_out(&builder.event().expect("an event"), Outcomes::SUCCEEDED);
        assert!(left(open("/lib/x", Some((b"=", 0)))));
        assert!(left(open("/lib/x", Some((b"/usr/lib/x\0", 1)))));
        // Somebody may have changed the path.
        assert!(!left(open("/lib/x", Some((b"/usr/lib/x\0", 0)))));
        // A directory.
        assert!(!left(open("/lib/x", Some((b"=", 2)))));
        assert!(!left(open("/lib/x", None)));
        assert!(!left(open("/etc/x", Some((b"=", 0)))));
    }
}
