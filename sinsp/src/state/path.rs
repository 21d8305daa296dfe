//! Joins and cleans paths as text, without access to a file system.

/// The maximum length of a path, including its NUL.
const MAX: usize = 1024;

/// The result for a path that would be longer.
const TOO_LONG: &[u8] = b"/DIR_TOO_LONG/FILENAME_TOO_LONG";

/// Joins `path` to the directory `base` and cleans it: no `.`, no `..`, no double or last slash. An absolute path
/// replaces `base`. `base` is taken unchanged, and should end in a slash. The result replaces the content of `out`.
#[inline]
pub fn join(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    join_parts(base, b"", path, out);
}

/// Joins a path like [`join`], to a directory that need not end in a slash.
#[inline]
pub fn join_in(dir: &[u8], path: &[u8], out: &mut Vec<u8>) {
    let slash: &[u8] = if dir.is_empty() || dir.ends_with(b"/") { b"" } else { b"/" };
    join_parts(dir, slash, path, out);
}

fn join_parts(base: &[u8], slash: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if base.len() + slash.len() + path.len() + 1 > MAX {
        out.extend_from_slice(TOO_LONG);
        return;
    }
    let relative = path.first().is_some_and(|first| *first != b'/');
    if relative {
        out.extend_from_slice(base);
        out.extend_from_slice(slash);
    }
    if is_clean(path) {
        out.extend_from_slice(path);
        return;
    }
    clean(path, !relative || base.is_empty(), out);
}

/// Joins a path like [`join`], and ends the result with a slash.
pub fn join_dir(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    join(base, path, out);
    if out.last() != Some(&b'/') {
        out.push(b'/');
    }
}

/// Returns the path of an executable without the kernel's mark that it was deleted.
pub fn without_deleted(path: &[u8]) -> &[u8] {
    match path.strip_suffix(b" (deleted)") {
        Some(bare) if !bare.is_empty() => bare,
        _ => path,
    }
}

/// Returns whether joining would return the path as it is, to whatever directory.
#[inline]
pub(crate) fn is_absolute_and_clean(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.len() < MAX && is_clean(path)
}

/// Returns whether cleaning would change nothing: true for nearly all paths that programs use.
fn is_clean(path: &[u8]) -> bool {
    match path {
        [b'.', ..] => false,
        [] | [b'/'] => true,
        [.., last] => *last != b'/' && !any_pair(path, |a, b| (a == b'/') & ((b == b'/') | (b == b'.'))),
    }
}

/// Returns whether there are two consecutive slashes.
pub(crate) fn has_double_slash(path: &[u8]) -> bool {
    any_pair(path, |a, b| (a == b'/') & (b == b'/'))
}

/// Returns whether `odd` is true of any byte and the one after it.
#[inline]
fn any_pair(path: &[u8], odd: impl Fn(u8, u8) -> bool) -> bool {
    /// The number of bytes that are compared at once.
    const LANES: usize = 16;
    let next = path.get(1..).unwrap_or_default();
    let (Some(last), Some(last_next)) = (path.len().checked_sub(1 + LANES), next.last_chunk::<LANES>()) else {
        return path.iter().zip(next).any(|(byte, next)| odd(*byte, *next));
    };
    let many = |path: &[u8; LANES], next: &[u8; LANES]| {
        let mut found = false;
        for lane in 0..LANES {
            found |= odd(path[lane], next[lane]);
        }
        found
    };
    let (heads, tails) = (path.as_chunks::<LANES>().0, next.as_chunks::<LANES>().0);
    // The rest is compared together with some bytes before it.
    heads.iter().zip(tails).any(|(path, next)| many(path, next))
        || path[last..].first_chunk().is_some_and(|path| many(path, last_next))
}

/// Appends `path`, component by component. `bare` means that there is no base that `..` may remove.
fn clean(path: &[u8], bare: bool, out: &mut Vec<u8>) {
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let at_start = out.is_empty() || out.last() == Some(&b'/');
        match first {
            b'.' if at_start => match after {
                [b'.', b'/', after @ ..] | [b'.', after @ ..] if matches!(rest, [_, _] | [_, _, b'/', ..]) => {
                    pop(out);
                    rest = after;
                    continue;
                }
                [b'/', after @ ..] => {
                    rest = after;
                    continue;
                }
                [] => break,
                _ => out.push(b'.'),
            },
            b'/' => {
                let doubled = out.last() == Some(&b'/');
                let eaten = out.is_empty() && !bare;
                if !doubled && !eaten {
                    out.push(b'/');
                }
            }
            byte => out.push(*byte),
        }
        rest = after;
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
}

/// Removes the last directory; the root stays.
fn pop(out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.pop();
        while out.last().is_some_and(|last| *last != b'/') {
            out.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, path: &str) -> String {
        let mut out = Vec::new();
        join(base.as_bytes(), path.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn joins_and_cleans() {
        for (base, path, expected) in [
            ("/", "a", "/a"),
            ("/home/", "../etc/passwd", "/etc/passwd"),
            ("/home/", "../../../etc", "/etc"),
            ("/home/", "./a/./b/.", "/home/a/b"),
            ("/home/", "a//b///c/", "/home/a/b/c"),
            ("/home/", "/abs/./x", "/abs/x"),
            ("/home/", "", ""),
            ("/home/", ".", "/home"),
            ("/home/", "..", "/"),
            ("/home/", ".hidden/..x/...", "/home/.hidden/..x/..."),
            ("/", "/", "/"),
            ("", "//a", "/a"),
            ("", "/..", "/"),
            ("", "a/../b", "b"),
            ("", "/a/..", "/"),
        ] {
            assert_eq!(joined(base, path), expected, "{base:?} + {path:?}");
        }
    }

    #[test]
    fn odd_parts_are_found_wherever_they_are() {
        for len in 2..70 {
            let plain = format!("/{}", "abcdefg/hi".repeat(7));
            let plain = plain[..len].trim_end_matches('/');
            assert!(is_clean(plain.as_bytes()), "{plain}");
            for at in 0..plain.len() {
                for odd in ["//", "/."] {
                    let path = format!("{}{odd}{}", &plain[..at], &plain[at..]);
                    assert!(!is_clean(path.as_bytes()), "{path}");
                }
            }
        }
        assert!(is_clean(b"/a.b/c.") && is_clean(b"") && is_clean(b"/") && is_clean(b"a"));
        assert!(!is_clean(b"a/") && !is_clean(b".") && !is_clean(b"/a/"));
    }

    #[test]
    fn long_paths_have_a_mark() {
        assert_eq!(joined("/", &"a".repeat(1023)), "/DIR_TOO_LONG/FILENAME_TOO_LONG");
        assert_eq!(joined("/", &"a".repeat(1022)).len(), 1023);
    }

    #[test]
    fn deleted_mark_is_removed() {
        assert_eq!(without_deleted(b"/a (deleted)"), b"/a");
        assert_eq!(without_deleted(b" (deleted)"), b" (deleted)");
    }
}
