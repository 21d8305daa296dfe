//! Tests that captures of every age give the events that Falco's own libraries give for them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use peregrine_scap::savefile::{Reader, Upgrade, Upgraded};
use peregrine_scap::schema::{ParamType, SYSCALLS, SyscallCode};
use peregrine_scap::{Event, EventBuilder, EventCode, Next, Source};
use serde_json::Value;

/// Compares an event with Falco's, where that needs nothing but the event.
fn check(event: &Event<'_>, expected: &Value) {
    let info = event.info().unwrap();
    let direction = if event.code().is_enter() { ">" } else { "<" };
    assert_eq!(expected["evt.type"], name(event), "{expected}");
    assert_eq!(expected["evt.dir"], direction);
    assert_eq!(expected["evt.rawtime"], event.ts());
    assert_eq!(expected["evt.cpu"], event.cpu());
    if let Some(tid) = expected.get("thread.tid") {
        assert_eq!(*tid, event.tid());
    }
    for param in event.params() {
        let number = match param.info().ty {
            ParamType::Fd if param.info().name == "fd" => ("evt.rawarg.fd", param.i64()),
            ParamType::Errno if param.info().name == "res" => ("evt.rawres", param.i64()),
            _ => continue,
        };
        if let (Some(expected), Some(value)) = (expected.get(number.0), number.1) {
            // A number without a format is printed as text.
            let expected = expected.as_str().map_or_else(|| expected.to_string(), String::from);
            assert_eq!(expected, value.to_string(), "{} of {info:?}", param.info().name);
        }
    }
    if let Some(Value::String(expected)) = expected.get("evt.arg.name") {
        let index = info.param_index("name").unwrap();
        match event.param(index).and_then(|name| name.text()).map(String::from_utf8_lossy) {
            // Falco resolves paths and replaces what cannot be printed.
            Some(name) if name.starts_with('/') && !name.contains("/.") && !name.contains("//") && name.is_ascii() => {
                assert_eq!(*expected, name, "{info:?}");
            }
            Some(_) => {}
            None => assert_eq!(expected, "<NA>"),
        }
    }
}

fn name(event: &Event<'_>) -> &'static str {
    match event.code() {
        EventCode::GENERIC_E | EventCode::GENERIC_X => {
            let id = event.param(0).and_then(|id| id.u16()).unwrap();
            let native = event.param(1).and_then(|number| number.u16());
            // A call that the driver of the time did not know by a code is known by its number.
            let by_number = || SYSCALLS.iter().find(|call| native.is_some() && call.x86_64 == native);
            match id {
                0 => by_number().map_or("unknown", |call| call.name),
                id => SyscallCode(id).info().unwrap().name,
            }
        }
        code => code.info().unwrap().name,
    }
}

/// The number of lines of the oracle that are compared: all in optimized builds.
const LINES: usize = if cfg!(debug_assertions) { 4000 } else { usize::MAX };

#[test]
fn every_capture_gives_the_events_that_falco_gives() {
    let Some(shared) = testkit::shared() else { return };
    testkit::need!(XZ);
    let mut unknown = Vec::new();
    for path in common::captures() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let oracle = shared.join("data/oracle").join(format!("{stem}.jsonl.xz"));
        if !oracle.exists() {
            unknown.push(stem.to_owned());
            continue;
        }
        let mut xz = Command::new("xz").arg("-dc").arg(&oracle).stdout(Stdio::piped()).spawn().unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let mut number = 0;
        for line in BufReader::new(xz.stdout.take().unwrap()).lines().take(LINES) {
            let expected: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let wanted = expected["evt.num"].as_u64().unwrap();
            loop {
                let Next::Event(event) = reader.next().unwrap() else { panic!("{stem}: no event {wanted}") };
                number += 1;
                if number == wanted {
                    check(&event, &expected);
                    break;
                }
            }
        }
        drop(xz.kill());
        xz.wait().unwrap();
        // Those that Falco hides are state, entries of execve, and what comes after the last that it shows.
        while let Next::Event(_) = reader.next().unwrap() {
            number += 1;
        }
        println!("{stem}: {number} events");
        assert_eq!(reader.stats().delivered, number);
    }
    // The events of these have no reference output.
    unknown.sort();
    assert_eq!(unknown, ["curl_google_comments", "mix-large"]);
}

/// Upgrades a sequence of events and returns the parameters of the result.
fn upgrade_all(events: &mut [EventBuilder]) -> Vec<(EventCode, Vec<Vec<u8>>)> {
    let mut upgrade = Upgrade::new();
    let mut lifted = Vec::new();
    for builder in events {
        let event = builder.finish().unwrap();
        let event = match upgrade.apply(&event).unwrap() {
            Upgraded::Same => event,
            Upgraded::Changed => upgrade.event().unwrap(),
            Upgraded::Dropped => continue,
        };
        lifted.push((event.code(), event.raws().map(<[u8]>::to_vec).collect()));
    }
    lifted
}

fn event(code: EventCode, tid: i64, params: &[&[u8]]) -> EventBuilder {
    let mut builder = EventBuilder::new();
    builder.start(code).tid(tid);
    for param in params {
        builder.raw(param);
    }
    builder
}

const ZERO: &[u8] = &[0; 8];
const THREE: &[u8] = &3_i64.to_le_bytes();

#[test]
fn an_exit_takes_the_parameters_of_its_threads_entry() {
    let size = 17_u32.to_le_bytes();
    let lifted = upgrade_all(&mut [
        event(EventCode::READ_E, 1, &[THREE, &size]),
        event(EventCode::READ_E, 2, &[ZERO, &size]),
        event(EventCode::READ_X, 1, &[ZERO, b"data"]),
    ]);
    assert_eq!(lifted, [(EventCode::READ_X, vec![ZERO.to_vec(), b"data".to_vec(), THREE.to_vec(), size.to_vec()])]);
}

#[test]
fn an_exit_whose_entry_was_lost_gets_zeros_or_nothing() {
    let lifted = upgrade_all(&mut [
        event(EventCode::READ_E, 1, &[THREE, &[1, 0, 0, 0]]),
        // Another call of the same thread: the exit of the read and the entry of this one are missing.
        event(EventCode::CLOSE_X, 1, &[ZERO]),
        event(EventCode::SETUID_X, 1, &[ZERO]),
    ]);
    assert_eq!(lifted[0], (EventCode::CLOSE_X, vec![ZERO.to_vec(), ZERO.to_vec()]));
    assert_eq!(lifted[1], (EventCode::SETUID_X, vec![ZERO.to_vec(), vec![]]));
}

#[test]
fn the_longest_event_that_a_driver_sends_is_upgraded() {
    let data = vec![b'x'; 65_536 - 26 - 4 - 8];
    let lifted = upgrade_all(&mut [
        event(EventCode::READ_E, 1, &[THREE, &[1, 0, 0, 0]]),
        event(EventCode::READ_X, 1, &[ZERO, &data]),
    ]);
    assert_eq!(lifted[0].1[1], data);
    assert_eq!(lifted[0].1[2], THREE);
    let mut longer = event(EventCode::READ_X, 1, &[ZERO, &data, &[]]);
    let longer = Upgrade::new().apply(&longer.finish().unwrap());
    assert_eq!(longer.unwrap_err().to_string(), "invalid event: len 65538 is larger than the maximum event size 65536");
}

#[test]
fn an_entry_is_used_once() {
    let lifted = upgrade_all(&mut [
        event(EventCode::CLOSE_E, 1, &[THREE]),
        event(EventCode::CLOSE_X, 1, &[ZERO]),
        event(EventCode::CLOSE_X, 1, &[ZERO]),
    ]);
    assert_eq!(lifted[0].1[1], THREE);
    assert_eq!(lifted[1].1[1], ZERO);
}

#[test]
fn the_execve_of_the_first_driver_goes_through_seven_layouts() {
    let text: &[u8] = b"x\0";
    let params: [&[u8]; 8] = [ZERO, text, b"a\0b\0", THREE, THREE, THREE, text, ZERO];
    let lifted = upgrade_all(&mut [event(EventCode::EXECVE_8_X, 1, &params)]);
    let (code, values) = &lifted[0];
    assert_eq!(*code, EventCode::EXECVE_19_X);
    assert_eq!(values.len(), code.info().unwrap().params.len());
    assert_eq!(values[..8], params.map(<[u8]>::to_vec));
    assert!(values[8..].iter().all(Vec::is_empty));
}

#[test]
fn the_first_container_events_become_json() {
    let quoted: &[u8] = b"na\"me\0";
    let mut first = event(EventCode::CONTAINER_E, 1, &[b"3ad7b26ded6d\0", &[0, 0, 0, 0], quoted, b"fedora:21\0"]);
    let lifted = upgrade_all(std::slice::from_mut(&mut first));
    assert_eq!(lifted[0].0, EventCode::CONTAINER_JSON_2_E);
    let json = lifted[0].1[0].strip_suffix(&[0]).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(json).unwrap(),
        serde_json::json!({"id": "3ad7b26ded6d", "type": 0, "name": "na\"me", "image": "fedora:21"})
    );
    assert_eq!(json, br#"{"id":"3ad7b26ded6d","type":0,"name":"na\"me","image":"fedora:21"}"#);
}

#[test]
fn an_event_of_a_shape_that_was_never_sent_is_an_error() {
    let mut builder = event(EventCode::READ_X, 1, &[]);
    let error = Upgrade::new().apply(&builder.finish().unwrap()).unwrap_err();
    let text = "Required conversion for event (type: 7, nparams: 0), but we don't handle it in the table.";
    assert_eq!(error.to_string(), text);
}

#[test]
fn more_parameters_than_the_schema_has_come_from_a_newer_driver() {
    let mut builder = event(EventCode::CLOSE_X, 1, &[ZERO, THREE, b"new"]);
    let event = builder.finish().unwrap();
    assert_eq!(Upgrade::new().apply(&event), Ok(Upgraded::Same));
}
