//! Tests that the schema matches that of Falco's driver, row by row, and is consistent.

use std::collections::{BTreeMap, BTreeSet};

use peregrine_scap::schema::{
    Category, EVENT_COUNT, EVENTS, EventCode, EventFlags, FlagTable, ParamType, SCHEMA_VERSION, SYSCALLS, SyscallCode,
    dynamic, flags,
};
use serde_json::Value;

/// Returns the facts of Falco's schema, if they are available.
fn facts() -> Option<Value> {
    let text = std::fs::read_to_string(testkit::shared()?.join("spec/events.json")).expect("the facts");
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn events_equal_the_facts() {
    let Some(facts) = facts() else { return };
    assert_eq!(text(&facts, "schema_version"), SCHEMA_VERSION);
    let rows = facts["events"].as_array().expect("events");
    assert_eq!(rows.len(), EVENT_COUNT);
    for (row, info) in rows.iter().zip(EVENTS.iter()) {
        assert_eq!(number(row, "code"), u64::from(info.code.0));
        assert_eq!(text(row, "name"), info.name, "{info:?}");
        assert!(text(row, "enum").ends_with(info.constant), "{row} {info:?}");
        assert_eq!(number(row, "category"), u64::from(info.category.bits()), "{info:?}");
        assert_eq!(number(row, "flags"), u64::from(info.flags.bits()), "{info:?}");
        let params = row["params"].as_array().expect("params");
        assert_eq!(params.len(), info.params.len(), "{info:?}");
        for (param, ours) in params.iter().zip(info.params) {
            assert_eq!(text(param, "name"), ours.name, "{info:?}");
            assert_eq!(text(param, "type"), ours.ty.name(), "{info:?}");
            assert_eq!(number(param, "format"), ours.format as u64, "{info:?}");
            assert_eq!(param["table"].as_str(), ours.flags.map(|table| table.name), "{info:?}");
            assert_eq!(param["dirfd_param"].as_u64(), ours.dirfd.map(|index| index as u64), "{info:?}");
            assert_eq!(ours.ty == ParamType::Dyn, !ours.dynamic.is_empty(), "{info:?}");
        }
    }
}

#[test]
fn types_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let types = facts["param_types"].as_object().expect("types");
    assert_eq!(types.len(), ParamType::ALL.len() + 2, "NONE and MAX are not types");
    for (index, ty) in ParamType::ALL.iter().enumerate() {
        assert_eq!(types[ty.name()].as_u64(), Some(*ty as u64), "{ty:?}");
        assert_eq!(*ty as usize, index + 1);
    }
    let ours = EventFlags::ALL.iter().map(|(name, flags)| (format!("EF_{name}"), u64::from(flags.bits())));
    let ours: BTreeMap<String, u64> = ours.collect();
    for (name, bits) in facts["event_flags"].as_object().expect("flags") {
        let name = if name == "EF_CONVERTER_MANAGED" { "EF_CONVERTED" } else { name };
        assert!(name == "EF_NONE" || ours.get(name) == bits.as_u64().as_ref(), "{name}");
    }
    let ours: BTreeMap<String, u64> =
        Category::ALL.iter().map(|(name, category)| (format!("EC_{name}"), u64::from(category.bits()))).collect();
    for (name, bits) in facts["categories"].as_object().expect("categories") {
        assert!(name == "EC_IO_BASE" || ours.get(name) == bits.as_u64().as_ref(), "{name}");
    }
}

#[test]
fn names_of_values_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let tables = facts["flag_tables"].as_object().expect("tables");
    for table in flags::TABLES {
        // The facts hold a name once; a table may hold it twice with one value.
        let mut seen = BTreeSet::new();
        let ours: Vec<(&str, u64)> = (table.entries.iter())
            .filter(|(name, _)| seen.insert(*name))
            .map(|&(name, value)| (name, u64::from(value)))
            .collect();
        let Some(rows) = tables.get(table.name) else { panic!("{} is not among the facts", table.name) };
        let rows: Vec<(&str, u64)> = (rows.as_object().expect("rows").iter())
            .map(|(name, value)| (name.as_str(), value.as_u64().expect("value")))
            .collect();
        assert_eq!(ours, rows, "{}", table.name);
    }
    assert_eq!(flags::TABLES.len(), tables.len());
}

#[test]
fn calls_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let codes = facts["syscall_codes"].as_object().expect("codes");
    assert_eq!(codes.len(), SYSCALLS.len());
    for (row, info) in facts["syscalls_x86_64"].as_array().expect("calls").iter().map(|row| {
        let code = SyscallCode(number(row, "sc") as u16);
        (row, code.info().unwrap_or_else(|| panic!("{row}")))
    }) {
        assert_eq!(Some(number(row, "nr") as u16), info.x86_64, "{info:?}");
        assert_eq!(number(row, "flags"), u64::from(info.flags.bits()), "{info:?}");
        let (enter, exit) = info.events.expect("a pair");
        // The facts have no pair for calls without their own events: 0, 0.
        let pair = (number(row, "enter") as u16, number(row, "exit") as u16);
        assert!(pair == (enter.0, exit.0) || pair == (0, 0) && exit == EventCode::GENERIC_X, "{row} {info:?}");
    }
    let on_x86 = SYSCALLS.iter().filter(|info| info.x86_64.is_some()).count();
    assert_eq!(facts["syscalls_x86_64"].as_array().map(Vec::len), Some(on_x86));
}

#[test]
fn rows_follow_the_rules_of_the_table() {
    for (index, info) in EVENTS.iter().enumerate() {
        assert_eq!(usize::from(info.code.0), index);
        assert_eq!(info.code.is_enter(), index % 2 == 0);
        let names: BTreeSet<&str> = info.params.iter().map(|param| param.name).collect();
        assert_eq!(names.len(), info.params.len(), "{}: a name is used twice", info.constant);
        for param in info.params {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!param.name.is_empty() && param.name.chars().all(is_name), "{param:?}");
            assert!(param.name.parse::<usize>().is_err(), "a number is an index: {param:?}");
            if let Some(dirfd) = param.dirfd {
                assert_eq!(param.ty, ParamType::FsRelPath);
                assert_eq!(info.params.get(dirfd).map(|param| param.ty), Some(ParamType::Fd), "{}", info.constant);
            }
            assert!(param.ty != ParamType::FsRelPath || param.dirfd.is_some(), "{}: {param:?}", info.constant);
        }
    }
}

#[test]
fn the_other_side_of_an_event_has_its_name() {
    for pair in EVENTS.chunks_exact(2) {
        let [enter, exit] = pair else { unreachable!("chunks of two") };
        let unused = |name| name == "NA";
        assert!(enter.name == exit.name || unused(enter.name) || unused(exit.name), "{enter:?} {exit:?}");
    }
    let constants: BTreeSet<&str> = EVENTS.iter().map(|info| info.constant).collect();
    assert_eq!(constants.len(), EVENT_COUNT, "a constant is used twice");
}

#[test]
fn at_most_one_pair_of_a_name_is_live() {
    let mut pairs = BTreeMap::new();
    for info in EVENTS.iter().filter(|info| info.is_live()) {
        let pair = pairs.entry(info.name).or_insert(info.code.0 / 2);
        assert_eq!(*pair, info.code.0 / 2, "{}", info.name);
    }
}

#[test]
fn every_event_of_a_call_leads_to_its_calls_and_back() {
    for info in EVENTS.iter() {
        let calls: Vec<SyscallCode> = info.code.syscalls().collect();
        let unused = info.flags.contains(EventFlags::UNUSED);
        let from_kernel = info.category.intersects(Category::SYSCALL | Category::TRACEPOINT);
        assert_eq!(calls.is_empty(), unused || !from_kernel, "{info:?} {calls:?}");
        for call in calls {
            assert!(call.events().any(|code| code == info.code));
        }
    }
    for info in SYSCALLS.iter().filter(|info| info.events.is_some()) {
        let (enter, exit) = info.events.expect("a pair");
        assert_eq!((enter.0 + 1, enter.is_enter()), (exit.0, true), "{info:?}");
        assert!(info.code.events().any(|code| code == enter || code == exit), "{info:?}");
        assert_eq!(SyscallCode::from_name(info.name), Some(info.code));
    }
}

#[test]
fn names_and_numbers_of_calls_are_used_once() {
    let names: BTreeSet<&str> = SYSCALLS.iter().map(|info| info.name).collect();
    assert_eq!(names.len(), SYSCALLS.len());
    for (index, info) in SYSCALLS.iter().enumerate() {
        assert_eq!(usize::from(info.code.0), index);
        assert!(info.x86_64.is_none_or(|number| SyscallCode::from_x86_64(number) == Some(info.code)), "{info:?}");
        assert!(info.aarch64.is_none_or(|number| SyscallCode::from_aarch64(number) == Some(info.code)), "{info:?}");
    }
    for (name, x86_64, aarch64) in [
        ("read", Some(0), Some(63)),
        ("openat", Some(257), Some(56)),
        ("open", Some(2), None),
        ("clone3", Some(435), Some(435)),
        ("fork", Some(57), None),
        ("execve", Some(59), Some(221)),
    ] {
        let info = SyscallCode::from_name(name).and_then(SyscallCode::info).expect("in the table");
        assert_eq!((info.x86_64, info.aarch64), (x86_64, aarch64), "{name}");
    }
}

#[test]
fn a_name_of_a_value_has_one_value() {
    let tables = flags::TABLES.iter().copied();
    let used = EVENTS.iter().flat_map(|info| info.params).filter_map(|param| param.flags);
    for table in tables.clone() {
        let mut values = BTreeMap::new();
        for (name, value) in table.entries {
            assert_eq!(values.insert(name, value).unwrap_or(value), value, "{} of {}", name, table.name);
        }
    }
    for table in used {
        assert!(tables.clone().any(|listed| std::ptr::eq::<FlagTable>(listed, table)), "{} is not listed", table.name);
    }
    for rows in [dynamic::SOCKOPT, dynamic::PTRACE, dynamic::BPF, dynamic::KEYCTL] {
        assert!(rows.iter().all(|row| row.ty != ParamType::Dyn), "a dynamic value holds no dynamic value");
    }
}
