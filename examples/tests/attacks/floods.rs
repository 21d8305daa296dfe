//! Floods: requests to the web server, and busy processes, while others do what the detector must see.
//!
//! The probe reports what it drops, so the figures are its own. A build without optimization cannot read as many events
//! as the attacker makes on the same processors, so that there the drops are only compared with those without the attack.

use crate::target::{NOBODY, Target, result_of};

/// Seconds of each part.
const SECONDS: u64 = 6;
/// The share of the events that an attack may cost: the promise, and what a build without optimization can hold on the
/// processors that it shares with the attacker.
const MOST: f64 = if cfg!(debug_assertions) { 0.02 } else { 0.001 };

/// Events and drops while the attacks run.
fn loss(target: &Target, name: &str, attacks: &[String]) -> f64 {
    let before = target.events();
    let running: Vec<_> = attacks.iter().map(|plan| target.attack(NOBODY, plan)).collect();
    let results: Vec<String> = running.into_iter().map(result_of).collect();
    let after = target.events();
    let (events, drops) = (after.0 - before.0, after.1 - before.1);
    let share = drops as f64 / events.max(1) as f64;
    println!("{name}: {events} events, {drops} dropped ({:.3} %); {}", share * 100.0, results.join(", "));
    share
}

/// The number of comparisons: whatever else the host does during one part may cost more events than the attack does,
/// but hardly in each of them. Starvation does.
const COMPARISONS: usize = 3;

#[track_caller]
fn expect_no_more_loss(target: &Target, opening: usize, attack: &[String]) {
    let load = vec![format!("opens {SECONDS}"); opening];
    let mut all = Vec::new();
    for _ in 0..COMPARISONS {
        let without = loss(target, "without the attack", &load);
        let with = loss(target, "with the attack", &[&load[..], attack].concat());
        if with > 0.0 {
            target.until("a report of drops", |target| !target.alerts("Falco internal: syscall event drop").is_empty());
        }
        all.push((with, without));
        if with <= without + MOST {
            break;
        }
    }
    let is_starved = all.iter().all(|(with, without)| *with > without + MOST);
    assert!(!is_starved, "events dropped with and without the attack, each time: {all:?}");
    target.expect_alert("afterwards");
}

#[test]
fn requests_do_not_starve_the_reader_of_events() {
    let Some(target) = Target::start("") else { return };
    let requests = |path: &str, threads: u64| format!("requests PORT {path} {threads} {SECONDS}");
    expect_no_more_loss(&target, 2, &[requests("/metrics", 24), requests("/ui/api/overview", 8)]);
}

#[test]
fn busy_processes_do_not_starve_the_reader_of_events() {
    let Some(target) = Target::start("") else { return };
    // Together, those that open files have several times the processor time of a reader with the same priority.
    expect_no_more_loss(&target, 8, &[format!("burn 130 {SECONDS}")]);
}
