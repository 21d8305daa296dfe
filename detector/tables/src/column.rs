//! One column under construction: values are appended row by row, and taken as arrays for a batch.
//!
//! Texts are numbers of a dictionary, which lives on from batch to batch. A value that comes again, because the thread
//! or the file descriptor has not changed, is appended by its [`Slot`], without a look-up.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, ListArray, MapArray,
    PrimitiveArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use sinsp::fields::{Item, Value};

use crate::interner::Interner;

/// The timezone of all times.
const UTC: &str = "UTC";
/// The bytes of an address: an IPv4 address is mapped to IPv6.
const ADDRESS: i32 = 16;

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One value.
    One(Item),
    /// Text that rarely repeats: without a dictionary.
    Plain,
    /// A list of values.
    Many(Item),
    /// Pairs of texts.
    Pairs,
}

/// The array of a column that a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The value itself; an address as text.
    Value,
    /// The text of bytes.
    Text,
    /// The bytes of an address.
    Binary,
}

impl Form {
    /// Returns the suffix and the part of the column beside the value, if there is one.
    pub(crate) fn beside(self) -> Option<(&'static str, Part)> {
        match self {
            Self::One(Item::Bytes) => Some((".text", Part::Text)),
            Self::One(Item::Address) => Some((".binary", Part::Binary)),
            _ => None,
        }
    }

    /// Returns the Arrow type of a part.
    pub(crate) fn data_type(self, part: Part) -> DataType {
        match (self, part) {
            (_, Part::Binary) => DataType::FixedSizeBinary(ADDRESS),
            (_, Part::Text) | (Self::Plain, _) => DataType::Utf8,
            (Self::One(item), Part::Value) => single(item),
            (Self::Many(item), Part::Value) => DataType::List(Arc::new(list_item(item))),
            (Self::Pairs, Part::Value) => DataType::Map(Arc::new(entries()), false),
        }
    }
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn single(item: Item) -> DataType {
    match item {
        Item::Bool => DataType::Boolean,
        Item::Signed(8) => DataType::Int8,
        Item::Signed(16) => DataType::Int16,
        Item::Signed(32) => DataType::Int32,
        Item::Signed(_) => DataType::Int64,
        Item::Unsigned(8) => DataType::UInt8,
        Item::Unsigned(16) => DataType::UInt16,
        Item::Unsigned(32) => DataType::UInt32,
        Item::Unsigned(_) => DataType::UInt64,
        Item::Float => DataType::Float64,
        Item::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        Item::Bytes => DataType::Binary,
        _ => dictionary(),
    }
}

/// Returns the type of a list's items: engines read lists of plain text only.
fn list_item(item: Item) -> Field {
    let ty = match single(item) {
        DataType::Dictionary(_, text) => *text,
        other => other,
    };
    Field::new_list_field(ty, true)
}

fn entries() -> Field {
    let fields = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
    Field::new("entries", DataType::Struct(fields.into()), false)
}

/// A value of an earlier row, for [`Column::repeat`]; it is valid until the dictionary starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(Option<u64>);

/// A column under construction.
#[derive(Debug)]
pub(crate) struct Column {
    form: Form,
    rows: usize,
    data: Data,
    /// The number of values that were not of the column's form.
    pub(crate) invalid: u64,
}

#[derive(Debug)]
enum Data {
    /// Numbers and booleans: the bits of each, and whether it is there.
    Words {
        words: Vec<u64>,
        valid: Vec<bool>,
    },
    /// Texts and addresses: -1 if it is not there.
    Keys {
        keys: Vec<i32>,
        texts: Interner,
        ips: Vec<[u8; ADDRESS as usize]>,
    },
    Plain(StringBuilder),
    Bytes(BinaryBuilder, StringBuilder),
    Lists {
        ends: Vec<i32>,
        valid: Vec<bool>,
        items: Box<Column>,
    },
    Pairs {
        ends: Vec<i32>,
        valid: Vec<bool>,
        keys: StringBuilder,
        values: StringBuilder,
    },
}

impl Column {
    pub(crate) fn new(form: Form) -> Self {
        let data = match form {
            Form::One(Item::Text | Item::Address) => {
                Data::Keys { keys: Vec::new(), texts: Interner::default(), ips: Vec::new() }
            }
            Form::One(Item::Bytes) => Data::Bytes(BinaryBuilder::new(), StringBuilder::new()),
            Form::One(_) => Data::Words { words: Vec::new(), valid: Vec::new() },
            Form::Plain => Data::Plain(StringBuilder::new()),
            Form::Many(item) => {
                let items = match item {
                    Item::Text | Item::Address => Form::Plain,
                    other => Form::One(other),
                };
                Data::Lists { ends: vec![0], valid: Vec::new(), items: Box::new(Self::new(items)) }
            }
            Form::Pairs => Data::Pairs {
                ends: vec![0],
                valid: Vec::new(),
                keys: StringBuilder::new(),
                values: StringBuilder::new(),
            },
        };
        Self { form, rows: 0, data, invalid: 0 }
    }

    /// Returns whether values can be appended by their slots.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.data, Data::Words { .. } | Data::Keys { .. })
    }

    /// Appends a value; `text` is the text of bytes.
    #[inline]
    pub(crate) fn append(&mut self, value: Option<Value<'_>>, text: Option<&[u8]>) -> Slot {
        self.rows += 1;
        match &mut self.data {
            Data::Words { .. } | Data::Keys { .. } => {
                let slot = self.slot(value);
                self.push(slot);
                slot
            }
            Data::Plain(texts) => {
                match value {
                    None => texts.append_null(),
                    Some(Value::Ip(ip)) => texts.append_value(ip.to_string()),
                    Some(value) => match value.bytes() {
                        Some(bytes) => texts.append_value(String::from_utf8_lossy(bytes)),
                        None => {
                            self.invalid += 1;
                            texts.append_null();
                        }
                    },
                }
                Slot(None)
            }
            Data::Bytes(bytes, texts) => {
                bytes.append_option(value.and_then(Value::bytes));
                texts.append_option(text.map(String::from_utf8_lossy));
                Slot(None)
            }
            Data::Lists { ends, valid, items } => {
                match value {
                    Some(Value::List(values)) => {
                        for value in values {
                            items.append(Some(*value), None);
                        }
                        valid.push(true);
                    }
                    other => {
                        self.invalid += u64::from(other.is_some());
                        valid.push(false);
                    }
                }
                ends.push(i32::try_from(items.rows).unwrap_or(i32::MAX));
                Slot(None)
            }
            Data::Pairs { ends, valid, keys, values } => {
                let mut last = ends.last().copied().unwrap_or(0);
                let list = match value {
                    Some(Value::List(list)) => Some(list),
                    _ => None,
                };
                for pair in list.unwrap_or_default().chunks(2) {
                    let [Value::Bytes(key), rest @ ..] = pair else { continue };
                    keys.append_value(String::from_utf8_lossy(key));
                    values.append_option(rest.first().and_then(|value| value.bytes()).map(String::from_utf8_lossy));
                    last += 1;
                }
                ends.push(last);
                valid.push(list.is_some());
                Slot(None)
            }
        }
    }

    /// Appends the value of an earlier row.
    #[inline]
    pub(crate) fn repeat(&mut self, slot: Slot) {
        self.rows += 1;
        self.push(slot);
    }

    #[inline]
    fn push(&mut self, slot: Slot) {
        match &mut self.data {
            Data::Words { words, valid } => {
                words.push(slot.0.unwrap_or_default());
                valid.push(slot.0.is_some());
            }
            Data::Keys { keys, .. } => keys.push(slot.0.map_or(-1, |key| key as i32)),
            _ => {}
        }
    }

    fn slot(&mut self, value: Option<Value<'_>>) -> Slot {
        let Some(value) = value else { return Slot(None) };
        let Form::One(item) = self.form else { return Slot(None) };
        let word = match (&mut self.data, item, value) {
            (Data::Keys { texts, .. }, Item::Text, Value::Bytes(bytes)) => Some(u64::from(texts.intern(bytes))),
            (Data::Keys { texts, ips, .. }, Item::Address, Value::Ip(ip) | Value::Net(ip, _)) => {
                let key = texts.intern(ip.to_string().as_bytes());
                if key as usize == ips.len() {
                    ips.push(mapped(ip));
                }
                Some(u64::from(key))
            }
            (_, Item::Bool, Value::Bool(truth)) => Some(truth.into()),
            (_, Item::Float, Value::F64(number)) => Some(number.to_bits()),
            (_, Item::Signed(bits), Value::I64(number)) => fits_signed(number, bits).then_some(number as u64),
            (_, Item::Signed(bits), Value::U64(number)) => {
                i64::try_from(number).is_ok_and(|number| fits_signed(number, bits)).then_some(number)
            }
            (_, Item::Unsigned(bits), Value::U64(number)) => fits(number, bits).then_some(number),
            (_, Item::Unsigned(bits), Value::I64(number)) => {
                u64::try_from(number).is_ok_and(|number| fits(number, bits)).then_some(number as u64)
            }
            (_, Item::Time, Value::U64(time)) => i64::try_from(time).is_ok().then_some(time),
            _ => None,
        };
        self.invalid += u64::from(word.is_none());
        Slot(word)
    }

    /// Returns about how many bytes the rows occupy that vary in size.
    pub(crate) fn size(&self) -> usize {
        match &self.data {
            Data::Words { .. } => 0,
            Data::Keys { texts, .. } => texts.len(),
            Data::Plain(texts) => texts.values_slice().len(),
            Data::Bytes(bytes, texts) => bytes.values_slice().len() + texts.values_slice().len(),
            Data::Lists { items, .. } => items.size() + items.rows * 16,
            Data::Pairs { keys, values, .. } => keys.values_slice().len() + values.values_slice().len(),
        }
    }

    /// Returns the rows and starts again; `parts` are the arrays to return.
    pub(crate) fn take(&mut self, parts: &[Part]) -> Vec<ArrayRef> {
        self.rows = 0;
        let ty = |part| self.form.data_type(part);
        match &mut self.data {
            Data::Words { words, valid } => {
                let valid = nulls(valid);
                let array = numbers(&ty(Part::Value), words, valid);
                words.clear();
                parts.iter().map(|_| Arc::clone(&array)).collect()
            }
            Data::Keys { keys, texts, ips } => {
                let valid: Vec<bool> = keys.iter().map(|key| *key >= 0).collect();
                let arrays = parts.iter().map(|part| match part {
                    Part::Binary => binary(keys, ips),
                    _ => {
                        let keys = keys.iter().map(|key| (*key).max(0)).collect::<Vec<_>>();
                        let keys = Int32Array::new(keys.into(), NullBuffer::from(valid.clone()).into_option());
                        // A key of a missing value needs an entry too.
                        if texts.array().is_empty() {
                            texts.intern(b"");
                            if !ips.is_empty() || self.form == Form::One(Item::Address) {
                                ips.push([0; ADDRESS as usize]);
                            }
                        }
                        let array = DictionaryArray::<Int32Type>::try_new(keys, texts.array());
                        array.map_or_else(
                            |_| arrow_array::new_null_array(&dictionary(), valid.len()),
                            |made| Arc::new(made) as ArrayRef,
                        )
                    }
                });
                let arrays = arrays.collect();
                keys.clear();
                arrays
            }
            Data::Plain(texts) => vec![Arc::new(texts.finish())],
            Data::Bytes(bytes, texts) => {
                let (bytes, texts): (ArrayRef, ArrayRef) = (Arc::new(bytes.finish()), Arc::new(texts.finish()));
                let of = |part: &Part| Arc::clone(if *part == Part::Text { &texts } else { &bytes });
                parts.iter().map(of).collect()
            }
            Data::Lists { ends, valid, items } => {
                let Form::Many(item) = self.form else { return Vec::new() };
                let inner = items.take(&[Part::Value]).pop();
                let offsets = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                let valid = nulls(valid);
                let inner = inner.unwrap_or_else(|| arrow_array::new_empty_array(list_item(item).data_type()));
                vec![Arc::new(ListArray::new(Arc::new(list_item(item)), offsets, inner, valid))]
            }
            Data::Pairs { ends, valid, keys, values } => {
                let arrays: Vec<ArrayRef> = vec![Arc::new(keys.finish()), Arc::new(values.finish())];
                let entries = entries();
                let DataType::Struct(fields) = entries.data_type() else { return Vec::new() };
                let pairs = StructArray::new(fields.clone(), arrays, None);
                let offsets = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                vec![Arc::new(MapArray::new(Arc::new(entries), offsets, pairs, nulls(valid), false))]
            }
        }
    }

    /// Empties a large dictionary, or any. Returns whether it did: slots are no longer valid.
    pub(crate) fn renew(&mut self, always: bool) -> bool {
        match &mut self.data {
            Data::Keys { texts, ips, .. } => {
                let renewed = texts.renew(always);
                if renewed {
                    ips.clear();
                }
                renewed
            }
            _ => false,
        }
    }
}

trait IntoOption {
    fn into_option(self) -> Option<NullBuffer>;
}

impl IntoOption for NullBuffer {
    /// Returns `None` if there is no null.
    fn into_option(self) -> Option<NullBuffer> {
        (self.null_count() > 0).then_some(self)
    }
}

fn nulls(valid: &mut Vec<bool>) -> Option<NullBuffer> {
    NullBuffer::from(std::mem::take(valid)).into_option()
}

fn mapped(ip: IpAddr) -> [u8; ADDRESS as usize] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn binary(keys: &[i32], ips: &[[u8; ADDRESS as usize]]) -> ArrayRef {
    let ips = keys.iter().map(|key| usize::try_from(*key).ok().and_then(|key| ips.get(key)).copied());
    let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ips, ADDRESS);
    array.map_or_else(
        |_| arrow_array::new_null_array(&DataType::FixedSizeBinary(ADDRESS), keys.len()),
        |array| Arc::new(array) as ArrayRef,
    )
}

fn fits(number: u64, bits: u8) -> bool {
    bits >= 64 || number < 1 << bits
}

fn fits_signed(number: i64, bits: u8) -> bool {
    bits >= 64 || (-(1 << (bits - 1))..1 << (bits - 1)).contains(&number)
}

/// Returns words as an array of the type; they fit it.
fn numbers(ty: &DataType, words: &[u64], valid: Option<NullBuffer>) -> ArrayRef {
    macro_rules! primitive {
        ($ty:ty, $native:ty) => {{
            let values: Vec<$native> = words.iter().map(|word| *word as $native).collect();
            PrimitiveArray::<$ty>::new(values.into(), valid)
        }};
    }
    match ty {
        DataType::Boolean => {
            Arc::new(BooleanArray::new(words.iter().map(|word| *word != 0).collect::<Vec<_>>().into(), valid))
        }
        DataType::Int8 => Arc::new(primitive!(Int8Type, i8)),
        DataType::Int16 => Arc::new(primitive!(Int16Type, i16)),
        DataType::Int32 => Arc::new(primitive!(Int32Type, i32)),
        DataType::Int64 => Arc::new(primitive!(Int64Type, i64)),
        DataType::UInt8 => Arc::new(primitive!(UInt8Type, u8)),
        DataType::UInt16 => Arc::new(primitive!(UInt16Type, u16)),
        DataType::UInt32 => Arc::new(primitive!(UInt32Type, u32)),
        DataType::Float64 => {
            let values: Vec<f64> = words.iter().map(|word| f64::from_bits(*word)).collect();
            Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), valid))
        }
        DataType::Timestamp(..) => Arc::new(primitive!(TimestampNanosecondType, i64).with_timezone(UTC)),
        _ => Arc::new(primitive!(UInt64Type, u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_cast::display::array_value_to_string;

    fn shown(column: &mut Column, part: Part) -> Vec<String> {
        let array = column.take(&[part]).pop().expect("an array");
        assert_eq!(*array.data_type(), column.form.data_type(part));
        (0..array.len()).map(|row| array_value_to_string(&array, row).expect("text")).collect()
    }

    fn column(form: Form, values: &[Option<Value<'_>>]) -> Column {
        let mut column = Column::new(form);
        for value in values {
            column.append(*value, value.and_then(Value::bytes));
        }
        column
    }

    #[test]
    fn values_are_as_they_were() {
        let ip = |text: &str| Some(Value::Ip(text.parse().expect("an address")));
        for (form, values, expect) in [
            (Form::One(Item::Bool), vec![Some(Value::Bool(true)), None], vec!["true", ""]),
            (Form::One(Item::Unsigned(64)), vec![Some(Value::U64(u64::MAX))], vec!["18446744073709551615"]),
            (Form::One(Item::Signed(16)), vec![Some(Value::I64(-1))], vec!["-1"]),
            (Form::One(Item::Float), vec![Some(Value::F64(0.25))], vec!["0.25"]),
            (Form::One(Item::Text), vec![Some("a".into()), None, Some("a".into())], vec!["a", "", "a"]),
            (Form::One(Item::Text), vec![None], vec![""]),
            (Form::Plain, vec![Some(Value::Bytes(b"a\xff")), None], vec!["a\u{fffd}", ""]),
            (Form::One(Item::Bytes), vec![Some(Value::Bytes(b"\x00\xff"))], vec!["00ff"]),
            (Form::One(Item::Address), vec![ip("10.0.0.1"), None, ip("::1")], vec!["10.0.0.1", "", "::1"]),
            (
                Form::One(Item::Time),
                vec![Some(Value::U64(1_700_000_000_000_000_001))],
                vec!["2023-11-14T22:13:20.000000001Z"],
            ),
            (Form::Many(Item::Text), vec![Some(Value::List(&["a".into(), "b".into()])), None], vec!["[a, b]", ""]),
            (Form::Many(Item::Unsigned(16)), vec![Some(Value::List(&[Value::U64(80)]))], vec!["[80]"]),
            (Form::Pairs, vec![Some(Value::List(&["k".into(), "v".into()]))], vec!["{k: v}"]),
        ] {
            let mut column = column(form, &values);
            assert_eq!(shown(&mut column, Part::Value), expect, "{form:?}");
            assert_eq!(column.invalid, 0);
        }
    }

    #[test]
    fn parts_stand_beside_the_value() {
        let ip = Value::Ip("10.0.0.1".parse().expect("an address"));
        let mut addresses = column(Form::One(Item::Address), &[Some(ip), None]);
        assert_eq!(shown(&mut addresses, Part::Binary), ["00000000000000000000ffff0a000001", ""]);
        let mut bytes = column(Form::One(Item::Bytes), &[Some(Value::Bytes(b"hi"))]);
        assert_eq!(shown(&mut bytes, Part::Text), ["hi"]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        for (item, value) in [
            (Item::Signed(16), Value::I64(1 << 15)),
            (Item::Unsigned(64), Value::I64(-1)),
            (Item::Unsigned(16), Value::U64(1 << 16)),
            (Item::Time, Value::U64(1 << 63)),
            (Item::Bool, Value::U64(1)),
        ] {
            let mut column = column(Form::One(item), &[Some(value)]);
            assert_eq!(column.invalid, 1, "{item:?}");
            assert_eq!(shown(&mut column, Part::Value), [""]);
        }
    }

    #[test]
    fn a_slot_is_the_value_again() {
        let mut texts = Column::new(Form::One(Item::Text));
        let slot = texts.append(Some("a".into()), None);
        texts.append(Some("b".into()), None);
        texts.repeat(slot);
        assert_eq!(shown(&mut texts, Part::Value), ["a", "b", "a"]);
        texts.repeat(slot);
        assert_eq!(shown(&mut texts, Part::Value), ["a"], "the dictionary lives on");
    }
}
