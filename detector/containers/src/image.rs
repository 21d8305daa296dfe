//! Parts of an image's name.

/// Returns the repository and the tag of a name such as `registry.example:5000/team/app:1.2@sha256:…`.
pub(super) fn repository_and_tag(name: &str) -> (&str, &str) {
    let name = name.split('@').next().unwrap_or(name);
    // A colon before the last slash is that of a port.
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], &name[last + colon + 1..]),
        None => (name, ""),
    }
}

/// Returns the nanoseconds since 1970 of a time such as `2026-03-11T09:00:00.123456789Z`; 0 if it is invalid.
pub(super) fn time(text: &str) -> u64 {
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts() {
        for (name, repository, tag) in [
            ("nginx", "nginx", ""),
            ("nginx:1.27", "nginx", "1.27"),
            ("docker.io/library/nginx:1.27", "docker.io/library/nginx", "1.27"),
            ("registry.example:5000/a/b", "registry.example:5000/a/b", ""),
            ("registry.example:5000/a/b:2@sha256:00", "registry.example:5000/a/b", "2"),
            ("a/b@sha256:00", "a/b", ""),
            ("", "", ""),
        ] {
            assert_eq!(repository_and_tag(name), (repository, tag), "{name}");
        }
        assert_eq!(time("1970-01-01T00:00:01.000000002Z"), 1_000_000_002);
        assert_eq!(time("yesterday"), 0);
    }
}
