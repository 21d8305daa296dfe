//! Every format holds the same rows, and a file has its name only when it is complete.

mod common;

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use peregrine_tables::{Columns, Dataset, FileFormat, Request, SCHEMA_VERSION, Table, WriteOptions, Writer};
use serde_json::Value as Json;

const COLUMNS: [&str; 8] =
    ["evt.num", "evt.rawtime", "evt.type", "proc.name", "proc.aname", "fd.sip", "evt.buffer", "evt.failed"];

fn request() -> Request {
    Request::new(Columns::new(Table::Events, COLUMNS).expect("columns").with_parts())
}

fn write(path: &Path, batches: &[RecordBatch], options: &WriteOptions) {
    let mut writer = Writer::create(path, request().columns().schema(), options).expect("a file");
    batches.iter().for_each(|batch| writer.write(batch).expect("it is written"));
    assert!(!path.exists(), "it has no name yet");
    writer.finish().expect("it is complete");
}

fn parquet(path: &Path) -> Vec<RecordBatch> {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
    file.build().expect("batches").map(|batch| batch.expect("a batch")).collect()
}

#[test]
fn binary_formats_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let batches = common::batches("net.scap", &request());
    let expect = common::rows(&batches);
    assert_eq!(expect.len(), 34_358);

    let path = folder.path().join("x.parquet");
    let mut options = WriteOptions::new(FileFormat::Parquet);
    options.row_group = 10_000;
    options.metadata = vec![("mine".to_owned(), "yes".to_owned())];
    write(&path, &batches, &options);
    assert_eq!(common::rows(&parquet(&path)), expect);
    let reader = SerializedFileReader::new(File::open(&path).expect("a file")).expect("Parquet");
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [10_000, 10_000, 10_000, 4_358]);
    let column = reader.metadata().row_group(0).column(0);
    assert!(column.statistics().is_some_and(|statistics| statistics.min_bytes_opt().is_some()));
    assert!(format!("{:?}", column.compression()).starts_with("ZSTD"));
    let about = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    let value = |key: &str| about.iter().find(|one| one.key == key).and_then(|one| one.value.as_deref());
    assert_eq!(value("peregrine.schema_version"), Some(SCHEMA_VERSION.to_string().as_str()));
    assert_eq!((value("peregrine.table"), value("mine")), (Some("events"), Some("yes")));
    let schema = parquet(&path)[0].schema();
    let field = schema.field_with_name("fd.sip.binary").expect("a column");
    assert_eq!(field.metadata().get("peregrine.field").map(String::as_str), Some("fd.sip"));

    let path = folder.path().join("x.arrow");
    write(&path, &batches, &WriteOptions::new(FileFormat::Arrow));
    let reader = FileReader::try_new(File::open(&path).expect("a file"), None).expect("Arrow");
    let back: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
    assert_eq!(common::rows(&back), expect);
}

#[test]
fn text_formats_hold_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let request = request().filter("evt.type = write and fd.sport = 14444");
    let batches = common::batches("attack-a.scap", &request);
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();

    let path = folder.path().join("x.json");
    write(&path, &batches, &WriteOptions::new(FileFormat::Json));
    let text = std::fs::read_to_string(&path).expect("a file");
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), rows);
    let id = lines.iter().find(|line| line["proc.name"] == "id").expect("id writes to the shell's connection");
    assert_eq!(id["fd.sip"], "127.0.0.1");
    assert_eq!(id["fd.sip.binary"], "00000000000000000000ffff7f000001");
    assert_eq!(id["proc.aname"], serde_json::json!(["sh", "python3", "bash", "bash"]));
    assert_eq!(id["evt.buffer.text"], "uid=0(root) gid=0(root) groups=0(root)\n".trim_end().to_owned() + ".");
    assert!(
        id["evt.rawtime"].as_str().is_some_and(|time| time.starts_with("2026-11-22T00:19:3") && time.ends_with('Z'))
    );
    assert_eq!(id["evt.failed"], false);

    let path = folder.path().join("x.csv");
    write(&path, &batches, &WriteOptions::new(FileFormat::Csv));
    let text = std::fs::read_to_string(&path).expect("a file");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "evt.num,evt.rawtime,evt.type,proc.name,proc.aname,fd.sip,fd.sip.binary,evt.buffer,evt.buffer.text,evt.failed"
        )
    );
    let id = lines.find(|line| line.contains(",write,id,")).expect("id writes");
    assert!(id.contains(r#",id,"[""sh"",""python3"",""bash"",""bash""]",127.0.0.1,"#), "{id}");
    assert!(id.contains(",7569643d30"), "bytes are hexadecimal: {id}");
}

#[test]
fn a_table_without_rows_is_a_file_too() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in FileFormat::ALL {
        let path = folder.path().join(format.name());
        write(&path, &[], &WriteOptions::new(*format));
        let bytes = std::fs::read(&path).expect("a file");
        assert_eq!(bytes.is_empty(), *format == FileFormat::Json, "{format:?}");
    }
    assert_eq!(parquet(&folder.path().join("parquet")).len(), 0);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.parquet");
    std::fs::write(&path, "before").expect("a file");
    let batches = common::batches("procs.scap", &request());
    let schema = request();
    let mut writer =
        Writer::create(&path, schema.columns().schema(), &WriteOptions::new(FileFormat::Parquet)).expect("a file");
    writer.write(&batches[0]).expect("it is written");
    drop(writer);
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "before");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_dataset_has_a_folder_for_each_host_and_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let batches = common::batches("attack-a.scap", &request());
    let options = WriteOptions::new(FileFormat::Parquet);
    let schema = request();
    let schema = schema.columns().schema();
    let mut dataset = Dataset::new(folder.path(), schema, "evt.rawtime", options).expect("a dataset");
    dataset.capture(Path::new("/captures/a.scap.gz")).expect("a capture");
    batches.iter().for_each(|batch| dataset.write(Some(b"web/1"), batch).expect("it is written"));
    dataset.capture(Path::new("/captures/b.scap")).expect("a capture");
    dataset.write(None, &batches[0]).expect("it is written");
    dataset.finish().expect("it is complete");
    let found: Vec<String> = glob::glob(&format!("{}/*/*/*", folder.path().display()))
        .expect("a pattern")
        .map(|path| path.expect("a path").strip_prefix(folder.path()).expect("below it").to_string_lossy().into_owned())
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("host=unknown/date=2026-11-22/b-"), "{found:?}");
    assert!(found[1].starts_with("host=web%2F1/date=2026-11-22/a-"), "{found:?}");
    assert_eq!(common::rows(&parquet(&folder.path().join(&found[1]))), common::rows(&batches));
    assert!(Dataset::new(folder.path(), schema, "evt.num.s", WriteOptions::new(FileFormat::Parquet)).is_err());
}
