//! The detector on this host.
#![cfg(feature = "live")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use peregrine::{Detector, Rules, Step};

/// Rules that match a program with this argument.
fn rules(name: &str, argument: &str) -> Rules {
    let rule = format!(
        "- {{rule: {name}, desc: d, condition: 'evt.type = execve and proc.args contains {argument}', \
         output: '%proc.exepath %proc.args', priority: NOTICE}}"
    );
    Rules::builder().text("live.yaml", rule).build().expect("rules")
}

/// Starts programs until it is dropped.
struct Busy {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn start(arguments: &'static [&'static str]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                for argument in arguments {
                    let _ = Command::new("/bin/true").arg(argument).status();
                }
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Returns the first alert, as its rule and its output.
fn first(detector: &mut Detector<peregrine::bpf::BpfSource>) -> (String, String) {
    let end = Instant::now() + Duration::from_secs(60);
    let mut found = None;
    while found.is_none() {
        assert!(Instant::now() < end, "no alert: {:?}", detector.stats());
        let step = detector.step(|alert| found = Some((alert.rule().to_owned(), alert.to_string())));
        assert_ne!(step.expect("an event"), Step::End);
    }
    found.expect("an alert")
}

#[test]
fn programs_that_start_raise_alerts_and_rules_are_replaced() {
    let mut detector = match Detector::live(&rules("one", "--facade-one")) {
        Ok(detector) => detector,
        Err(error) => testkit::skip!(BPF, "{error}"),
    };
    let _busy = Busy::start(&["--facade-one", "--facade-two"]);
    let (rule, text) = first(&mut detector);
    assert_eq!(rule, "one");
    assert!(text.ends_with("true --facade-one"), "{text}");
    detector.set_rules(&rules("two", "--facade-two")).expect("calls that can be captured");
    let (rule, text) = first(&mut detector);
    assert_eq!(rule, "two");
    assert!(text.ends_with("true --facade-two"), "{text}");
}
