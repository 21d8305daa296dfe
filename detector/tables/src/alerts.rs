//! Alerts as rows: those of rules that run over a capture, and those that a detector wrote as JSON.

use bumpalo::Bump;
use peregrine::{Engine, Rules};
use rule_engine::engine::Alert;
use rule_engine::event::Value as Found;
use serde_json::{Map, Value as Json};
use sinsp::Event;
use sinsp::fields::Value;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::columns::{ColumnError, Columns};
use crate::rows::{Rows, hostname};
use crate::table::{Table, alerts as own};

/// The alerts of a capture.
#[derive(Debug)]
pub(crate) struct Alerts(Engine);

impl Alerts {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self(Engine::new(rules))
    }

    pub(crate) fn event(&mut self, event: &Event<'_>, matches: bool, rows: &mut Rows) {
        self.0.process(event, |alert| {
            if matches {
                write(&alert, hostname(event.state()), rows);
                rows.event(event);
            }
        });
    }
}

fn write(alert: &Alert<'_>, hostname: Option<&[u8]>, rows: &mut Rows) {
    let arena = Bump::new();
    rows.own(own::TIME_, || Some(Value::U64(alert.time())));
    rows.own(own::RULE, || Some(alert.rule().into()));
    rows.own(own::PRIORITY, || Some(alert.priority().name().into()));
    rows.own(own::SOURCE, || Some(alert.source().into()));
    rows.own(own::HOSTNAME, || hostname.map(Value::Bytes));
    let tags = arena.alloc_slice_fill_iter(alert.tags().iter().map(|tag| Value::from(tag.as_str())));
    rows.own(own::TAGS, || Some(Value::List(tags)));
    rows.own(own::OUTPUT, || Some(alert.message().into()));
    rows.own(own::FIELDS, || {
        let mut pairs = Vec::new();
        for (name, value) in alert.fields() {
            pairs.push(Value::Bytes(arena.alloc_slice_copy(name.as_bytes())));
            pairs.push(value.map_or(Value::Bool(false), |value| Value::Bytes(text(value, &arena))));
        }
        Some(Value::List(arena.alloc_slice_copy(&pairs)))
    });
}

/// Returns the text of a value.
fn text<'e>(value: Found<'_>, arena: &'e Bump) -> &'e [u8] {
    let text = match value {
        Found::Bytes(bytes) => return arena.alloc_slice_copy(bytes),
        Found::Bool(truth) => truth.to_string(),
        Found::I64(number) => number.to_string(),
        Found::U64(number) => number.to_string(),
        Found::F64(number) => number.to_string(),
        Found::Ip(ip) => ip.to_string(),
        Found::List(values) => {
            let mut joined = b"(".to_vec();
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    joined.push(b',');
                }
                joined.extend_from_slice(text_of(*value, arena));
            }
            joined.push(b')');
            return arena.alloc_slice_copy(&joined);
        }
    };
    arena.alloc_slice_copy(text.as_bytes())
}

/// Returns the text of an item; lists have no lists.
fn text_of<'e>(value: Found<'_>, arena: &'e Bump) -> &'e [u8] {
    match value {
        Found::List(_) => b"",
        value => text(value, arena),
    }
}

/// Builds the table `alerts` from alerts in JSON, as a detector writes them.
///
/// ```
/// use peregrine_tables::AlertRows;
///
/// let mut rows = AlertRows::new()?;
/// rows.push(br#"{"time":"2026-11-30T08:00:00Z","rule":"R","priority":"Warning","output_fields":{"proc.pid":7}}"#, 0);
/// assert_eq!(rows.take()?.num_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AlertRows(Rows);

impl AlertRows {
    /// Creates a table without rows. It has no column `capture`.
    ///
    /// # Errors
    /// None for the columns of this crate.
    pub fn new() -> Result<Self, ColumnError> {
        let names = own::COLUMNS.iter().map(|own| own.name);
        Ok(Self(Rows::new(Columns::new(Table::Alerts, names)?, "")))
    }

    /// Returns the schema.
    pub fn schema(&self) -> &SchemaRef {
        self.0.columns().schema()
    }

    /// Appends an alert and returns its time. An alert that is not JSON has only an `output`, and an alert without a
    /// time has `now`, in nanoseconds since 1970.
    pub fn push(&mut self, alert: &[u8], now: u64) -> u64 {
        let parsed = serde_json::from_slice::<Map<String, Json>>(alert);
        let alert = parsed.unwrap_or_else(|_| {
            [("output".to_owned(), Json::from(String::from_utf8_lossy(alert)))].into_iter().collect()
        });
        let arena = Bump::new();
        let word = |key: &str| alert.get(key).and_then(Json::as_str);
        let time = word("time").and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let time = time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(now);
        let rows = &mut self.0;
        rows.own(own::TIME_, || Some(Value::U64(time)));
        for (at, key) in
            [(own::RULE, "rule"), (own::PRIORITY, "priority"), (own::SOURCE, "source"), (own::HOSTNAME, "hostname")]
        {
            rows.own(at, || word(key).map(Value::from));
        }
        let tags = alert.get("tags").and_then(Json::as_array);
        let tags =
            tags.map(|tags| arena.alloc_slice_fill_iter(tags.iter().map(|tag| tag.as_str().unwrap_or("").into())));
        rows.own(own::TAGS, || tags.map(|tags| Value::List(tags)));
        rows.own(own::OUTPUT, || {
            word("message").or_else(|| Some(message(word("output")?, word("priority")))).map(Value::from)
        });
        rows.own(own::FIELDS, || {
            let pairs = alert.get("output_fields")?.as_object()?.iter().flat_map(|(key, value)| {
                let value = match value {
                    Json::Null => Value::Bool(false),
                    Json::String(text) => Value::from(text.as_str()),
                    other => Value::Bytes(arena.alloc_slice_copy(other.to_string().as_bytes())),
                };
                [Value::from(key.as_str()), value]
            });
            let pairs: Vec<Value<'_>> = pairs.collect();
            Some(Value::List(arena.alloc_slice_copy(&pairs)))
        });
        rows.kept(|_| None);
        time
    }

    /// Returns the rows, and starts again.
    ///
    /// # Errors
    /// If the rows are too large for arrays: 2 GiB of text in one column.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.0.take()
    }
}

/// Returns an output without the time and the priority in front of it.
fn message<'o>(output: &'o str, priority: Option<&str>) -> &'o str {
    let Some(priority) = priority else { return output };
    let front = format!(": {priority} ");
    match output.split_once(&front) {
        Some((time, message)) if !time.contains(' ') => message,
        _ => output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_cast::display::array_value_to_string;

    #[test]
    fn alerts_in_json_are_rows() {
        let mut rows = AlertRows::new().expect("rows");
        let alert = r#"{"hostname":"h","output":"08:00:00.5: Warning it happened","output_fields":{"a":"x","b":7,"c":null},
            "priority":"Warning","rule":"R","source":"syscall","tags":["t","u"],"time":"2026-11-30T08:00:00.5Z"}"#;
        assert_eq!(rows.push(alert.as_bytes(), 1), 1_796_025_600_500_000_000);
        assert_eq!(rows.push(b"plain \xff text", 1), 1);
        let batch = rows.take().expect("a batch");
        let shown =
            |name: &str, row| array_value_to_string(batch.column_by_name(name).expect(name), row).expect("text");
        let row = |row| own::COLUMNS.iter().map(|own| shown(own.name, row)).collect::<Vec<_>>();
        assert_eq!(
            row(0),
            ["2026-11-30T08:00:00.500Z", "R", "Warning", "syscall", "h", "[t, u]", "it happened", "{a: x, b: 7, c: }"]
        );
        assert_eq!(row(1), ["1970-01-01T00:00:00.000000001Z", "", "", "", "", "", "plain \u{fffd} text", ""]);
    }
}
