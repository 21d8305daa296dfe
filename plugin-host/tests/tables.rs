//! State tables: the threads of the inspector, and those of plugins.

mod common;

use common::{Built, configured, log, matches, of_syscalls};
use peregrine_plugin_host::{Error, SourcePlugins, SyscallPlugins};
use scap::text::Trace;
use sinsp::Inspector;
use std::sync::Arc;

const TRACE: &str = "thread tid=7 pid=7 ptid=1 comm=\"sh\" exe=\"sh\" exepath=\"/bin/sh\" args=[\"-c\",\"x\"] env=[\"A=1\",\"B=2\"] \
    cgroups=[\"cpu=/a\",\"memory=/b\"] cwd=\"/\" uid=1000 vtid=7 vpid=7\n\
    thread tid=8 pid=8 ptid=7 comm=\"cat\" exepath=\"/bin/cat\" cwd=\"/\" uid=0 vtid=8 vpid=8\n\
    fd tid=7 num=0 kind=file name=\"/dev/null\" flags=O_RDWR\n\
    1700000001.0 tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/etc/shadow\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
    1700000002.0 tid=8 chdir res=0 path=\"/tmp\"\n\
    1700000003.0 tid=7 openat fd=4 dirfd=AT_FDCWD name=\"/etc/hosts\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
    1700000004.0 tid=7 close res=0 fd=3\n\
    1700000005.0 tid=8 procexit status=0 ret=0 sig=0 core=0 reaper_tid=0\n\
    1700000006.0 tid=7 chdir res=0 path=\"/tmp\"\n";

/// Returns the numbers of the events for which a condition is true.
fn matched(set: &Arc<SourcePlugins>, condition: &str) -> Vec<u64> {
    let plugins = SyscallPlugins::init(set, &log().0, false).unwrap_or_else(|error| panic!("{error}"));
    matches(set, plugins, TRACE, condition)
}

#[test]
fn plugins_read_threads_and_each_others_tables() {
    let (Some(tagger), Some(follower)) = (testkit::sdk_plugin("tagger"), testkit::sdk_plugin("follower")) else {
        return;
    };
    let set = of_syscalls(&[configured(tagger, ""), configured(follower, "")]);
    for (condition, expected) in [
        ("follower.name = \"sh /bin/sh\"", vec![1, 3, 4, 6]),
        ("follower.uid = 0", vec![2, 5]),
        ("follower.pid = 8", vec![2, 5]),
        // The fields that the other plugin added.
        ("follower.tag = sh-2", vec![3]),
        ("follower.tag = cat-1 or follower.seen = 4", vec![2, 6]),
        // The tables of a thread.
        ("follower.fd[3] = /etc/shadow", vec![1, 3, 4]),
        ("follower.fd[0] = /dev/null and follower.fds = 3", vec![3, 4]),
        ("follower.argument[1] = x and not follower.argument[2] exists", vec![1, 3, 4, 6]),
        ("follower.variable[1] = \"B=2\" and not follower.variable[2] exists", vec![1, 3, 4, 6]),
        ("follower.cgroup[1] = \"memory=/b\" and not follower.cgroup[2] exists", vec![1, 3, 4, 6]),
        ("follower.threads intersects (cat)", vec![1, 2, 3, 4, 5]),
        // The table of the other plugin, and the tables in it: 307 is openat, 155 close.
        ("follower.mark = cat", vec![2, 5]),
        ("follower.kind[307] = 2", vec![3, 4, 6]),
        ("follower.tables = \"threads:4 marks:4\"", vec![1, 2, 3, 4, 5, 6]),
    ] {
        assert_eq!(matched(&set, condition), expected, "{condition}");
    }
}

#[test]
fn a_plugin_that_requires_a_table_of_another_needs_it_first() {
    let (Some(tagger), Some(follower)) = (testkit::sdk_plugin("tagger"), testkit::sdk_plugin("follower")) else {
        return;
    };
    let set = of_syscalls(&[configured(follower, ""), configured(tagger, "")]);
    let error = SyscallPlugins::init(&set, &log().0, false).unwrap_err();
    assert!(matches!(&error, Error::Call { call: "plugin_init", .. }), "{error}");
    assert!(error.to_string().contains("the table has no field of that name"), "{error}");
}

#[test]
fn what_a_plugin_may_not_do_with_tables_is_an_error_for_it() {
    let built = Built::of("tables.c", &[]);
    let set = of_syscalls(&[built.configured("", "")]);
    let (to, lines) = log();
    let plugins = SyscallPlugins::init(&set, &to, false).unwrap_or_else(|error| panic!("{error}"));
    let mut inspector = Inspector::builder(Trace::parse(TRACE).unwrap()).extension(Arc::clone(&plugins) as _).build();
    inspector.for_each(|_| ()).unwrap();
    let lines = lines.lock().unwrap();
    let lines: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
    let expected = include_str!("c/tables.txt");
    assert_eq!(lines.join("\n") + "\n", expected);
}
