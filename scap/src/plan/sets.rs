//! Sets that tests look for: error numbers, and kinds of file descriptors.

use super::Outcomes;

/// Error numbers of calls that failed. Numbers from 128 on, which have no bit, are in every set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Errnos(u128);

impl Errnos {
    /// None below 128.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(u128::MAX);
    /// The least number that is in every set.
    pub const LIMIT: u32 = u128::BITS;

    /// Returns the set of one number; [`NONE`](Self::NONE) for one without a bit.
    pub const fn one(number: u32) -> Self {
        if number < Self::LIMIT { Self(1 << number) } else { Self::NONE }
    }

    /// Returns whether a number is among them.
    pub const fn contains(self, number: u64) -> bool {
        number >= Self::LIMIT as u64 || self.0 >> number & 1 == 1
    }

    /// Returns these and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns them as bits, the least number first.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Returns the numbers that have a bit, in order.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        (0..Self::LIMIT).filter(move |number| self.0 >> number & 1 == 1)
    }
}

impl std::fmt::Debug for Errnos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::ALL { f.write_str("all") } else { f.debug_set().entries(self.numbers()).finish() }
    }
}

/// The object behind a file descriptor, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// No socket: a file, a directory, a pipe, an object of the kernel.
    File,
    /// A socket of IPv4 or IPv6.
    Inet,
    /// A unix socket.
    Unix,
}

impl Descriptor {
    /// All, in the order of bits.
    pub const ALL: [Self; 3] = [Self::File, Self::Inet, Self::Unix];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "no socket",
            Self::Inet => "inet",
            Self::Unix => "unix",
        }
    }
}

/// Kinds of file descriptors that calls are wanted on, by outcome. A kind that a source does not know is in every set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Descriptors(u8);

impl Descriptors {
    /// None that is known.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(0x77);

    /// Returns the set of calls on one kind with these outcomes.
    pub const fn one(kind: Descriptor, outcomes: Outcomes) -> Self {
        let bit = 1 << kind as u8;
        let succeeded = if outcomes.contains(Outcomes::SUCCEEDED) { bit } else { 0 };
        Self(if outcomes.contains(Outcomes::FAILED) { succeeded | bit << 4 } else { succeeded })
    }

    /// Returns whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns them as bits: in the order of [`Descriptor::ALL`] those of calls that succeeded, from bit 4 on those of calls
    /// that failed.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl Default for Descriptors {
    fn default() -> Self {
        Self::ALL
    }
}

impl std::fmt::Debug for Descriptors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outcomes = [Outcomes::SUCCEEDED, Outcomes::FAILED];
        let all = outcomes.into_iter().flat_map(|outcome| Descriptor::ALL.map(|kind| (outcome, kind)));
        f.debug_set().entries(all.filter(|(outcome, kind)| self.contains(Self::one(*kind, *outcome)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_have_bits() {
        let set = Errnos::one(2).union(Errnos::one(127));
        assert!(set.contains(2) && set.contains(127) && !set.contains(1) && !set.contains(126));
        assert!(Errnos::NONE.contains(128) && Errnos::NONE.contains(u64::MAX));
        assert_eq!(Errnos::one(128), Errnos::NONE);
        assert_eq!(set.numbers().collect::<Vec<_>>(), [2, 127]);
        assert_eq!(format!("{set:?} {:?}", Errnos::ALL), "{2, 127} all");
    }

    #[test]
    fn kinds_count_by_outcome() {
        let set = Descriptors::one(Descriptor::Inet, Outcomes::SUCCEEDED)
            .union(Descriptors::one(Descriptor::File, Outcomes::FAILED));
        assert_eq!(set.bits(), 0b1_0010);
        assert!(set.contains(Descriptors::one(Descriptor::Inet, Outcomes::SUCCEEDED)));
        assert!(!set.contains(Descriptors::one(Descriptor::Inet, Outcomes::BOTH)));
        let all = Descriptor::ALL.map(|kind| Descriptors::one(kind, Outcomes::BOTH));
        assert_eq!(all.into_iter().fold(Descriptors::NONE, Descriptors::union), Descriptors::ALL);
    }
}
