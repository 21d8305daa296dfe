//! Names of flags, enumerations and modes: the rows of a table that a value represents, in printing order.

use crate::schema::FlagTable;

/// Returns the names in a set of bits, in table order. A row that matches takes its bits out of the set, so that
/// `O_RDWR` hides `O_RDONLY` and `O_WRONLY`; a row of value 0 matches only the empty set.
pub fn flag_names(table: &FlagTable, bits: u32) -> impl Iterator<Item = &'static str> + use<> {
    let mut rest = bits;
    let mut done = false;
    table.entries.iter().filter_map(move |&(name, value)| {
        if done || !stands_for(value, bits, rest) {
            return None;
        }
        rest &= !value;
        done = value == bits;
        Some(name)
    })
}

/// Returns the names of exactly this value; several if the table has synonyms, such as `AF_LOCAL` and `AF_UNIX`.
pub fn value_names(table: &FlagTable, value: u32) -> impl Iterator<Item = &'static str> + use<> {
    table.entries.iter().filter(move |row| row.1 == value).map(|row| row.0)
}

/// Returns the names in permission bits. Rows are taken as for flags until one has the whole value: it comes last.
pub fn mode_names(table: &FlagTable, bits: u32) -> impl Iterator<Item = &'static str> + use<> {
    let whole = table.entries.iter().position(|row| row.1 == bits);
    let mut rest = bits;
    table.entries.iter().enumerate().take(whole.map_or(usize::MAX, |at| at + 1)).filter_map(
        move |(at, &(name, value))| {
            if Some(at) != whole && !stands_for(value, bits, rest) {
                return None;
            }
            rest &= !value;
            Some(name)
        },
    )
}

fn stands_for(value: u32, bits: u32, rest: u32) -> bool {
    if value == 0 { bits == 0 } else { rest & value == value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::flags;

    fn flags_of(table: &FlagTable, bits: u32) -> String {
        flag_names(table, bits).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_row_takes_its_bits() {
        assert_eq!(flags_of(&flags::FILE_FLAGS, 3), "O_RDWR");
        assert_eq!(flags_of(&flags::FILE_FLAGS, 0x106), "O_TRUNC|O_CREAT|O_WRONLY");
        assert_eq!(flags_of(&flags::FILE_FLAGS, 0x1001), "O_RDONLY|O_CLOEXEC");
        assert_eq!(flags_of(&flags::FILE_FLAGS, 0), "O_NONE");
        assert_eq!(flags_of(&flags::UNLINKAT_FLAGS, 0), "");
        assert_eq!(flags_of(&flags::UNLINKAT_FLAGS, 0x8000_0000), "");
    }

    #[test]
    fn an_enumeration_may_have_synonyms() {
        assert_eq!(value_names(&flags::SOCKET_FAMILIES, 1).collect::<Vec<_>>(), ["AF_LOCAL", "AF_UNIX"]);
        assert_eq!(value_names(&flags::SOCKET_FAMILIES, 99).count(), 0);
    }

    #[test]
    fn a_mode_ends_at_the_row_of_the_whole_value() {
        let names = |bits| mode_names(&flags::MKNOD_MODE, bits).collect::<Vec<_>>().join("|");
        assert_eq!(names(0o10600), "S_IWUSR|S_IRUSR|S_IFIFO");
        assert_eq!(names(0o100000), "S_IFREG");
        assert_eq!(names(0o60644), "S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR|S_IFCHR");
        assert_eq!(names(0), "");
    }
}
