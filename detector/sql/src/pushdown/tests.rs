//! Conditions against the predicates that they are made of, on every event of captures: a condition excludes no row that
//! the predicate keeps, and an exact one keeps no other.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, TimestampNanosecondType};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::DFSchema;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::prelude::SessionContext;
use peregrine_tables::{Columns, Request, Scan, Table};
use proptest::prelude::*;
use rule_engine::filter::FilterSetBuilder;
use scap::Source;
use sinsp::Inspector;
use tokio::runtime::Runtime;

use super::*;

/// Fields with an argument.
const WITH_ARGUMENT: [&str; 9] = [
    "evt.arg.flags",
    "evt.arg.name",
    "evt.arg[0]",
    "evt.rawarg.res",
    "evt.rawarg.fd",
    "evt.type.is.307",
    "proc.aname[2]",
    "proc.apid[1]",
    "proc.env[PATH]",
];

/// The events of a capture with all columns.
struct Recorded<F> {
    open: F,
    runtime: Runtime,
    context: SessionContext,
    batch: RecordBatch,
    schema: DFSchema,
}

fn capture(name: &str) -> Recorded<impl Fn() -> Box<dyn Source>> {
    let path = testkit::root().join("testdata/captures").join(name);
    recorded(move || Box::new(scap::savefile::Reader::open(&path).expect("a capture")))
}

fn recorded<F: Fn() -> Box<dyn Source>>(open: F) -> Recorded<F> {
    let names = Table::Events.all_columns().into_iter().chain(WITH_ARGUMENT.map(str::to_owned));
    let columns = Columns::new(Table::Events, names).expect("columns").with_parts();
    let mut scan = Scan::new(open(), "x.scap", &Request::new(columns.clone())).expect("a scan");
    let mut batches = Vec::new();
    while let Some(batch) = scan.next().expect("a batch") {
        batches.push(batch);
    }
    let batch = concat_batches(columns.schema(), &batches).expect("one batch");
    let context = SessionContext::new();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).expect("a table");
    context.register_table("events", Arc::new(table)).expect("it is registered");
    let schema = DFSchema::try_from_qualified_schema("events", &batch.schema()).expect("a schema");
    Recorded { open, runtime: Runtime::new().expect("a runtime"), context, batch, schema }
}

impl<F: Fn() -> Box<dyn Source>> Recorded<F> {
    /// Returns the predicates that a condition of SQL has when it is pushed down.
    fn predicates(&self, sql: &str) -> Vec<Expr> {
        let text = format!("SELECT \"evt.num\" FROM events WHERE {sql}");
        let frame = self.runtime.block_on(self.context.sql(&text)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let plan = frame.into_optimized_plan().unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut found = Vec::new();
        let mut plans = vec![&plan];
        while let Some(plan) = plans.pop() {
            if let LogicalPlan::Filter(filter) = plan {
                found.extend(split_conjunction(&filter.predicate).into_iter().cloned());
            }
            plans.extend(plan.inputs());
        }
        found
    }

    /// Compares the conditions of predicates with the engine. Returns how many there were, and how many of them exact.
    fn check(&self, texts: &[String]) -> (usize, usize) {
        let mut set = FilterSetBuilder::new(SinspSchema::new(Fields::new()));
        let mut cases = Vec::new();
        for text in texts {
            for predicate in self.predicates(text) {
                let Some(pushed) = translate(&predicate) else { continue };
                set.add(&pushed.text()).unwrap_or_else(|error| panic!("{}: {error}", pushed.text()));
                let holds = self.context.create_physical_expr(predicate, &self.schema).expect("an expression");
                let holds = holds.evaluate(&self.batch).and_then(|found| found.into_array(self.batch.num_rows()));
                cases.push((text, pushed, holds.unwrap_or_else(|error| panic!("{text}: {error}"))));
            }
        }
        let mut set = set.build();
        let mut row = 0;
        let mut matched = vec![false; cases.len()];
        Inspector::new((self.open)())
            .for_each(|event| {
                matched.fill(false);
                set.matches(&event, |at| matched[at] = true);
                for ((text, pushed, holds), matched) in cases.iter().zip(&matched) {
                    let kept = holds.as_boolean().is_valid(row) && holds.as_boolean().value(row);
                    let what = || format!("event {}: {text}: {}", event.num(), pushed.text());
                    assert!(*matched || !kept, "a row is lost, {}", what());
                    assert!(!pushed.exact || *matched == kept, "a row too much, {}", what());
                }
                row += 1;
            })
            .expect("events");
        assert_eq!(row, self.batch.num_rows());
        (cases.len(), cases.iter().filter(|(_, pushed, _)| pushed.exact).count())
    }

    /// Returns constants of SQL: some values of a column, and one that it does not have.
    fn constants(&self, column: &ArrayRef) -> Vec<String> {
        let valid: Vec<usize> = (0..column.len()).filter(|row| column.is_valid(*row)).collect();
        let mut rows: Vec<usize> =
            [0, 1, 2, 3].iter().filter_map(|part| valid.get(valid.len() * part / 4)).copied().collect();
        rows.extend(valid.last());
        let mut texts: Vec<String> = rows.iter().filter_map(|row| constant(column, *row)).collect();
        texts.extend(match column.data_type() {
            DataType::Dictionary(..) | DataType::Utf8 => Some("'none such'".to_owned()),
            DataType::Boolean | DataType::Timestamp(..) => None,
            _ => Some("7".to_owned()),
        });
        texts.sort();
        texts.dedup();
        texts
    }
}

fn constant(column: &ArrayRef, row: usize) -> Option<String> {
    match column.data_type() {
        DataType::Dictionary(..) | DataType::Utf8 => {
            let text = array_value_to_string(column, row).expect("text");
            Some(format!("'{}'", text.replace('\'', "''")))
        }
        DataType::Boolean => Some(column.as_boolean().value(row).to_string()),
        DataType::Timestamp(..) => {
            let time = column.as_primitive::<TimestampNanosecondType>().value(row);
            Some(format!("arrow_cast({time}, 'Timestamp(Nanosecond, Some(\"UTC\"))')"))
        }
        ty if ty.is_integer() => Some(array_value_to_string(column, row).expect("a number")),
        _ => None,
    }
}

/// Returns predicates of a column.
fn single(name: &str, ty: &DataType, constants: &[String]) -> Vec<String> {
    let name = format!("\"{name}\"");
    let mut all = vec![format!("{name} IS NULL"), format!("{name} IS NOT NULL"), format!("NOT ({name} IS NULL)")];
    for value in constants {
        for op in ["=", "!=", "<", "<=", ">", ">="] {
            all.push(format!("{name} {op} {value}"));
            all.push(format!("NOT ({value} {op} {name})"));
        }
        all.push(format!("({name} = {value}) IS TRUE"));
        all.push(format!("({name} = {value}) IS NOT TRUE"));
        all.push(format!("({name} = {value}) IS FALSE"));
    }
    if let [first, .., last] = constants {
        all.push(format!("{name} IN ({})", constants.join(", ")));
        all.push(format!("{name} NOT IN ({})", constants.join(", ")));
        all.push(format!("{name} IN ({first}, NULL)"));
        all.push(format!("{name} NOT IN ({first}, NULL)"));
        all.push(format!("{name} BETWEEN {first} AND {last}"));
        all.push(format!("{name} NOT BETWEEN {first} AND {last}"));
    }
    if *ty == DataType::Boolean {
        all.push(name.clone());
        all.push(format!("NOT {name}"));
    }
    if matches!(ty, DataType::Dictionary(..) | DataType::Utf8) {
        for value in constants {
            let text = value.trim_matches('\'').replace("''", "'");
            let letters: Vec<char> = text.chars().collect();
            let part = |from: usize, to: usize| {
                let letters = letters.get(from..to.min(letters.len())).unwrap_or_default();
                letters.iter().collect::<String>().replace('\'', "''")
            };
            let (start, middle, end) = (part(0, 3), part(1, 4), part(letters.len().saturating_sub(3), letters.len()));
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            for pattern in [
                escaped(&part(0, 200)),
                format!("{}%", escaped(&start)),
                format!("%{}", escaped(&end)),
                format!("%{}%", escaped(&middle)),
                format!("{}%{}", escaped(&start), escaped(&end)),
                format!("%{}%{}%", escaped(&start), escaped(&middle)),
                format!("_{}%", escaped(&middle)),
                format!("{start}%"),
            ] {
                all.push(format!("{name} LIKE '{pattern}'"));
                all.push(format!("{name} NOT LIKE '{pattern}'"));
                all.push(format!("{name} ILIKE '{pattern}'"));
            }
            for function in ["starts_with", "ends_with", "contains"] {
                all.push(format!("{function}({name}, '{middle}')"));
                all.push(format!("NOT {function}({name}, '{start}')"));
            }
        }
    }
    all
}

/// Every column of a capture with every form of predicate that there is for it.
fn every_column<F: Fn() -> Box<dyn Source>>(recorded: &Recorded<F>) -> (usize, usize) {
    let schema = recorded.batch.schema();
    let mut all = Vec::new();
    for (field, column) in schema.fields().iter().zip(recorded.batch.columns()) {
        if constant_types(field.data_type()) {
            all.extend(single(field.name(), field.data_type(), &recorded.constants(column)));
        }
    }
    recorded.check(&all)
}

fn constant_types(ty: &DataType) -> bool {
    ty.is_integer()
        || matches!(ty, DataType::Dictionary(..) | DataType::Utf8 | DataType::Boolean | DataType::Timestamp(..))
}

#[test]
fn every_column_of_processes() {
    let (cases, exact) = every_column(&capture("procs.scap"));
    assert!(cases > 2_000 && exact > 1_000, "{cases}, {exact}");
}

#[test]
fn every_column_of_connections() {
    let (cases, exact) = every_column(&capture("net.scap"));
    assert!(cases > 2_000 && exact > 1_000, "{cases}, {exact}");
}

#[test]
fn predicates_in_any_order() {
    let recorded = capture("procs.scap");
    let schema = recorded.batch.schema();
    let names = [
        "evt.num",
        "evt.type",
        "evt.rawres",
        "evt.rawtime",
        "evt.is_open_read",
        "proc.name",
        "proc.pid",
        "proc.exepath",
        "proc.aname[2]",
        "fd.name",
        "fd.num",
        "fd.sip",
        "user.uid",
        "capture",
        "evt.args",
        "evt.arg.flags",
    ];
    let leaves: Vec<String> = names
        .iter()
        .flat_map(|name| {
            let field = schema.field_with_name(name).expect(name);
            single(name, field.data_type(), &recorded.constants(recorded.batch.column_by_name(name).expect("a column")))
        })
        .collect();
    let leaf = proptest::sample::select(leaves);
    let tree = leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    });
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts: Vec<String> = (0..1_000)
        .map(|_| proptest::strategy::Strategy::new_tree(&tree, &mut runner).expect("a tree").current())
        .collect();
    let (cases, exact) = recorded.check(&texts);
    assert!(cases > 300 && exact > 50, "{cases}, {exact}");
}

#[test]
fn the_names_without_nul_are_fields() {
    for name in WITHOUT_NUL {
        let field = FieldRef::parse(name).expect(name);
        assert!(is_same(&field) && field.shape().item == Item::Text, "{name}");
    }
}

/// Text behind a NUL, which only a capture that somebody made has, is not in a column, but may be in a condition.
#[test]
fn text_with_a_nul() {
    let text = r#"
machine cpus=2 hostname="bo\0x"
user uid=0 gid=0 name="ro\0ot"
thread tid=7 pid=7 ptid=1 comm="s\0h" exe="sh\0x" exepath="/bin/sh\0x" cwd="/root\0/"
1700000000.000000001 tid=7 openat fd=3 dirfd=AT_FDCWD name="/no\0tes" flags=O_RDONLY mode=0 dev=0 ino=0
+1ms tid=7 read res=2 data=b"h\0i" fd=3 size=9
+1ms tid=7 unlinkat res=0 dirfd=AT_FDCWD name="/a\0b" flags=0
+1ms tid=7 renameat2 res=0 olddirfd=AT_FDCWD oldpath="/a\0b" newdirfd=AT_FDCWD newpath="/c\0d" flags=0
"#;
    let open = move || Box::new(text.parse::<scap::text::Trace>().expect("a trace")) as Box<dyn Source>;
    let (cases, _) = every_column(&recorded(open));
    assert!(cases > 1_000, "{cases}");
}
