//! The line of one event.

use std::fmt::Write as _;

use super::TextError;
use super::scan::{Read, Scan, write_time};
use super::value::{read_bytes, read_value, write_bytes, write_value};
use crate::schema::{EVENTS, EventCode, EventInfo};
use crate::{Event, EventBuilder};

/// Nanoseconds between an event without a time and the one before it.
const STEP: u64 = 1_000;

/// The maximum number of parameters of a line: as many as lengths fit in an event of the driver.
const MAX_PARAMS: usize = 32_768;

/// Writes the line of one event, without the line end.
pub fn write_event(event: &Event<'_>, out: &mut String) {
    write_time(event.ts(), out);
    // Writing to a string cannot fail.
    let _ = write!(out, " cpu={} tid={}", event.cpu(), event.tid());
    if event.flags() != 0 {
        let _ = write!(out, " flags={:#x}", event.flags());
    }
    let _ = match event.info() {
        Some(info) if current(info.name) == Some(info.code) => write!(out, " {}", info.name),
        Some(info) => write!(out, " {}", info.constant),
        None => write!(out, " code={}", event.code().0),
    };
    let infos = event.info().map_or(&[][..], |info| info.params);
    for (index, raw) in event.raws().enumerate() {
        match infos.get(index) {
            Some(info) => {
                let _ = write!(out, " {}=", info.name);
                write_value(info, raw, out);
            }
            None => {
                let _ = write!(out, " {index}=");
                if raw.is_empty() { out.push('-') } else { write_bytes(raw, out) }
            }
        }
    }
}

/// Returns the code that drivers send today for `name`: the exit, or the only one there is.
fn current(name: &str) -> Option<EventCode> {
    EVENTS.iter().filter(|info| info.name == name && info.is_live()).map(|info| info.code).max()
}

/// Returns the code for the event name `word` of a line.
fn find(word: &str) -> Option<EventCode> {
    current(word).or_else(|| EVENTS.iter().find(|info| info.constant == word).map(|info| info.code))
}

/// Reads lines of events one after the other.
#[derive(Debug)]
pub(super) struct Events {
    last: u64,
    builder: EventBuilder,
    values: Vec<u8>,
    /// The range of each parameter in `values`.
    params: Vec<Option<(usize, usize)>>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { last: 0, builder: EventBuilder::new(), values: Vec::new(), params: Vec::new() }
    }

    /// Reads one line.
    pub(super) fn read(&mut self, scan: &mut Scan<'_>) -> Read<Event<'_>> {
        let start = scan.clone();
        let ts = self.time(scan)?;
        let (mut cpu, mut tid, mut flags, mut code) = (0, -1, 0, None);
        while scan.more() && code.is_none() {
            let before = scan.clone();
            match scan.key() {
                Some("cpu") => cpu = scan.number()?,
                Some("tid") => tid = scan.number()?,
                Some("flags") => flags = scan.number()?,
                Some("code") => code = Some(EventCode(scan.number()?)),
                Some(key) => return before.error(format!("`{key}` is not one of cpu, tid, flags and code")),
                None => {
                    let word = scan.word();
                    code = find(word);
                    if code.is_none() {
                        return before.error(format!("there is no event `{word}`"));
                    }
                }
            }
            end_of_word(scan)?;
        }
        let Some(code) = code else { return scan.error("expected the name of an event") };
        self.read_params(scan, code.info())?;
        self.last = ts;
        self.builder.start(code).ts(ts).tid(tid).cpu(cpu).flags(flags);
        for place in &self.params {
            let value = place.and_then(|(from, to)| self.values.get(from..to)).unwrap_or(&[]);
            self.builder.raw(value);
        }
        self.builder.finish().or_else(|error| start.error(error.to_string()))
    }

    fn time(&self, scan: &mut Scan<'_>) -> Read<u64> {
        let start = scan.clone();
        let time = if scan.take("+") {
            let count: u64 = scan.run(|c| c.is_ascii_digit()).parse().or_else(|_| start.error("expected a number"))?;
            let unit = match scan.word() {
                "" | "ns" => 1,
                "us" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                _ => return start.error("expected one of the units ns, us, ms, s"),
            };
            count.checked_mul(unit).and_then(|wait| self.last.checked_add(wait))
        } else if scan.peek().is_some_and(|c| c.is_ascii_digit()) {
            Some(scan.time()?)
        } else {
            return Ok(self.last.saturating_add(STEP));
        };
        end_of_word(scan)?;
        time.map_or_else(|| start.error("the time is out of range"), Ok)
    }

    /// Reads the parameters into `values` and `params`.
    fn read_params(&mut self, scan: &mut Scan<'_>, info: Option<&'static EventInfo>) -> Read<()> {
        self.values.clear();
        self.params.clear();
        while scan.more() {
            let start = scan.clone();
            let Some(key) = scan.key() else { return scan.error("expected name=value") };
            let by_name = info.and_then(|info| info.param_index(key));
            let Some(index) = by_name.or_else(|| key.parse().ok()) else {
                return start.error(unknown_param(info, key));
            };
            if index >= MAX_PARAMS {
                return start.error(format!("an event has at most {MAX_PARAMS} parameters"));
            }
            if self.params.len() <= index {
                self.params.resize(index + 1, None);
            }
            let from = self.values.len();
            match info.and_then(|info| info.params.get(index)) {
                Some(info) => read_value(scan, info, &mut self.values)?,
                None if scan.take("-") => {}
                None => read_bytes(scan, &mut self.values)?,
            }
            end_of_word(scan)?;
            if let Some(place) = self.params.get_mut(index)
                && place.replace((from, self.values.len())).is_some()
            {
                return start.error(format!("`{key}` is given twice"));
            }
        }
        Ok(())
    }
}

fn unknown_param(info: Option<&EventInfo>, key: &str) -> String {
    let names: Vec<&str> = info.map_or(&[][..], |info| info.params).iter().map(|param| param.name).collect();
    format!("`{key}` is not one of its parameters ({}), nor a number", names.join(", "))
}

/// Fails unless a space or the end comes next.
pub(super) fn end_of_word(scan: &Scan<'_>) -> Result<(), TextError> {
    match scan.peek() {
        None => Ok(()),
        Some(c) if c.is_whitespace() => Ok(()),
        Some(c) => scan.error(format!("unexpected `{c}`")),
    }
}
