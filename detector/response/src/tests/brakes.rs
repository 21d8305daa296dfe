//! Reasons not to act: each test fails without its brake.

use super::*;

#[test]
fn the_default_mode_only_says_what_would_be_done() {
    assert_eq!(Config::default().mode, Mode::DryRun);
    let tried = Tried::new(Config { mode: Mode::DryRun, ..config() });
    let mut planted = Planted::new();
    for action in [Action::Kill(Scope::Process), Action::Kill(Scope::Tree)] {
        assert_eq!(tried.of(action, planted.subject()), Outcome::DryRun(1));
    }
    assert!(planted.is_alive());
}

#[test]
fn another_executable_is_another_program() {
    let tried = Tried::new(config());
    let mut planted = Planted::new();
    let subject = Process { exe: "/usr/bin/other".into(), ..planted.subject() };
    assert_eq!(tried.of(Action::Kill(Scope::Process), subject), Outcome::Changed);
    let subject = Process { exe: String::new(), ..planted.subject() };
    assert_eq!(tried.of(Action::Kill(Scope::Process), subject), Outcome::Uncertain);
    assert!(planted.is_alive());
}

#[test]
fn another_start_is_another_process() {
    let tried = Tried::new(config());
    // Long after boot, whatever the host.
    std::thread::sleep(Duration::from_secs(3).saturating_sub(Duration::from_nanos(now(0))));
    let mut planted = Planted::new();
    let kill = Action::Kill(Scope::Process);
    // The event is of a process with the same ID and executable, which started before this one.
    let subject = Process { start: tried.now() - 3 * SECOND, ..planted.subject() };
    assert_eq!(tried.of(kill.clone(), subject), Outcome::Changed);
    let subject = Process { start: 0, ..planted.subject() };
    assert_eq!(tried.of(kill.clone(), subject), Outcome::Uncertain);
    assert!(planted.is_alive());
    assert_eq!(tried.of(kill, planted.subject()), Outcome::Done(1));
}

#[test]
fn the_detector_and_the_first_process_are_protected() {
    let tried = Tried::new(config());
    std::thread::sleep(Duration::from_millis(25));
    for pid in [1, i32::try_from(std::process::id()).unwrap()] {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default().display().to_string();
        let exe = executable(&exe).to_owned();
        if exe.is_empty() {
            // Not root, so that the first process cannot be read; then it is not even looked at.
            continue;
        }
        let subject = Process { pid, start: tried.now(), exe, ..Process::default() };
        let outcome = tried.of(Action::Kill(Scope::Tree), subject);
        assert!(matches!(outcome, Outcome::Protected(_)), "{pid} {outcome:?}");
    }
}

#[test]
fn drops_age_warm_up_and_rates_are_brakes() {
    let mut planted = Planted::new();
    let kill = || Action::Kill(Scope::Process);
    let tried = Tried::new(config());
    let subject = planted.subject();
    let alert = bytes::Bytes::new();
    let proposal = |time| {
        let (rule, process, alert) = ("r".into(), Some(subject.clone()), alert.clone());
        Proposal { rule, event: 1, time, process, action: kill(), uncertain: true, alert }
    };
    tried.responder.propose(proposal(tried.now()));
    assert_eq!(tried.outcome(), Outcome::Uncertain);
    tried.propose(kill(), planted.subject(), tried.now() - 6 * SECOND);
    assert_eq!(tried.outcome(), Outcome::Late);
    let tried = Tried::new(Config { limits: Limits::default(), ..config() });
    assert_eq!(tried.of(kill(), planted.subject()), Outcome::WarmUp);
    let tried = Tried::new(Config { limits: Limits { per_rule: 0, ..config().limits }, ..config() });
    assert_eq!(tried.of(kill(), planted.subject()), Outcome::Rate);
    assert_eq!(tried.of(kill(), planted.subject()), Outcome::Disarmed);
    assert!(planted.is_alive());
}

#[test]
fn proposals_that_wait_are_refused_after_a_reload() {
    let tried = Tried::new(config());
    let (first, mut second) = (Planted::young("sleep 1000"), Planted::new());
    // The first one keeps the thread until the stream goes on, which it does not.
    let ticks = rustix::param::clock_ticks_per_second();
    let start = process::Facts::read(Path::new("/proc"), first.pid()).unwrap().start;
    let event = tried.boot + start * SECOND / ticks + SECOND / ticks / 2;
    tried.propose(Action::Kill(Scope::Process), first.subject(), event);
    tried.propose(Action::Kill(Scope::Process), second.subject(), tried.now());
    tried.responder.reset(Plan::new(config()).unwrap());
    let outcomes = [tried.outcome(), tried.outcome()];
    assert!(matches!(outcomes, [Outcome::Uncertain | Outcome::WarmUp, Outcome::WarmUp]), "{outcomes:?}");
    assert!(second.is_alive());
}

#[test]
fn a_flood_of_proposals_is_bounded_and_counted() {
    let tried = Tried::new(config());
    let planted = Planted::young("sleep 1000");
    for _ in 0..200 {
        tried.propose(Action::Kill(Scope::Process), planted.subject(), tried.now());
    }
    let lost = (0..100).filter(|_| tried.outcome() == Outcome::Lost).count();
    assert!(lost >= 90, "{lost}");
    // Those that wait are given up.
    tried.responder.reset(Plan::new(Config { mode: Mode::DryRun, ..config() }).unwrap());
}

#[test]
fn an_event_without_a_process_has_nobody_to_act_upon() {
    let tried = Tried::new(config());
    let (rule, alert, action) = ("r".into(), bytes::Bytes::new(), Action::Kill(Scope::Process));
    let time = tried.now();
    tried.responder.propose(Proposal { rule, event: 1, time, process: None, action, uncertain: false, alert });
    assert_eq!(tried.outcome(), Outcome::NoProcess);
}

/// A program could do anything, so that it is not run either.
#[test]
fn a_dry_run_runs_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ran");
    let program = Program::new(vec!["/bin/touch".to_owned(), path.display().to_string()]);
    let programs = BTreeMap::from([("touch".to_owned(), program)]);
    let touch = || Action::Run("touch".into());
    let tried = Tried::new(Config { mode: Mode::DryRun, programs: programs.clone(), ..config() });
    assert_eq!(tried.of(touch(), Process::default()), Outcome::DryRun(1));
    assert!(!path.exists());
    let tried = Tried::new(Config { programs, ..config() });
    assert_eq!(tried.of(touch(), Process::default()), Outcome::Done(1));
    assert!(path.exists());
}

/// A process with a protected program as a child is hit, and the child is not.
#[test]
fn a_protected_member_of_a_tree_is_left_out() {
    let script = "/bin/sh -c 'sleep 1000 & echo $!; wait'";
    let mut planted = Planted::young(script);
    let mut line = String::new();
    let output = planted.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
    let child: i32 = line.trim().parse().unwrap();
    let exe = || std::fs::read_link(format!("/proc/{child}/exe")).unwrap_or_default().display().to_string();
    until("exec", || exe().ends_with("sleep") || exe().ends_with("coreutils"));
    std::thread::sleep(Duration::from_millis(25));
    let protected = Protected::new().with_executable(exe());
    let tried = Tried::new(Config { protected, ..config() });
    assert_eq!(tried.of(Action::Kill(Scope::Tree), planted.subject()), Outcome::Done(1));
    assert_eq!(planted.signal(), Some(9));
    let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    let alive = state();
    let _ = Command::new("/bin/kill").args(["-9", &child.to_string()]).status();
    assert!(alive.contains(") S ") || alive.contains(") R "), "{alive}");
}
