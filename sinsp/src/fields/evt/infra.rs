//! Events of docker in old captures: a text of `name: value` parts, separated by semicolons.

use scap::schema::{EventCode, param};

use crate::Event;

const SHORT_ID: usize = 12;

/// Returns the value of the first part whose name begins as given.
pub(super) fn part<'e>(e: &'e Event<'e>, name: &[u8]) -> Option<&'e [u8]> {
    if e.code() != EventCode::INFRASTRUCTURE_EVENT_E {
        return None;
    }
    let text = e.raw().param(param::infrastructure_event_e::description)?.text()?;
    let part = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).find(|part| part.starts_with(name))?;
    part.split(|byte| *byte == b':').nth(1).map(<[u8]>::trim_ascii)
}

/// Returns the short id of the container.
pub(super) fn id<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    part(e, b"ID").map(|id| id.get(..SHORT_ID).unwrap_or(id))
}

/// Returns the image of the container, without the digest.
pub(super) fn image<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    let image = part(e, b"Image")?;
    Some(image.split(|byte| *byte == b'@').next().unwrap_or(image).trim_ascii())
}
