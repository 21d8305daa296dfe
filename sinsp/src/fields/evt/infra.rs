//! Events of docker in captures of old: a text of `name: value` parts, joined by semicolons.

use scap::schema::{EventCode, param};

use crate::Event;

const SHORT_ID: usize = 12;

/// The value of the first part whose name begins as given.
pub(super) fn part<'e>(e: &'e Event<'e>, name: &[u8]) -> Option<&'e [u8]> {
    if e.code() != EventCode::INFRASTRUCTURE_EVENT_E {
        return None;
    }
    let text = e.raw().param(param::infrastructure_event_e::description)?.text()?;
    let part = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).find(|part| part.starts_with(name))?;
    part.split(|byte| *byte == b':').nth(1).map(<[u8]>::trim_ascii)
}

/// The container's id, cut short.
pub(super) fn id<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    part(e, b"ID").map(|id| id.get(..SHORT_ID).unwrap_or(id))
}

/// The container's image, without the digest.
pub(super) fn image<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let image = part(e, b"Image")?;
    Some(image.split(|byte| *byte == b'@').next().unwrap_or(image).trim_ascii())
}
