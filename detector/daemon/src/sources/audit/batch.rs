//! What a webhook posts, taken apart into events: an `EventList`, one `Event`, or an array of either.
//!
//! The parts are borrowed from the text and looked at one after the other, so that no body, however it is made, takes
//! much more memory than its own bytes.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Arrays may hold arrays, but not without end.
const DEEPEST: usize = 8;

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    #[error("no JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("neither an Event nor an EventList of audit.k8s.io, nor an array of them")]
    Other,
}

/// What is looked at of an object to know what it is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

/// Calls `each` with the JSON of every event, in order.
///
/// # Errors
/// When the text is no JSON, or is about something else. Events before the fault have been told by then.
pub(super) fn events<'a>(json: &'a [u8], each: &mut impl FnMut(&'a str)) -> Result<(), BatchError> {
    let text = std::str::from_utf8(json).map_err(|_| BatchError::Other)?;
    walk(text, each, 0)
}

/// Whether the text is a batch.
///
/// # Errors
/// As [`events`].
pub(super) fn check(json: &[u8]) -> Result<usize, BatchError> {
    let mut count = 0;
    events(json, &mut |_| count += 1)?;
    Ok(count)
}

fn walk<'a>(text: &'a str, each: &mut impl FnMut(&'a str), depth: usize) -> Result<(), BatchError> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') if depth < DEEPEST => elements(text, &mut |element| walk(element, each, depth + 1)),
        Some(b'{') => {
            let head: Head<'a> = serde_json::from_str(text)?;
            match (head.kind.as_deref(), head.items) {
                (Some("Event"), _) => each(text),
                (Some("EventList"), Some(items)) if items.get().starts_with('[') => {
                    elements(items.get(), &mut |item| {
                        each(item);
                        Ok(())
                    })?;
                }
                _ => return Err(BatchError::Other),
            }
            Ok(())
        }
        // What is no JSON at all is said to be that.
        _ => Err(serde_json::from_str::<serde::de::IgnoredAny>(text).err().map_or(BatchError::Other, Into::into)),
    }
}

/// Calls `each` with every element of an array.
fn elements<'a>(array: &'a str, each: &mut impl FnMut(&'a str) -> Result<(), BatchError>) -> Result<(), BatchError> {
    struct Elements<'f, F>(&'f mut F, &'f mut Option<BatchError>);

    impl<'a, F: FnMut(&'a str) -> Result<(), BatchError>> Visitor<'a> for Elements<'_, F> {
        type Value = ();

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element::<&RawValue>()? {
                if self.1.is_none()
                    && let Err(error) = (self.0)(element.get())
                {
                    *self.1 = Some(error);
                }
            }
            Ok(())
        }
    }

    impl<'a, F: FnMut(&'a str) -> Result<(), BatchError>> DeserializeSeed<'a> for Elements<'_, F> {
        type Value = ();

        fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }

    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(array);
    Elements(each, &mut fault).deserialize(&mut json)?;
    json.end()?;
    fault.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<Vec<&str>, String> {
        let mut parts = Vec::new();
        events(json.as_bytes(), &mut |part| parts.push(part)).map_err(|error| error.to_string())?;
        Ok(parts)
    }

    #[test]
    fn lists_single_events_and_arrays() {
        let one = r#"{"kind":"Event","auditID":"1"}"#;
        let two = r#"{"auditID":"2","kind":"Event"}"#;
        assert_eq!(parts(one).unwrap(), [one]);
        assert_eq!(parts(&format!(" {one}\n")).unwrap().len(), 1);
        let list = format!(r#"{{"items":[{one},{two}],"apiVersion":"audit.k8s.io/v1","kind":"EventList"}}"#);
        assert_eq!(parts(&list).unwrap(), [one, two]);
        assert_eq!(parts(&format!("[{one},{list},[{two}]]")).unwrap(), [one, one, two, two]);
        assert_eq!(parts(r#"{"kind":"EventList","items":[]}"#).unwrap(), [""; 0]);
        assert_eq!(parts("[]").unwrap(), [""; 0]);
        // The kind may be written with escapes.
        assert_eq!(parts(r#"{"kind":"E\u0076ent"}"#).unwrap().len(), 1);
    }

    #[test]
    fn anything_else_is_refused() {
        for (json, part) in [
            ("", "no JSON"),
            ("{", "no JSON"),
            ("nonsense", "no JSON"),
            (r#"{"kind":"Event"} x"#, "no JSON"),
            (r#"{"kind":"EventList","items":[{"kind":"Event"}"#, "no JSON"),
            (r#"[{"kind":"Event"},"#, "no JSON"),
            ("7", "neither"),
            ("\"text\"", "neither"),
            ("{}", "neither"),
            (r#"{"kind":"Pod"}"#, "neither"),
            (r#"{"kind":7}"#, "no JSON"),
            (r#"{"kind":"EventList"}"#, "neither"),
            (r#"{"kind":"EventList","items":{}}"#, "neither"),
            ("[1]", "neither"),
            (&("[".repeat(100) + &"]".repeat(100)), "neither"),
            (&"[".repeat(100_000), "no JSON"),
        ] {
            let error = parts(json).expect_err(json);
            assert!(error.contains(part), "{json}: {error}");
        }
        assert!(check(b"[\"\xff\"]").is_err());
    }
}
