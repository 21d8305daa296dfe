//! Connections that are opened and not used.

use crate::target::{NOBODY, OTHER, Target, result_of};
use std::io::{BufRead, BufReader, Read};

#[test]
fn silent_connections_keep_nobody_else_from_anything() {
    let Some(target) = Target::start("file_output: {enabled: true, filename: DIR/alerts}\n") else { return };
    let mut attack = target.attack(NOBODY, "hold PORT 900");
    let mut out = BufReader::new(attack.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("attack: holds") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "{}", target.text("err"));
    }
    // Others and root are served, and files are written.
    assert_eq!(target.attack_result(OTHER, "get PORT /healthz localhost"), "200");
    assert_eq!(target.get("/healthz"), "{\"status\": \"ok\"}");
    target.expect_alert("held");
    target.until("the file", |target| target.text("alerts").contains("/peregrine-marked-held"));
    // A reload too.
    let rules = target.text("peregrine_rules.local.yaml").replace("Marked file opened", "Marked file opened again");
    std::fs::write(target.path("peregrine_rules.local.yaml"), rules).unwrap();
    target.until("a reload", |target| target.text("err").contains("reloaded: "));
    assert!(target.text("err").contains("too many connections"), "{}", target.text("err"));
    // All of them are closed in the end, by the server.
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("attack: closed 900 of 900"), "{rest}");
    result_of(attack);
    assert_eq!(target.attack_result(NOBODY, "get PORT /healthz localhost"), "200");
}
