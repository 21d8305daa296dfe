//! Questions of an investigation on a recorded intrusion. Connects and reads of `/etc/shadow` are what `pscap read` prints;
//! bytes, lifetimes and lineages are those of the first export, compared with the events at some places.

mod common;

use common::table;
use peregrine_tables::{Columns, Request, Table};

const ATTACK: &str = "attack-a.scap";

#[test]
fn who_connected_where() {
    let columns =
        ["proc.pid", "proc.name", "fd.cip", "fd.sip", "fd.sport", "opened_by", "result", "bytes_in", "bytes_out"];
    let mut rows = table(ATTACK, Table::Connections, &columns, "");
    rows.retain(|row| row.contains("| connect |"));
    rows.sort();
    assert_eq!(
        rows,
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
fn a_shell_behind_a_reverse_shell_has_the_connection_too() {
    let columns = ["proc.name", "proc.pname", "reads", "writes", "bytes_in", "bytes_out", "fd.name"];
    let rows = table(ATTACK, Table::Connections, &columns, "proc.pid in (19927, 19933, 19934, 19935)");
    let of_the_shell: Vec<&String> =
        rows.iter().filter(|row| row.ends_with("127.0.0.1:50552->127.0.0.1:14444")).collect();
    let shown = |row: &str| format!("{row} | 127.0.0.1:50552->127.0.0.1:14444");
    assert_eq!(
        of_the_shell,
        [
            &shown("id | sh | 0 | 1 | 0 | 39"),
            // The shell reads the commands and prints what they say; it and its children write 101 bytes in all.
            &shown("sh | python3 | 1 | 6 | 17 | 59"),
            &shown("python3 | bash | 0 | 0 | 0 | 0"),
            &shown("python3 | bash | 6 | 1 | 101 | 17"),
        ]
    );
}

#[test]
fn who_read_the_password_hashes() {
    let columns =
        ["proc.pid", "proc.name", "user.name", "opens", "failed_opens", "reads", "bytes_read", "proc.cmdline"];
    let mut rows = table(ATTACK, Table::Files, &columns, "fd.name = /etc/shadow");
    rows.sort();
    assert_eq!(
        rows,
        [
            "19905 | cat | root | 1 | 0 | 2 | 631 | cat /etc/shadow",
            "20186 | cp | root | 1 | 0 | 0 | 0 | cp /etc/passwd /etc/group /etc/shadow root/etc/",
            "20202 | misc | root | 1 | 0 | 0 | 0 | misc",
            "20296 | dd | root | 1 | 0 | 3 | 631 | dd if=/etc/shadow of=/dev/null",
            "20297 | su | root | 2 | 0 | 2 | 1262 | su nobody -s /bin/sh -c id",
            "20306 | cat | nobody | 0 | 1 | 0 | 0 | cat /etc/shadow",
        ]
    );
}

#[test]
fn the_whole_lineage_of_a_process() {
    let columns = [
        "proc.pid",
        "exepaths",
        "cmdlines",
        "users",
        "exit_code",
        "exit_signal",
        "execs",
        "proc.aname",
        "proc.apid",
        "proc.aexepath",
    ];
    let of = |pid: &str| table(ATTACK, Table::Processes, &columns, &format!("proc.pid = {pid}"));
    assert_eq!(
        of("19905"),
        ["19905 | [/usr/bin/bash, /usr/bin/cat] | [bash attack-a.sh, cat /etc/shadow] | [root] | 0 | - | 1 \
         | [bash, bash] | [19899, 19806] | [/usr/bin/bash, /usr/bin/bash]",]
    );
    // The script, a shell of root; python, the reverse shell; sh, and the command in it.
    let cat = of("20306");
    assert_eq!(cat.len(), 1);
    assert!(cat[0].contains("[sh, python3, bash, bash] | [20304, 20303, 19899, 19806]"), "{cat:?}");
    // Killed by SIGKILL.
    let killed = of("20206");
    assert!(killed[0].contains(" | - | 9 | 0 | [misc, bash, bash] | [20202, 19899, 19806]"), "{killed:?}");
}

#[test]
fn every_process_has_one_row_and_a_life() {
    let rows = table(ATTACK, Table::Processes, &["proc.pid", "first", "last", "ended", "events"], "");
    let mut pids: Vec<&str> = rows.iter().filter_map(|row| row.split(" | ").next()).collect();
    let all = pids.len();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), all, "no number was reused in this capture");
    let events: u64 = rows.iter().filter_map(|row| row.rsplit(" | ").next()?.parse::<u64>().ok()).sum();
    let with_thread = table(ATTACK, Table::Events, &["evt.num"], "thread.tid >= 0").len() as u64;
    assert_eq!(events, with_thread, "each event is of one process");
    let all_events = table(ATTACK, Table::Events, &["evt.num"], "").len();
    assert_eq!(all_events, 55_343);
}

#[test]
fn alerts_of_the_default_rules() {
    let rules = testkit::root().join("detector/daemon/rules/peregrine_rules.yaml");
    let rules = peregrine::Rules::builder().file(rules).expect("a file").build().expect("rules");
    let columns = Columns::new(Table::Alerts, ["rule", "priority", "source", "proc.pid", "output"]).expect("columns");
    let rows = common::rows(&common::batches(ATTACK, &Request::new(columns).rules(rules)));
    let shadow: Vec<&String> = rows.iter().filter(|row| row.starts_with("Sensitive credential file read |")).collect();
    assert!(
        shadow[0].starts_with(
            "Sensitive credential file read | Critical | syscall | 19905 | Sensitive credential file read | \
         file=/etc/shadow process=cat exe=/usr/bin/cat command=cat /etc/shadow"
        ),
        "{shadow:?}"
    );
    let shells = rows.iter().filter(|row| row.starts_with("Reverse shell")).count();
    assert!(shells >= 2, "{rows:?}");
    let events = Columns::new(Table::Alerts, ["rule"]).expect("columns");
    let none = peregrine_tables::Scan::new(
        scap::savefile::Reader::open(common::capture(ATTACK)).expect("a capture"),
        ATTACK,
        &Request::new(events),
    );
    assert_eq!(none.expect_err("an error").to_string(), "the table `alerts` requires rules");
}
