//! Tests of the listings and the page of the documentation.

use peregrine_sinsp::fields::{Fields, ListOptions, Listing, page};

fn list(form: Listing, names_only: bool, verbose: bool) -> String {
    Fields::new().with_static("env", "prod").list(ListOptions { form, names_only, verbose, ..ListOptions::default() })
}

#[test]
fn names_leave_out_columns_and_deprecated_fields() {
    let names = list(Listing::Text, true, false);
    let names: Vec<_> = names.lines().collect();
    for name in ["evt.num", "evt.arg", "proc.aname", "fd.net", "fdlist.nums", "container.id", "static.env"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in ["evt.latency", "evt.dir", "evt.count.procinfo", "thread.nametid", "util.cnt"] {
        assert!(!names.contains(&name), "{name}");
    }
    let all = Fields::new().list(ListOptions { names_only: true, deprecated: true, ..ListOptions::default() });
    assert!(all.lines().any(|name| name == "evt.dir"));
}

#[test]
fn text_has_a_block_for_each_class() {
    let text = list(Listing::Text, false, false);
    assert!(text.starts_with(
        "-------------------------------\n\
         Field Class:                  evt (All event types)\n\
         Description:                  Fields of events of every source. \n\
         Event Sources:                syscall \n\n\
         evt.num                       the number of the event in the stream, from 1;"
    ));
    assert!(text.contains("\nfd.net                        (FILTER ONLY) the address of either end,"));
    // A name that is too long is on its own line.
    assert!(text.contains("\nproc.exe_ino.ctime_duration_proc_start\n                              nanoseconds"));
    assert!(text.lines().all(|line| line.chars().count() <= 121));
    assert!(list(Listing::Text, false, true).contains("\nproc.name                     (Type: CHARBUF) the file name"));
}

#[test]
fn markdown_has_a_table_for_each_class() {
    let text = list(Listing::Markdown, false, false);
    assert!(text.contains("## Field Class: process\n\n"));
    assert!(text.contains("Name | Type | Description\n:----|:-----|:-----------\n`proc.exe` | CHARBUF | "));
    assert!(text.contains("`fd.types` | LIST(CHARBUF) | "));
}

#[test]
fn json_describes_arguments() {
    let json: serde_json::Value = serde_json::from_str(&list(Listing::Json, false, false)).expect("JSON");
    let fields = json["fieldclasses"].as_array().expect("classes").iter();
    let fields: Vec<_> = fields.flat_map(|class| class["fields"].as_array().expect("fields")).collect();
    let field = |name: &str| *fields.iter().find(|field| field["name"] == name).expect(name);
    assert_eq!(field("proc.name")["type"], "CHARBUF");
    assert_eq!(field("proc.name")["argument"], serde_json::Value::Null);
    assert_eq!(field("evt.arg")["argument"]["required"], true);
    assert_eq!(field("proc.aname")["argument"]["required"], false);
    assert_eq!(field("container.mount")["argument"]["type"], serde_json::json!(["INDEX", "KEY"]));
    assert_eq!(field("fd.types")["is_list"], true);
    let json: serde_json::Value = serde_json::from_str(&list(Listing::Json, true, false)).expect("JSON");
    assert!(json["fieldnames"].as_array().expect("names").contains(&"static.env".into()));
}

/// `UPDATE_EXPECT=1 cargo test -p peregrine-sinsp --test fields page` writes the page.
#[test]
fn the_page_in_the_documentation_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fields.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, page()).expect("docs can be written");
    }
    let there = std::fs::read_to_string(path).expect("docs/fields.md");
    assert!(there == page(), "docs/fields.md is not current: run the test with UPDATE_EXPECT=1");
}
