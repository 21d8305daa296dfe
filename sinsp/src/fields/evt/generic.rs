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
    /// What events of every source have.
    pub(crate) EVT = "evt" "All event types" {
        "evt.num" UInt64 id, Event, |e, _, _| Some(e.num().into()),
            "the number of the event in the stream, from 1; events that are not shown are counted too." on exec = "2";
        "evt.time" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, false, true)),
            json |e, _, _| Some(e.ts().into()),
            "the local time with nanoseconds." on exec = "22:13:21.000000000";
        "evt.time.s" CharBuf na, Event, |e, _, arena| Some(local(e.ts(), arena, false, false)),
            json |e, _, _| Some(e.ts().into()),
            "the local time." on exec = "22:13:21";
        "evt.time.iso8601" CharBuf na, Event, |e, _, arena| Some(iso8601(e.ts(), arena)),
            json |e, _, _| Some(e.ts().into()),
            "date and time in UTC as ISO 8601 writes them, with nanoseconds."
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
            "the whole seconds of the time since 1970." on exec = "1700000001";
        "evt.rawtime.ns" AbsTime padded, Event, |e, _, _| Some((e.ts() % SECOND).into()),
            "the nanoseconds that `evt.rawtime.s` leaves out." on exec = "000000000";
        "evt.reltime" RelTime padded, Event, |e, _, _| Some(since_start(e).into()),
            "nanoseconds since the first event." on exec = "001000000";
        "evt.reltime.s" RelTime dec, Event, |e, _, _| Some((since_start(e) / SECOND).into()),
            "whole seconds since the first event." on open = "1";
        "evt.reltime.ns" RelTime padded, Event, |e, _, _| Some((since_start(e) % SECOND).into()),
            "the nanoseconds that `evt.reltime.s` leaves out." on exec = "001000000";
        "evt.pluginname" CharBuf na, Event, |_, _, _| None,
            "for events of a plugin's source, the name of the plugin." on exec = none;
        "evt.plugininfo" CharBuf na, Event, |_, _, _| None,
            "for events of a plugin's source, what the plugin says of the event in a line." on exec = none;
        "evt.source" CharBuf na, Event, |e, _, _| match e.code() {
                EventCode::PLUGINEVENT_E => None,
                _ => Some("syscall".into()),
            },
            "the source that the event comes from." on exec = "syscall";
        "evt.is_async" Bool na, Event, |e, _, _| Some(is_async(e).into()),
            "whether the event was made by the capture itself or a plugin, aside of the stream." on exec = "false";
        "evt.asynctype" CharBuf na, Event, |e, _, _| if is_async(e) { name(e).map(Value::Bytes) } else { None },
            "for such an event, what kind it is." on exec = none;
        "evt.hostname" CharBuf na, Event, |e, _, _| Some(e.state().hostname()?.into()),
            "the name of the machine that the events come from; empty on replay." on exec = "";
    }
}

pub(super) fn since_start(e: &Event<'_>) -> u64 {
    e.ts().wrapping_sub(e.facts().first_ts)
}

fn is_async(e: &Event<'_>) -> bool {
    e.raw().info().is_some_and(|info| info.category.intersects(Category::METAEVENT))
}

/// The name of an event's type; asynchronous events carry theirs as a parameter.
pub(super) fn name<'e>(e: &'e Event<'e>) -> Option<&'e [u8]> {
    match e.code() {
        EventCode::ASYNCEVENT_E => Some(e.raw().param(param::asyncevent_e::name)?.text().unwrap_or(b"<NA>")),
        code => code.info().map(|info| info.name.as_bytes()),
    }
}

/// Clock time of the local zone, with the date and the nanoseconds where asked for.
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
