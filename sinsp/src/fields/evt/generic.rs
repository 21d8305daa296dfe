//! `evt.*` of events of every source: number, time, source.

use bumpalo::Bump;
use scap::render::Civil;
use scap::schema::{Category, EventCode, param};

use super::zone;
use crate::Event;
use crate::fields::macros::fields;
use crate::fields::value::{Text, Value, push_display};

pub(super) const SECOND: u64 = 1_000_000_000;

fields! {
    /// Fields of events of every source.
    pub(crate) EVT = "evt" "All event types" {
        "evt.num" UInt64 id, Event, |e, _, _| Some(e.num().into()),
            "the number of the event in the stream, from 1; hidden events are counted too." on exec = "2";
        "evt.time" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, false, true)),
            json |e, _, _| Some(e.ts().into()),
            "the local time with nanoseconds." on exec = "22:13:21.000000000";
        "evt.time.s" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, false, false)),
            json |e, _, _| Some(e.ts().into()),
            "the local time." on exec = "22:13:21";
        "evt.time.iso8601" CharBuf na, Event, |e, _, arena| Some(iso8601(e.ts(), arena)),
            json |e, _, _| Some(e.ts().into()),
            "the date and time in UTC in the format of ISO 8601, with nanoseconds."
            on exec = "2023-11-14T22:13:21.000000000+0000";
        "evt.datetime" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, true, true)),
            json |e, _, _| Some(e.ts().into()),
            "the local date and time with nanoseconds." on exec = "2023-11-14 22:13:21.000000000";
        "evt.datetime.s" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, true, false)),
            json |e, _, _| Some(e.ts().into()),
            "the local date and time." on exec = "2023-11-14 22:13:21";
        "evt.rawtime" AbsTime dec, Event, |e, _, _| Some(e.ts().into()),
            "the time in nanoseconds since 1970." on exec = "1700000001000000000";
        "evt.rawtime.s" AbsTime dec, Event, |e, _, _| Some((e.ts() / SECOND).into()),
            "the time in whole seconds since 1970." on exec = "1700000001";
        "evt.rawtime.ns" AbsTime padded, Event, |e, _, _| Some((e.ts() % SECOND).into()),
            "the fraction of `evt.rawtime.s` in nanoseconds." on exec = "000000000";
        "evt.reltime" RelTime padded, Event, |e, _, _| Some(since_start(e).into()),
            "nanoseconds since the first event." on exec = "001000000";
        "evt.reltime.s" RelTime dec, Event, |e, _, _| Some((since_start(e) / SECOND).into()),
            "whole seconds since the first event." on open = "1";
        "evt.reltime.ns" RelTime padded, Event, |e, _, _| Some((since_start(e) % SECOND).into()),
            "the fraction of `evt.reltime.s` in nanoseconds." on exec = "001000000";
        "evt.pluginname" CharBuf na, Event, |_, _, _| None,
            "for events of a plugin's source, the name of the plugin." on exec = none;
        "evt.plugininfo" CharBuf na, Event, |_, _, _| None,
            "for events of a plugin's source, the plugin's description of the event in one line." on exec = none;
        "evt.source" CharBuf na, Event, |e, _, _| match e.code() {
                EventCode::PLUGINEVENT_E => None,
                _ => Some("syscall".into()),
            },
            "the source of the event." on exec = "syscall";
        "evt.is_async" Bool na, Event, |e, _, _| Some(is_async(e).into()),
            "whether the event is asynchronous: made by the capture itself or a plugin." on exec = "false";
        "evt.asynctype" CharBuf na, Event, |e, _, _| if is_async(e) { name(e).map(Value::Bytes) } else { None },
            "the kind of an asynchronous event." on exec = none;
        "evt.hostname" CharBuf na, Event, |e, _, _| Some(e.state().hostname()?.into()),
            "the name of the host that the events come from; empty on replay." on exec = "";
    }
}

pub(super) fn since_start(e: &Event<'_>) -> u64 {
    e.ts().wrapping_sub(e.facts().first_ts)
}

fn is_async(e: &Event<'_>) -> bool {
    e.raw().info().is_some_and(|info| info.category.intersects(Category::METAEVENT))
}

/// Returns the name of an event's type; asynchronous events have it as a parameter.
pub(super) fn name<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    match e.code() {
        EventCode::ASYNCEVENT_E => Some(e.raw().param(param::asyncevent_e::name)?.text().unwrap_or(b"<NA>")),
        code => code.info().map(|info| info.name.as_bytes()),
    }
}

/// Returns the local time, with date and nanoseconds on request.
pub(super) fn local<'e>(ts: u64, arena: &'e Bump, date: bool, nanoseconds: bool) -> Value<'e> {
    let time = Civil::new(ts, zone::utc_offset((ts / SECOND) as i64));
    let mut text = Text::with_capacity_in(32, arena);
    if date {
        push_display(&mut text, &format_args!("{:04}-{:02}-{:02} ", time.year, time.month, time.day));
    }
    push_display(&mut text, &format_args!("{:02}:{:02}:{:02}", time.hour, time.minute, time.second));
    if nanoseconds {
        push_display(&mut text, &format_args!(".{:09}", time.nanosecond));
    }
    Value::Bytes(text.into_bump_slice())
}

fn iso8601<'e>(ts: u64, arena: &'e Bump) -> Value<'e> {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::new(ts, 0);
    let mut text = Text::with_capacity_in(36, arena);
    push_display(
        &mut text,
        &format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}+0000"),
    );
    Value::Bytes(text.into_bump_slice())
}
