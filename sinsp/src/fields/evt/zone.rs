//! The local time zone, from the file that the C library uses too.
//!
//! `TZ` names a file of the zone database, or `/etc/localtime` is one (tzfile(5)). An unreadable file means UTC. Rules
//! for the years after the last change of the file are not applied: the offset of its last change stays in effect.

use std::sync::LazyLock;

static LOCAL: LazyLock<Zone> = LazyLock::new(|| {
    let path = match std::env::var("TZ") {
        Ok(name) if name.is_empty() || name == "UTC" => return Zone::default(),
        Ok(name) => {
            let name = name.trim_start_matches(':');
            if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") }
        }
        Err(_) => "/etc/localtime".to_owned(),
    };
    std::fs::read(path).ok().and_then(|file| Zone::parse(&file)).unwrap_or_default()
});

/// Returns the offset of local time from UTC in seconds, at the given second since 1970.
pub fn utc_offset(seconds: i64) -> i32 {
    LOCAL.offset(seconds)
}

/// The times of offset changes, and the offsets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Zone {
    first: i32,
    changes: Vec<(i64, i32)>,
}

impl Zone {
    fn offset(&self, seconds: i64) -> i32 {
        let after = self.changes.partition_point(|(at, _)| *at <= seconds);
        after.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(self.first, |(_, offset)| *offset)
    }

    /// Parses the second part of a file, whose times have 64 bits, or the first if there is no second.
    fn parse(file: &[u8]) -> Option<Self> {
        let header = Header::parse(file)?;
        let body = file.get(Header::LEN..)?;
        if header.version == 0 {
            return Self::body(&header, body, 4);
        }
        let second = body.get(header.body_len(4)?..)?;
        Self::body(&Header::parse(second)?, second.get(Header::LEN..)?, 8)
    }

    fn body(header: &Header, body: &[u8], width: usize) -> Option<Self> {
        let (times, rest) = body.split_at_checked(header.times().checked_mul(width)?)?;
        let (indices, rest) = rest.split_at_checked(header.times())?;
        let (types, _) = rest.split_at_checked(header.types().checked_mul(6)?)?;
        let offset = |index: usize| types.get(index * 6..)?.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        let time = |bytes: &[u8]| match bytes.first_chunk() {
            Some(wide) => i64::from_be_bytes(*wide),
            None => bytes.first_chunk().map_or(0, |narrow| i32::from_be_bytes(*narrow).into()),
        };
        let changes = times.chunks_exact(width).zip(indices);
        let changes: Option<Vec<_>> =
            changes.map(|(bytes, index)| Some((time(bytes), offset(usize::from(*index))?))).collect();
        Some(Self { first: offset(0)?, changes: changes? })
    }
}

struct Header {
    version: u8,
    counts: [usize; 6],
}

impl Header {
    const LEN: usize = 44;

    fn parse(file: &[u8]) -> Option<Self> {
        let header: &[u8; Self::LEN] = file.first_chunk()?;
        let (fields, numbers) = header.split_at(20);
        let mut counts = [0; 6];
        for (count, bytes) in counts.iter_mut().zip(numbers.chunks_exact(4)) {
            *count = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
        }
        fields.starts_with(b"TZif").then_some(Self { version: *fields.get(4)?, counts })
    }

    fn times(&self) -> usize {
        self.counts[3]
    }

    fn types(&self) -> usize {
        self.counts[4]
    }

    /// Returns the number of bytes after the header, with times of `width` bytes.
    fn body_len(&self, width: usize) -> Option<usize> {
        let [utc, standard, leaps, times, types, chars] = self.counts;
        let parts = [(times, width + 1), (types, 6), (chars, 1), (leaps, width + 4), (standard, 1), (utc, 1)];
        parts.iter().try_fold(0_usize, |sum, (count, size)| sum.checked_add(count.checked_mul(*size)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file with one change, to an hour ahead at second 1000.
    fn file() -> Vec<u8> {
        let mut file = Vec::new();
        for (width, at) in [(4, 1000_i64), (8, 1000)] {
            file.extend(b"TZif2");
            file.extend([0; 15]);
            for count in [0_u32, 0, 0, 1, 2, 8] {
                file.extend(count.to_be_bytes());
            }
            file.extend(at.to_be_bytes().get(8 - width..).expect("in range"));
            file.push(1);
            for offset in [0_i32, 3600] {
                file.extend(offset.to_be_bytes());
                file.extend([0, 0]);
            }
            file.extend(b"UTC\0CET\0");
        }
        file
    }

    #[test]
    fn offsets_apply_from_one_change_to_the_next() {
        let zone = Zone::parse(&file()).expect("a zone");
        assert_eq!(zone.offset(999), 0);
        assert_eq!(zone.offset(1000), 3600);
        assert_eq!(zone.offset(i64::MAX), 3600);
    }

    #[test]
    fn invalid_zones_are_none() {
        let file = file();
        // The names of the types, at the very end, are not read.
        for len in 0..file.len() - 8 {
            assert_eq!(Zone::parse(file.get(..len).expect("in range")), None, "{len} bytes");
        }
        assert_eq!(Zone::parse(b"nonsense"), None);
        assert_eq!(Zone::default().offset(0), 0);
    }
}
