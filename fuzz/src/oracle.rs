//! Properties of any input. A fuzz target calls one of these; `cargo test` calls them again on every input that was
//! ever found to violate one.

use peregrine_scap::render::{self, NoState};
use peregrine_scap::savefile::{Compression, Limits, Reader, Upgrade, Upgraded, Writer};
use peregrine_scap::text::{Trace, write_event, write_host};
use peregrine_scap::{Event, EventBuilder, HostState, Next, Source};

use super::generate::{self, Bytes};

/// The content of a capture, in order.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A section begins with this state.
    Section(Box<HostState>),
    /// An event: CPU, flags, bytes.
    Event(u16, u32, Vec<u8>),
}

/// The memory that a small input may use.
const LIMITS: Limits = Limits { state: 1 << 22, event: 1 << 20 };

/// Returns the content of a capture until it ends or an error.
pub fn items(data: &[u8]) -> Vec<Item> {
    let Ok(mut reader) = Reader::with_limits(data, LIMITS) else { return Vec::new() };
    let mut items = vec![Item::Section(Box::new(reader.host().clone()))];
    let mut bytes = 0;
    // A gzip bomb is read without harm, but for longer than a fuzzer waits.
    while bytes < 1 << 24 {
        match reader.next() {
            Ok(Next::Event(event)) => {
                check_event(&event);
                bytes += event.bytes().len();
                items.push(Item::Event(event.cpu(), event.flags(), event.bytes().to_vec()));
            }
            Ok(Next::Restart) => {
                let host = Box::new(reader.host().clone());
                items.push(Item::Section(host));
            }
            Ok(Next::Idle) => panic!("a file is never idle"),
            Ok(Next::End) | Err(_) => {
                assert!(matches!(reader.next(), Ok(Next::End)), "after the end or an error comes the end");
                break;
            }
        }
    }
    items
}

/// Checks that a readable capture can be written and read again, and is the same.
pub fn file(data: &[u8]) {
    let before = items(data);
    if !before.iter().any(|item| matches!(item, Item::Event(..))) || cannot_be_kept(&before) {
        return;
    }
    let written = write(&before, Compression::Plain);
    let after = items(&written);
    // The last section of a capture may have no events; it is written still.
    assert_eq!(before, after);
}

/// Writes items as a capture.
pub fn write(items: &[Item], compression: Compression) -> Vec<u8> {
    let mut writer: Option<Writer<Vec<u8>>> = None;
    for item in items {
        match (item, &mut writer) {
            (Item::Section(host), None) => writer = Writer::new(Vec::new(), host, compression).ok(),
            (Item::Section(host), Some(writer)) => writer.restart(host).expect("memory takes all"),
            (Item::Event(cpu, flags, bytes), Some(writer)) => {
                let event = Event::parse(*cpu, *flags, bytes).expect("it was read");
                writer.write(&event).expect("memory takes all");
            }
            (Item::Event(..), None) => panic!("a capture begins with a section"),
        }
    }
    writer.and_then(|writer| writer.finish().ok()).expect("memory takes all")
}

/// Names of users longer than the current readers accept are cut when they are written, and a host name needs a NUL.
fn cannot_be_kept(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Section(host) => {
            host.machine.as_ref().is_some_and(|machine| machine.hostname.len() > 127)
                || host.users.iter().any(|user| user.name.len().max(user.home.len()).max(user.shell.len()) > 255)
                || host.groups.iter().any(|group| group.name.len() > 255)
        }
        Item::Event(..) => false,
    })
}

/// Checks that any bytes are an event or an error.
pub fn event(data: &[u8]) {
    if let Ok(event) = Event::parse(0, 0, data) {
        check_event(&event);
    }
}

/// Checks that a view never returns bytes outside the event, and its ways to a parameter agree.
pub fn check_event(event: &Event<'_>) {
    let raws: Vec<&[u8]> = event.raws().collect();
    assert_eq!(raws.len(), event.nparams(), "every parameter that was checked is there");
    for (index, raw) in raws.iter().enumerate().take(40) {
        assert_eq!(event.raw(index), Some(*raw));
    }
    assert_eq!(event.raw(event.nparams()), None);
    assert!(event.params().count() <= event.nparams());
}

/// Checks that any sequence of events is upgraded to the current schema, or cannot be one that a driver sends.
pub fn upgrade(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut builder = EventBuilder::new();
    let mut upgrade = Upgrade::new();
    while !bytes.is_empty() {
        generate::event(&mut bytes, &mut builder);
        let event = builder.finish().expect("generated events are sound");
        check_event(&event);
        match upgrade.apply(&event) {
            Ok(Upgraded::Changed) => {
                let lifted = upgrade.event().expect("a changed event is there");
                check_event(&lifted);
                assert_eq!((lifted.ts(), lifted.tid()), (event.ts(), event.tid()));
                let params = lifted.info().map_or(0, |info| info.params.len());
                assert_eq!(lifted.nparams(), params, "{lifted:?} is not of today's schema");
            }
            Ok(Upgraded::Same | Upgraded::Dropped) | Err(_) => {}
        }
    }
}

/// Checks that text is read, or rejected with a place in it; what was read can be written and read again, and is the same. Bytes
/// that are not text make an event and a state, for which the same is true.
pub fn text(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        match Trace::parse(text) {
            Ok(trace) => {
                write_and_read(trace.host());
                trace.events().for_each(|event| print_and_read(&event));
            }
            Err(error) => {
                let line = text.split('\n').nth(error.line - 1).expect("the line of the error exists");
                assert!(error.column <= line.chars().count() + 1, "{error}");
            }
        }
    }
    let mut bytes = Bytes(data);
    let mut builder = EventBuilder::new();
    generate::event(&mut bytes, &mut builder);
    print_and_read(&builder.finish().expect("generated events are sound"));
    write_and_read(&generate::host(&mut bytes));
}

fn print_and_read(event: &Event<'_>) {
    let mut printed = Vec::new();
    render::args(event, &NoState, &mut printed);
    let mut text = String::new();
    write_event(event, &mut text);
    let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let back = trace.events().next().expect("the event");
    assert_eq!((back.bytes(), back.cpu(), back.flags()), (event.bytes(), event.cpu(), event.flags()), "{text}");
}

fn write_and_read(host: &HostState) {
    let mut text = String::new();
    write_host(host, &mut text);
    let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(trace.host(), host, "{text}");
}
