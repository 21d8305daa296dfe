//! Events about the host: users and groups that are added and removed, and containers that are described.

use scap::schema::param::{asyncevent_e, container_json_2_e, group_added_e, user_added_e};
use scap::{Event, EventCode};

use super::ctx::text;
use crate::state::{State, Text, User, UserGroup, container_json};

/// Applies such an event.
pub(super) fn apply(state: &mut State, event: &Event<'_>) {
    let number = |index| event.raw(index)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let container = |index| event.raw(index).filter(|raw| !raw.is_empty()).map_or(&b""[..], |_| text(event.raw(index)));
    let kept = |index| Text::new(text(event.raw(index)));
    match event.code() {
        EventCode::USER_ADDED_E => {
            let (Some(uid), Some(gid)) = (number(user_added_e::uid), number(user_added_e::gid)) else { return };
            if uid != u32::MAX {
                let (name, home, shell) =
                    (kept(user_added_e::name), kept(user_added_e::home), kept(user_added_e::shell));
                state.put_user(container(user_added_e::container_id), 0, User { uid, gid, name, home, shell });
            }
        }
        EventCode::USER_DELETED_E => {
            if let Some(uid) = number(user_added_e::uid) {
                state.remove_user(container(user_added_e::container_id), uid);
            }
        }
        EventCode::GROUP_ADDED_E => {
            if let Some(gid) = number(group_added_e::gid).filter(|gid| *gid != u32::MAX) {
                let group = UserGroup { gid, name: kept(group_added_e::name) };
                state.put_group(container(group_added_e::container_id), 0, group);
            }
        }
        EventCode::GROUP_DELETED_E => {
            if let Some(gid) = number(group_added_e::gid) {
                state.remove_group(container(group_added_e::container_id), gid);
            }
        }
        EventCode::CONTAINER_JSON_2_E => describe(state, event.raw(container_json_2_e::json)),
        // An event of Falco's container plugin; those of other plugins have other names.
        EventCode::ASYNCEVENT_E if text(event.raw(asyncevent_e::name)) == b"container" => {
            describe(state, event.raw(asyncevent_e::data));
        }
        _ => {}
    }
}

/// Adds the description of a container.
fn describe(state: &mut State, json: Option<&[u8]>) {
    if let Some(info) = json.and_then(container_json::read) {
        state.insert_container(info);
    }
}
