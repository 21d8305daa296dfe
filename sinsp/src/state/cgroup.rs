//! Cgroup paths as captures contain them: `subsystem=path`.

/// Splits one entry and converts its subsystem to the current name. Returns `None` at the end of the list: an entry
/// without `=` is where an old capture was cut.
pub(crate) fn entry(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', text)?;
    let (subsystem, path) = (&text[..at], &text[at + 1..]);
    Some((name(subsystem), path))
}

fn name(subsystem: &[u8]) -> &[u8] {
    let bare = subsystem.strip_suffix(b"_cgroup").unwrap_or(subsystem);
    match bare {
        b"perf" => b"perf_event",
        b"mem" => b"memory",
        // The kernel calls it `io` since version 2 of cgroups.
        b"io" => b"blkio",
        _ => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsystems_have_one_name() {
        assert_eq!(entry(b"cpu_cgroup=/a=b"), Some((&b"cpu"[..], &b"/a=b"[..])));
        assert_eq!(entry(b"mem_cgroup=/"), Some((&b"memory"[..], &b"/"[..])));
        assert_eq!(entry(b"io=/x"), Some((&b"blkio"[..], &b"/x"[..])));
        assert_eq!(entry(b"perf=/"), Some((&b"perf_event"[..], &b"/"[..])));
        assert_eq!(entry(b"nothing"), None);
    }
}
