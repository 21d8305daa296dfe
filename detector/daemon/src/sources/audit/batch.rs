//! Splits the body of a webhook request into events: an `EventList`, one `Event`, or an array of either.
//!
//! The parts are borrowed from the text and processed one after the other, so that no body, however it is built,
//! requires much more memory than its own bytes.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Maximum nesting depth of arrays.
const DEEPEST: usize = 8;

/// Reason why a body is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    #[error("invalid JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("not an Event or EventList of audit.k8s.io, nor an array of them")]
    Other,
}

/// The members of an object that determine its type.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

/// Calls `each` with the JSON of every event, in order, and with an error for an element of an array that is something
/// else.
///
/// # Errors
///
/// If the text is invalid JSON, or neither an event nor a list of them. The events before the error have been passed to
/// `each` by then.
pub(super) fn events<'a>(json: &'a [u8], each: &mut impl FnMut(Result<&'a str, BatchError>)) -> Result<(), BatchError> {
    let text = std::str::from_utf8(json).map_err(|_| BatchError::Other)?;
    walk(text, each, 0)
}

/// Checks that the text is a batch. Returns its number of events.
///
/// # Errors
///
/// As [`events`], and if there are elements of which none is an event.
pub(super) fn check(json: &[u8]) -> Result<usize, BatchError> {
    let (mut count, mut first) = (0, None);
    events(json, &mut |event| match event {
        Ok(_) => count += 1,
        Err(error) => drop(first.get_or_insert(error)),
    })?;
    match first {
        Some(error) if count == 0 => Err(error),
        _ => Ok(count),
    }
}

/// Replaces bytes that are not UTF-8, which JSON does not allow: they concern one event of a batch.
pub(super) fn text(json: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(json) {
        Ok(text) => text.into_bytes(),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into_bytes(),
    }
}

fn walk<'a>(text: &'a str, each: &mut impl FnMut(Result<&'a str, BatchError>), depth: usize) -> Result<(), BatchError> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') if depth < DEEPEST => elements(text, &mut |element| {
            if let Err(error) = walk(element, each, depth + 1) {
                each(Err(error));
            }
        }),
        Some(b'{') => {
            let head: Head<'a> = serde_json::from_str(text)?;
            match (head.kind.as_deref(), head.items) {
                (Some("Event"), _) => each(Ok(text)),
                (Some("EventList"), Some(items)) if items.get().starts_with('[') => {
                    elements(items.get(), &mut |item| each(Ok(item)))?;
                }
                _ => return Err(BatchError::Other),
            }
            Ok(())
        }
        // Invalid JSON is reported as such.
        _ => Err(serde_json::from_str::<serde::de::IgnoredAny>(text).err().map_or(BatchError::Other, Into::into)),
    }
}

/// Calls `each` with every element of an array.
fn elements<'a>(array: &'a str, each: &mut impl FnMut(&'a str)) -> Result<(), BatchError> {
    struct Elements<'f, F>(&'f mut F);

    impl<'a, F: FnMut(&'a str)> Visitor<'a> for Elements<'_, F> {
        type Value = ();

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element::<&RawValue>()? {
                (self.0)(element.get());
            }
            Ok(())
        }
    }

    impl<'a, F: FnMut(&'a str)> DeserializeSeed<'a> for Elements<'_, F> {
        type Value = ();

        fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }

    let mut json = serde_json::Deserializer::from_str(array);
    Elements(each).deserialize(&mut json)?;
    Ok(json.end()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<Vec<&str>, String> {
        let mut parts = Vec::new();
        check(json.as_bytes()).map_err(|error| error.to_string())?;
        events(json.as_bytes(), &mut |part| parts.extend(part.ok())).map_err(|error| error.to_string())?;
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
    fn one_bad_event_does_not_concern_the_others() {
        let one = r#"{"kind":"Event","auditID":"1"}"#;
        for bad in ["7", "{}", r#"{"kind":7}"#, r#"{"kind":"Pod"}"#, "[8]", &("[".repeat(100) + &"]".repeat(100))] {
            let batch = format!("[{one},{bad},{one}]");
            assert_eq!(parts(&batch).unwrap(), [one, one], "{bad}");
            let mut refused = 0;
            events(batch.as_bytes(), &mut |event| refused += usize::from(event.is_err())).unwrap();
            assert_eq!(refused, 1, "{bad}");
        }
        // A string that is not UTF-8.
        let bytes = [b"[", one.as_bytes(), b",{\"kind\":\"Event\",\"auditID\":\"\xff\"}]"].concat();
        assert_eq!(check(&text(bytes)).unwrap(), 2);
    }

    #[test]
    fn anything_else_is_an_error() {
        for (json, part) in [
            ("", "invalid JSON"),
            ("{", "invalid JSON"),
            ("nonsense", "invalid JSON"),
            (r#"{"kind":"Event"} x"#, "invalid JSON"),
            (r#"{"kind":"EventList","items":[{"kind":"Event"}"#, "invalid JSON"),
            (r#"[{"kind":"Event"},"#, "invalid JSON"),
            ("7", "not an Event"),
            ("\"text\"", "not an Event"),
            ("{}", "not an Event"),
            (r#"{"kind":"Pod"}"#, "not an Event"),
            (r#"{"kind":7}"#, "invalid JSON"),
            (r#"{"kind":"EventList"}"#, "not an Event"),
            (r#"{"kind":"EventList","items":{}}"#, "not an Event"),
            ("[1]", "not an Event"),
            (&("[".repeat(100) + &"]".repeat(100)), "not an Event"),
            (&"[".repeat(100_000), "invalid JSON"),
        ] {
            let error = parts(json).expect_err(json);
            assert!(error.contains(part), "{json}: {error}");
        }
        assert!(check(b"[\"\xff\"]").is_err());
    }
}
