//! Every value of a table, read back from its Parquet file, is that of `pscap read --json`.

mod common;

use std::fs::File;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use peregrine_tables::{Columns, FileFormat, Request, Table, WriteOptions, Writer};
use scap::savefile::Reader;
use scap::schema::Format;
use serde_json::Value as Json;
use sinsp::Inspector;
use sinsp::fields::{FieldRef, Item};

/// Fields with an argument, of which there are too many to test all.
const WITH_ARGUMENT: [&str; 18] = [
    "evt.arg.flags",
    "evt.arg.name",
    "evt.arg.data",
    "evt.arg.res",
    "evt.arg[0]",
    "evt.rawarg.res",
    "evt.rawarg.flags",
    "evt.rawarg.fd",
    "evt.rawarg.data",
    "evt.rawarg.size",
    "evt.rawarg.mode",
    "evt.rawarg.name",
    "evt.type.is.307",
    "proc.aname[2]",
    "proc.apid[1]",
    "proc.env[PATH]",
    "proc.acmdline[3]",
    "thread.cgroup.cpu",
];

/// Returns whether the JSON of a field cannot be that of the column, and is compared otherwise or not at all.
fn is_other(field: &FieldRef) -> bool {
    // As in Falco, the JSON of the ancestors' ids or environments is that of the process itself, that of a network a
    // constant text.
    let is_own = matches!(field.def().name, "proc.apid" | "proc.aenv") && field.is_any_ancestor();
    is_own || field.def().name.ends_with("net")
}

#[track_caller]
fn check(field: &FieldRef, array: &ArrayRef, row: usize, json: Option<&Json>, num: u64) {
    let name = field.name();
    let Some(json) = json.filter(|json| !json.is_null()) else {
        // Fields for conditions alone have no JSON, nor have results and modes as raw parameters.
        let silent = field.is_any_end() || field.shape().list || field.def().name == "evt.rawarg";
        let empty = array_value_to_string(array, row).is_ok_and(|text| text.is_empty() || text == "[]");
        assert!(
            array.is_null(row) || silent || empty,
            "{num} {name}: {:?} has no JSON",
            array_value_to_string(array, row)
        );
        return;
    };
    assert!(array.is_valid(row), "{num} {name}: {json} is missing");
    let text = || array_value_to_string(array, row).expect("text");
    match (array.data_type(), json) {
        (DataType::Timestamp(..), Json::Number(_)) => {
            let time = array.as_primitive::<TimestampNanosecondType>().value(row);
            assert_eq!(Some(time as u64), json.as_u64(), "{num} {name}");
        }
        (DataType::List(_), Json::String(joined)) => {
            // The JSON of a list of all ancestors is one text.
            let list = array.as_list::<i32>().value(row);
            let texts = list.as_string::<i32>().iter().flatten().skip_while(|text| text.is_empty());
            assert_eq!(texts.collect::<Vec<_>>().join(" "), *joined, "{num} {name}");
        }
        (DataType::List(_), Json::Array(items)) => {
            let list = array.as_list::<i32>().value(row);
            let texts: Vec<Json> = list.as_string::<i32>().iter().map(Json::from).collect();
            assert_eq!(texts, *items, "{num} {name}");
        }
        (DataType::Float64, Json::Number(number)) => {
            let value = array.as_primitive::<arrow_array::types::Float64Type>().value(row);
            assert_eq!(Some(value), number.as_f64(), "{num} {name}");
        }
        (_, Json::Number(number)) if number.is_i64() => {
            let value = cast(&array.slice(row, 1), &DataType::Int64).expect("a number");
            assert_eq!(Some(value.as_primitive::<Int64Type>().value(0)), number.as_i64(), "{num} {name}");
        }
        (_, Json::Number(number)) => {
            let value = cast(&array.slice(row, 1), &DataType::UInt64).expect("a number");
            assert_eq!(Some(value.as_primitive::<UInt64Type>().value(0)), number.as_u64(), "{num} {name}");
        }
        (DataType::Boolean, Json::Bool(truth)) => assert_eq!(array.as_boolean().value(row), *truth, "{num} {name}"),
        (ty, Json::String(expect)) if ty.is_integer() => {
            // Numbers that are printed in hexadecimal or octal, and numbers of raw parameters.
            let value: i64 = text().parse().expect("a number");
            let hex = field.def().format == Format::Hex;
            let bits = if matches!(ty, DataType::Int32) { value & 0xffff_ffff } else { value };
            let forms = [format!("{bits:X}"), format!("{bits:o}"), value.to_string()];
            let known = if hex { &forms[..1] } else { &forms[..] };
            assert!(known.contains(expect), "{num} {name}: {expect} is none of {known:?}");
        }
        (_, Json::String(expect)) => assert_eq!(text(), *expect, "{num} {name}"),
        (ty, other) => panic!("{num} {name}: {other} in a column of {ty}"),
    }
}

fn read_back(path: &std::path::Path) -> Vec<RecordBatch> {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
    file.build().expect("batches").map(|batch| batch.expect("a batch")).collect()
}

#[test]
fn values_are_those_of_json() {
    let name = "procs.scap";
    let names: Vec<String> = Table::Events.all_columns().into_iter().chain(WITH_ARGUMENT.map(str::to_owned)).collect();
    let columns = Columns::new(Table::Events, &names).expect("columns").with_parts();
    let request = Request::new(columns);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.parquet");
    let mut writer =
        Writer::create(&path, request.columns().schema(), &WriteOptions::new(FileFormat::Parquet)).expect("it");
    for batch in common::batches(name, &request) {
        writer.write(&batch).expect("it is written");
    }
    writer.finish().expect("a file");
    let batches = read_back(&path);
    assert_eq!(batches[0].schema().fields(), request.columns().schema().fields(), "the types come back");

    let fields: Vec<FieldRef> = names
        .iter()
        .filter(|name| !matches!(name.as_str(), "capture" | "host"))
        .map(|name| FieldRef::parse(name).expect(name))
        .collect();
    let mut rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let mut compared = 0_u64;
    let arena = bumpalo::Bump::new();
    let mut buffer = Vec::new();
    Inspector::new(Reader::open(common::capture(name)).expect("a capture"))
        .for_each(|event| {
            let (batch, row) = rows.next().expect("a row for each event");
            for field in fields.iter().filter(|field| !is_other(field)) {
                let json = field.json(&event, &arena).map(|value| {
                    buffer.clear();
                    value.write_json(&mut buffer);
                    serde_json::from_slice::<Json>(&buffer).expect("JSON")
                });
                let suffix = if field.shape().item == Item::Bytes { ".text" } else { "" };
                let array = batch.column_by_name(&format!("{}{suffix}", field.name())).expect("a column");
                check(field, array, row, json.as_ref(), event.num());
                compared += u64::from(json.is_some());
            }
        })
        .expect("events");
    assert!(rows.next().is_none(), "no other rows");
    assert!(compared > 500_000, "{compared}");
}

#[test]
fn addresses_are_bytes_too() {
    let columns = ["fd.sip", "fd.sip.binary", "fd.ip", "fd.port"];
    let all = common::table("attack-a.scap", Table::Events, &columns, "evt.type = connect and fd.sport = 9");
    let row =
        |ip: &str, bytes: &str| all.iter().any(|row| row.starts_with(&format!("{ip} | {bytes} | [{ip}, {ip}] | [")));
    assert!(row("127.0.0.1", "00000000000000000000ffff7f000001"), "{all:?}");
    assert!(row("::1", "00000000000000000000000000000001"), "{all:?}");
}
