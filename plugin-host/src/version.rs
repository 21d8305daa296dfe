//! Versions, in the form `MAJOR.MINOR.PATCH`.

use std::fmt;

/// The version of the plugin interface that is supported.
pub const API_VERSION: Version = Version { major: 3, minor: 12, patch: 0 };

/// A version of a plugin, or of the plugin interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Changes that break.
    pub major: u32,
    /// Changes that add.
    pub minor: u32,
    /// Changes that repair.
    pub patch: u32,
}

impl Version {
    /// Parses `MAJOR.MINOR.PATCH`. What follows the three numbers, as in `1.2.3-rc1`, is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let (patch, rest) = number(rest.strip_prefix('.')?)?;
        (!rest.starts_with('.')).then_some(Self { major, minor, patch })
    }

    /// Returns whether a plugin that requires this version of the interface runs with `supported`: the major versions
    /// are equal, and the rest is not greater.
    pub fn runs_with(self, supported: Self) -> bool {
        self.major == supported.major && (self.minor, self.patch) <= (supported.minor, supported.patch)
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_three_numbers() {
        assert_eq!(Version::parse("1.2.3"), Some(Version { major: 1, minor: 2, patch: 3 }));
        assert_eq!(Version::parse("0.10.0-rc1+x"), Some(Version { major: 0, minor: 10, patch: 0 }));
        for invalid in ["", "1", "1.2", "1.2.", "1.2.x", "1.2.3.4", ".1.2.3", "-1.2.3", "99999999999.0.0", "1 .2.3"] {
            assert_eq!(Version::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_plugin_runs_with_the_same_major_version_that_is_not_older() {
        let runs =
            |required, supported| Version::parse(required).unwrap().runs_with(Version::parse(supported).unwrap());
        for (required, supported, expected) in [
            ("3.11.0", "3.11.0", true),
            ("3.0.0", "3.11.0", true),
            ("3.10.9", "3.11.0", true),
            ("3.11.1", "3.11.0", false),
            ("3.12.0", "3.11.0", false),
            ("2.0.0", "3.11.0", false),
            ("4.0.0", "3.11.0", false),
        ] {
            assert_eq!(runs(required, supported), expected, "{required} {supported}");
        }
    }
}
