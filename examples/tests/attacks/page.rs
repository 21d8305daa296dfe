//! The web server as a way in, or as a way to slow the detector.

use crate::target::{NOBODY, OTHER, Target};
use std::io::{BufRead, BufReader};

const TOKEN: &str = "one-that-nobody-guesses";

#[test]
fn a_page_of_another_site_gets_no_answer_on_any_path() {
    let Some(target) = Target::start("") else { return };
    for path in ["/healthz", "/versions", "/metrics", "/ui", "/ui/style.css", "/ui/api/overview", "/ui/api/alerts"] {
        let status = |host: &str| target.attack_result(NOBODY, &format!("get PORT {path} {host}"));
        assert_eq!(status("evil.example"), "403", "{path}");
        assert_eq!(status("localhost"), "200", "{path}");
    }
    // Measuring slows the reader, which not everybody may.
    assert_eq!(target.attack_result(NOBODY, "get PORT /ui/api/overview?cost localhost"), "403");
    assert!(target.get("/ui/api/overview?cost").contains("\"evaluated\""));
}

#[test]
fn streams_of_one_user_leave_places_for_others() {
    let Some(target) = Target::start("") else { return };
    let mut attack = target.attack(NOBODY, "streams PORT 12");
    let mut line = String::new();
    let mut out = BufReader::new(attack.stdout.take().unwrap());
    while !line.contains("attack: ") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!((line.matches("200").count(), line.matches("503").count()), (8, 4), "{line}");
    assert_eq!(target.attack_result(OTHER, "get PORT /ui/api/alerts localhost"), "200");
    drop(attack.stdin.take());
    assert!(attack.wait().unwrap().success());
}

#[test]
fn guesses_at_the_token_are_limited() {
    let Some(target) = Target::start_with(|config| {
        config.replace("  k8s_healthz_endpoint", &format!("  ui_token: {TOKEN}\n  k8s_healthz_endpoint"))
    }) else {
        return;
    };
    let guesses = target.attack_result(NOBODY, "guess PORT 8");
    assert_eq!(guesses, "401 401 401 401 401 429 429 429");
    let url = format!("http://127.0.0.1:{}/ui/api/overview", target.port);
    let response = ureq::get(&url).header("authorization", &format!("Bearer {TOKEN}")).call().unwrap();
    assert_eq!(response.status(), 200);
}
