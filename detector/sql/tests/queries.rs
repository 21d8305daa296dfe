//! Questions of an investigation in SQL, straight from captures: the answers are those that `peregrine-tables` is tested
//! with, and what is read of a capture is only what a query needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use datafusion::arrow::array::{Array as _, RecordBatch};
use datafusion::arrow::util::display::array_value_to_string;
use peregrine_sql::{Capture, Error, Options, Session};
use peregrine_tables::{Columns, Dataset, FileFormat, Request, Scan, Table, WriteOptions};
use scap::{HostState, Next, Source, SourceStats};

fn path(name: &str) -> PathBuf {
    testkit::root().join("testdata/captures").join(name)
}

fn session(names: &[&str]) -> Session {
    let mut options = Options::default();
    options.captures = names.iter().map(|name| Capture::file(&path(name))).collect();
    Session::new(options).expect("a session")
}

/// Returns the cells of an answer as text, a row in a line; a missing value is `-`.
fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let row = |batch: &RecordBatch, row: usize| {
        let cells = batch.columns().iter().map(|array| match array.is_valid(row) {
            true => array_value_to_string(array, row).expect("text"),
            false => "-".to_owned(),
        });
        cells.collect::<Vec<_>>().join(" | ")
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

#[track_caller]
fn ask(session: &Session, sql: &str) -> Vec<String> {
    rows(&session.collect(sql).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn who_connected_where() {
    let session = session(&["attack-a.scap"]);
    let sql = "SELECT proc.pid, proc.name, fd.cip, fd.sip, fd.sport, opened_by, result, bytes_in, bytes_out
               FROM connections WHERE opened_by = 'connect' ORDER BY proc.pid, fd.sip";
    assert_eq!(
        ask(&session, sql),
        [
            "19916 | curl | 127.0.0.1 | 127.0.0.1 | 9 | connect | EINPROGRESS | 0 | 0",
            "19918 | curl | 127.0.0.1 | 127.0.0.1 | 9 | connect | EINPROGRESS | 0 | 0",
            "19918 | curl | ::1 | ::1 | 9 | connect | EINPROGRESS | 0 | 0",
            "19933 | python3 | 127.0.0.1 | 127.0.0.1 | 14444 | connect | SUCCESS | 0 | 0",
            "19938 | bash | 127.0.0.1 | 127.0.0.1 | 14444 | connect | SUCCESS | 17 | 203",
            "20234 | ncat | 127.0.0.1 | 127.0.0.1 | 14555 | connect | EINPROGRESS | 0 | 2",
            "20290 | socat | 127.0.0.1 | 127.0.0.1 | 14556 | connect | SUCCESS | 3 | 3",
        ]
    );
}

#[test]
fn who_read_the_password_hashes_and_who_started_it() {
    let session = session(&["attack-a.scap"]);
    let sql = "SELECT f.proc.pid, f.proc.name, f.user.name, bytes_read, array_to_string(p.proc.aname, ' < ')
               FROM files f JOIN processes p ON f.proc.pid = p.proc.pid
               WHERE f.fd.name = '/etc/shadow' AND bytes_read > 0 ORDER BY 1";
    let shown = ask(&session, sql);
    assert_eq!(
        shown,
        [
            "19905 | cat | root | 631 | bash < bash",
            "20296 | dd | root | 631 | bash < bash",
            "20297 | su | root | 1262 | bash < bash",
        ]
    );
}

#[test]
fn events_are_counted_without_any_column() {
    let session = session(&["attack-a.scap"]);
    assert_eq!(ask(&session, "SELECT count(*) FROM events"), ["55343"]);
    assert_eq!(
        ask(&session, "SELECT count(*), count(DISTINCT proc.pid) FROM events WHERE fd.name = '/etc/shadow'"),
        ask(
            &session,
            "SELECT sum(a), count(*) FROM (SELECT count(*) a FROM events WHERE \"fd.name\" LIKE '/etc/shado_' GROUP BY proc.pid)"
        ),
    );
}

#[test]
fn processes_have_lists() {
    let session = session(&["attack-a.scap"]);
    assert_eq!(
        ask(&session, "SELECT exepaths, cmdlines, exit_code, proc.aname FROM processes WHERE proc.pid = 19905"),
        ["[/usr/bin/bash, /usr/bin/cat] | [bash attack-a.sh, cat /etc/shadow] | 0 | [bash, bash]"]
    );
    assert_eq!(
        ask(&session, "SELECT proc.pid FROM processes WHERE exit_signal = 9 AND array_has(proc.aname, 'misc')"),
        ["20206"]
    );
}

#[test]
fn alerts_require_rules() {
    let mut options = Options::default();
    options.captures = vec![Capture::file(&path("attack-a.scap"))];
    let rules = testkit::root().join("detector/daemon/rules/peregrine_rules.yaml");
    options.rules = Some(peregrine::Rules::builder().file(rules).expect("a file").build().expect("rules"));
    let with = Session::new(options).expect("a session");
    let sql =
        "SELECT rule, priority, proc.pid FROM alerts WHERE rule LIKE 'Sensitive credential%' ORDER BY time LIMIT 1";
    assert_eq!(ask(&with, sql), ["Sensitive credential file read | Critical | 19905"]);
    let error = session(&["attack-a.scap"]).collect(sql).expect_err("an error").to_string();
    assert!(error.contains("alerts"), "{error}");
}

#[test]
fn any_field_is_a_column_with_its_argument() {
    let session = session(&["procs.scap"]);
    let sql = "SELECT proc.aname[0] = proc.name, proc.aname[1] = proc.pname, evt.arg[0] IS NOT NULL, evt.rawarg.res, evt.arg.res
               FROM events WHERE evt.type = 'execve' AND proc.pname IS NOT NULL LIMIT 1";
    assert_eq!(ask(&session, sql), ["true | true | true | 0 | 0"]);
    let star = session.collect("SELECT * FROM events LIMIT 1").expect("a row");
    assert_eq!(
        star[0].num_columns(),
        peregrine_tables::Columns::default_of(peregrine_tables::Table::Events)
            .expect("columns")
            .schema()
            .fields()
            .len()
    );
}

#[test]
fn a_plan_shows_the_condition() {
    let session = session(&["attack-a.scap", "procs.scap"]);
    let plan = |sql: &str| ask(&session, &format!("EXPLAIN {sql}")).join("\n");
    let text = plan(
        "SELECT proc.name FROM events WHERE evt.type = 'openat' AND fd.name LIKE '/etc/%' AND length(proc.name) > 3",
    );
    assert!(
        text.contains("CaptureScan: table=events, captures=2, columns=[proc.name], condition=evt.type = \"openat\" and fd.name startswith \"/etc/\""),
        "{text}"
    );
    let text = plan(&format!("SELECT count(*) FROM events WHERE capture = '{}'", path("procs.scap").display()));
    assert!(text.contains("CaptureScan: table=events, captures=1, columns=[]"), "{text}");
    let text = plan("SELECT count(*) FROM processes WHERE proc.name = 'cat'");
    assert!(
        text.contains("CaptureScan: table=processes, captures=2, columns=[proc.name]\n")
            || text.ends_with("columns=[proc.name]"),
        "{text}"
    );
}

#[test]
fn captures_are_one_table() {
    let session = session(&["attack-a.scap", "net.scap", "procs.scap"]);
    let sum: u64 = ["attack-a.scap", "net.scap", "procs.scap"]
        .iter()
        .map(|name| ask(&self::session(&[name]), "SELECT count(*) FROM events")[0].parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(ask(&session, "SELECT count(*), count(DISTINCT capture) FROM events"), [format!("{sum} | 3")]);
}

#[test]
fn errors_have_their_place() {
    let session = session(&["procs.scap"]);
    let error = |sql: &str| match session.collect(sql) {
        Err(error @ (Error::Query { .. } | Error::Refused(_))) => error.to_string(),
        other => panic!("{sql}: {other:?}"),
    };
    assert_eq!(
        error("SELECT proc.name,\n       proc.nose\nFROM events"),
        "there is no column `proc.nose`\n 2 |        proc.nose\n   |        ^^^^^^^^^"
    );
    assert_eq!(
        error("SELECT nose FROM events"),
        "there is no column `nose`\n 1 | SELECT nose FROM events\n   |        ^^^^"
    );
    assert!(error("SELECT 1 FROM event").contains("event"));
    assert!(error("SELECT evt.num FROM processes").starts_with("there is no column `evt.num`"));
    assert!(error("COPY events TO 'x.csv'").contains("Unsupported SQL statement"));
    assert!(error("CREATE TABLE x AS SELECT 1").starts_with("only queries are possible"));
    assert!(error("INSERT INTO events SELECT * FROM events").starts_with("only queries are possible"));
}

#[test]
fn a_capture_that_is_cut_off_has_the_rows_before_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.scap");
    let whole = std::fs::read(path("procs.scap")).expect("a capture");
    std::fs::write(&cut, &whole[..whole.len() * 2 / 3]).expect("a file");
    let mut options = Options::default();
    options.captures = vec![Capture::file(&cut)];
    let session = Session::new(options).expect("a session");
    let count: u64 = ask(&session, "SELECT count(*) FROM events")[0].parse().expect("a number");
    assert!(count > 100, "{count}");
    let notes = session.notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].incomplete && notes[0].text.contains(&format!("the {count} events before that")), "{notes:?}");
    assert!(session.notes().is_empty());
}

/// Exports a table of captures to a dataset.
fn export(folder: &Path, table: Table, names: &[&str]) {
    let columns = Columns::default_of(table).and_then(|columns| columns.partitioned()).expect("columns");
    let options = WriteOptions::new(FileFormat::Parquet);
    let mut dataset = Dataset::new(folder, columns.schema(), table.time_column(), options).expect("a dataset");
    let request = Request::new(columns);
    for name in names {
        dataset.capture(&path(name)).expect("a capture");
        let mut scan =
            Scan::new(scap::savefile::Reader::open(path(name)).expect("a capture"), name, &request).expect("a scan");
        while let Some(batch) = scan.next().expect("a batch") {
            let host = scan.hostname().map(<[u8]>::to_vec);
            dataset.write(host.as_deref(), &batch).expect("it is written");
        }
    }
    dataset.finish().expect("it is complete");
}

#[test]
fn parquet_is_queried_too() {
    let folder = tempfile::tempdir().expect("a folder");
    export(folder.path(), Table::Connections, &["attack-a.scap", "net.scap"]);
    let mut options = Options::default();
    options.parquet = vec![folder.path().to_owned()];
    let parquet = Session::new(options).expect("a session");
    assert_eq!(parquet.tables(), ["connections"]);
    let captures = session(&["attack-a.scap", "net.scap"]);
    let sql = "SELECT host, proc.name, fd.sip, fd.sport, count(*), sum(bytes_out), min(first) FROM connections
               GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";
    let expect = ask(&captures, sql);
    assert!(expect.len() > 10, "{expect:?}");
    assert_eq!(ask(&parquet, sql), expect);
    assert_eq!(ask(&parquet, "SELECT count(*) FROM connections WHERE date < '2000-01-01'"), ["0"]);
}

#[test]
fn a_table_of_files_and_captures_has_the_rows_of_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let captures = session(&["attack-a.scap", "net.scap"]);
    for table in [Table::Events, Table::Connections, Table::Processes] {
        let dataset = folder.path().join(table.name());
        export(&dataset, table, &["attack-a.scap"]);
        let mut options = Options::default();
        options.parquet = vec![dataset];
        options.captures = vec![Capture::file(&path("net.scap"))];
        let both = Session::new(options).expect("a session");
        let (name, time) = (table.name(), table.time_column());
        let more = if table == Table::Processes { "proc.aname" } else { "user.name" };
        for sql in [
            format!("SELECT count(*), min({time}), max({time}) FROM {name}"),
            format!("SELECT host, proc.name, user.name, count(*) FROM {name} GROUP BY ALL ORDER BY 1, 2, 3"),
            format!("SELECT proc.pid, {more}, proc.cmdline FROM {name} WHERE proc.name LIKE 'c%' ORDER BY 1, 2, 3"),
        ] {
            let expect = ask(&captures, &sql);
            assert_eq!(ask(&both, &sql), expect, "{sql}");
            assert!(expect.len() > 5 || sql.contains("min("), "{sql}: {expect:?}");
        }
        let dates = ask(&both, &format!("SELECT date, count(*) FROM {name} GROUP BY 1 ORDER BY 1"));
        let of_times =
            format!("SELECT to_char(CAST({time} AS DATE), '%Y-%m-%d'), count(*) FROM {name} GROUP BY 1 ORDER BY 1");
        assert_eq!(dates, ask(&captures, &of_times));
        assert!(dates.iter().all(|row| row.starts_with("20")), "{dates:?}");
        // What was not exported is an error, though the capture has it.
        assert!(both.collect(&format!("SELECT proc.aname[7] FROM {name}")).is_err());
    }
    let mut options = Options::default();
    options.parquet = vec![folder.path().join("events")];
    options.captures = vec![Capture::file(&path("net.scap"))];
    let both = Session::new(options).expect("a session");
    let plan = ask(&both, "EXPLAIN SELECT proc.name FROM events WHERE evt.type = 'connect'").join("\n");
    let scan = "CaptureScan: table=events, captures=1, columns=[proc.name], condition=evt.type = \"connect\"";
    assert!(plan.contains(scan), "{plan}");
}

#[test]
fn the_first_rows_come_before_the_rest_is_read() {
    let mut options = Options::default();
    let read = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read);
    options.captures = vec![Capture::new("x", 0, move || {
        Ok(Box::new(Counted(scap::savefile::Reader::open(path("attack-a.scap"))?, Arc::clone(&counted))))
    })];
    let session = Session::new(options).expect("a session");
    let asked = |sql: &str| {
        read.store(0, Ordering::Relaxed);
        (ask(&session, sql).len(), read.load(Ordering::Relaxed))
    };
    let (rows, all) = asked("SELECT count(*) FROM events");
    assert!(rows == 1 && all > 55_000, "{all}");
    let (rows, events) = asked("SELECT evt.num, proc.name FROM events LIMIT 5");
    assert!(rows == 5 && events < 100, "{events}");
    // Some events match the condition.
    let (rows, events) = asked("SELECT evt.num FROM events WHERE evt.type = 'openat' LIMIT 5");
    assert!(rows == 5 && events < all / 10, "{events}");
    let (rows, events) = asked("SELECT evt.num FROM events LIMIT 3 OFFSET 9000");
    assert!(rows == 3 && events < all / 2, "{events}");
}

/// A capture whose events are counted.
struct Counted(scap::savefile::Reader<std::fs::File>, Arc<AtomicU64>);

impl Source for Counted {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.next()
    }

    fn host(&self) -> &HostState {
        self.0.host()
    }

    fn stats(&self) -> SourceStats {
        self.0.stats()
    }
}

#[test]
fn an_interrupt_ends_a_query() {
    let mut options = Options::default();
    options.captures = vec![Capture::file(&path("attack-a.scap"))];
    options.interrupt = Some(Arc::new(AtomicBool::new(true)));
    let session = Session::new(options).expect("a session");
    let outcome = session.collect("SELECT count(*) FROM events a CROSS JOIN events b CROSS JOIN events c");
    assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
}

#[test]
fn memory_is_bounded() {
    let mut options = Options::default();
    options.captures = vec![Capture::file(&path("attack-a.scap"))];
    options.memory = 4 << 20;
    let session = Session::new(options).expect("a session");
    // It is sorted with files.
    let sorted = ask(&session, "SELECT evt.num, evt.args FROM events ORDER BY evt.args DESC, evt.num");
    assert_eq!(sorted.len(), 55_343);
}
