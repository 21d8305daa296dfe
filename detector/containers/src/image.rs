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

/// Returns whether a name is that of no image but an id of it, whole or its first digits.
pub(super) fn is_id(name: &str, id: &str) -> bool {
    let digits = name.trim_start_matches("sha256:");
    name.is_empty() || name.starts_with("sha256:") || (digits.len() >= 4 && id.starts_with(digits))
}

/// The names of one image: `repository:tag`, and `repository@digest`.
pub(super) struct Names<'a> {
    pub(super) tags: &'a [String],
    pub(super) digests: &'a [String],
}

/// The parts of one name of an image. Those that are not known are empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
}

impl Names<'_> {
    /// Returns the first name.
    pub(super) fn first(&self) -> Name {
        let tagged = self.tags.iter().map(|name| repository_and_tag(name));
        let tagged = tagged.into_iter().find(|(repository, _)| is_named(repository));
        match (tagged, self.digests.iter().find_map(|name| name.split_once('@'))) {
            (Some((repository, tag)), _) => {
                Name { repository: repository.to_owned(), tag: tag.to_owned(), digest: self.digest(repository) }
            }
            (None, Some((repository, digest))) if is_named(repository) => {
                Name { repository: repository.to_owned(), tag: String::new(), digest: digest.to_owned() }
            }
            _ => Name::default(),
        }
    }

    /// Returns the parts of the name that was used. A tag that it does not have is `latest` if the image has that one,
    /// else the only tag of the image in this repository.
    pub(super) fn of(&self, name: &str) -> Name {
        let (repository, tag) = repository_and_tag(name);
        let digest = match name.split_once('@') {
            Some((_, digest)) => digest.to_owned(),
            None => self.digest(repository),
        };
        let tag = match tag {
            "" => {
                let same = |(other, _): &(&str, &str)| familiar(other) == familiar(repository);
                let tags: Vec<_> =
                    self.tags.iter().map(|name| repository_and_tag(name)).filter(same).map(|(_, tag)| tag).collect();
                match tags.as_slice() {
                    [only] => only,
                    tags => tags.iter().copied().find(|tag| *tag == "latest").unwrap_or_default(),
                }
            }
            tag => tag,
        };
        Name { repository: repository.to_owned(), tag: tag.to_owned(), digest }
    }

    fn digest(&self, repository: &str) -> String {
        let pairs = self.digests.iter().filter_map(|name| name.split_once('@'));
        let mut found = pairs.filter(|(other, _)| familiar(other) == familiar(repository)).map(|(_, digest)| digest);
        found.next().unwrap_or_default().to_owned()
    }
}

/// Returns whether a repository has a name: docker lists an image without one as `<none>`.
fn is_named(repository: &str) -> bool {
    !repository.is_empty() && repository != "<none>"
}

/// Returns a repository as docker shows it: without the registry and the folder that it adds.
fn familiar(repository: &str) -> &str {
    let rest = repository.strip_prefix("docker.io/").unwrap_or(repository);
    rest.strip_prefix("library/").unwrap_or(rest)
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

    #[test]
    fn the_name_that_was_used_is_meant() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let tags = texts(&["a/web:2", "a/web:latest", "b/web:1", "nginx:1.27"]);
        let digests = texts(&["a/web@sha256:aa", "b/web@sha256:bb"]);
        let names = Names { tags: &tags, digests: &digests };
        for (used, repository, tag, digest) in [
            ("b/web:1", "b/web", "1", "sha256:bb"),
            ("a/web:2", "a/web", "2", "sha256:aa"),
            ("a/web", "a/web", "latest", "sha256:aa"),
            ("b/web", "b/web", "1", "sha256:bb"),
            ("docker.io/library/nginx", "docker.io/library/nginx", "1.27", ""),
            ("a/web@sha256:aa", "a/web", "latest", "sha256:aa"),
            ("c/removed:7", "c/removed", "7", ""),
        ] {
            let name = Name { repository: repository.into(), tag: tag.into(), digest: digest.into() };
            assert_eq!(names.of(used), name, "{used}");
        }
        let first = Name { repository: "a/web".into(), tag: "2".into(), digest: "sha256:aa".into() };
        assert_eq!(names.first(), first);
        let none = texts(&["<none>:<none>"]);
        assert_eq!(Names { tags: &none, digests: &[] }.first(), Name::default());
        assert!(is_id("sha256:11aa", "11aa") && is_id("11aa22", "11aa22bb") && !is_id("11", "11aa"));
        assert!(!is_id("nginx", "11aa"));
    }
}
