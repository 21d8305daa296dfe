//! Redirects of requests with a body.
//!
//! Clients commonly turn a POST into a GET without a body when a server answers with 301, 302 or 303; the 200 that
//! follows says nothing about the alerts. Here a redirect keeps method and body, or is an error. It is followed only to
//! the same host, and not from https to http, since the request has alerts and passwords in it.

use ureq::http::Uri;

/// Maximum number of redirects of one request.
pub(super) const MOST: usize = 5;

/// Returns the URL to which the same request is to be sent.
///
/// # Errors
///
/// Reason why the redirect is not followed.
pub(super) fn target(from: &str, status: u16, location: Option<&str>) -> Result<String, String> {
    let place = location.map_or_else(|| " without a location".to_owned(), |to| format!(" to {to}"));
    let refused =
        |why: &str| format!("{from} returned status {status}, a redirect{place}, which is not followed: {why}");
    if !matches!(status, 301 | 302 | 307 | 308) {
        return Err(refused("this status does not keep the request's body"));
    }
    let location = location.ok_or_else(|| refused("the target is missing"))?;
    let from: Uri = from.parse().map_err(|_| refused("the first URL is invalid"))?;
    let to: Uri = joined(&from, location).parse().map_err(|_| refused("this is not a valid URL"))?;
    let (scheme, host) = (to.scheme_str().unwrap_or_default(), to.host().unwrap_or_default());
    if !from.host().is_some_and(|known| known.eq_ignore_ascii_case(host)) {
        return Err(refused("it is another host; if that is right, set it as the URL"));
    }
    match (from.scheme_str().unwrap_or_default(), scheme) {
        ("http", "https") => Ok(to.to_string()),
        (old, new) if old == new && port(&from) == port(&to) => Ok(to.to_string()),
        ("https", "http") => Err(refused("it would be sent without encryption")),
        _ => Err(refused("it is another server of this host; if that is right, set it as the URL")),
    }
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// Returns the URL of a reference, as RFC 3986 says in 5.2, without the removal of dots.
fn joined(from: &Uri, location: &str) -> String {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or("http");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let before_path = location.split(['/', '?']).next().unwrap_or_default();
    if before_path.contains(':') {
        return location.to_owned();
    }
    let path = from.path();
    match location.as_bytes() {
        [b'/', b'/', ..] => format!("{scheme}:{location}"),
        [b'/', ..] => format!("{scheme}://{authority}{location}"),
        [] | [b'?', ..] => format!("{scheme}://{authority}{path}{location}"),
        _ => format!("{scheme}://{authority}{}{location}", &path[..=path.rfind('/').unwrap_or(0)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_is_followed() {
        for (from, location, to) in [
            ("http://a/x", "/y", "http://a/y"),
            ("http://a/x", "http://A:80/y?z", "http://A:80/y?z"),
            ("http://a/x/y", "z", "http://a/x/z"),
            ("http://a/x/y", "?z", "http://a/x/y?z"),
            ("http://a/x", "//a/y", "http://a/y"),
            ("http://a:8080/x", "https://a/x", "https://a/x"),
            ("https://[::1]:9200/_bulk", "/es/_bulk#here", "https://[::1]:9200/es/_bulk"),
        ] {
            for status in [301, 302, 307, 308] {
                assert_eq!(target(from, status, Some(location)).as_deref(), Ok(to), "{from} {location}");
            }
        }
    }

    #[test]
    fn anything_else_is_an_error_with_status_and_location() {
        for (from, status, location, part) in [
            ("http://a/x", 302, "http://b/x", "to http://b/x, which is not followed: it is another host"),
            ("http://a/x", 301, "//b/x", "another host"),
            ("https://a/x", 308, "http://a/x", "without encryption"),
            ("http://a/x", 307, "http://a:81/x", "another server of this host"),
            ("http://a/x", 302, "ftp://a/x", "another server of this host"),
            ("http://a/x", 302, "http://", "not a valid URL"),
            ("http://a/x", 303, "/y", "status 303, a redirect to /y, which is not followed: this status"),
            ("http://a/x", 304, "/y", "does not keep the request's body"),
        ] {
            let error = target(from, status, Some(location)).unwrap_err();
            assert!(error.contains(part), "{location}: {error}");
        }
        assert!(target("http://a/x", 302, None).unwrap_err().contains("a redirect without a location, which"));
    }
}
