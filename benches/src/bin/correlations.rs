//! Cost of correlations: the large capture with the published rules, alone and with correlations, in one run.
//!
//! ```text
//! cargo run --release -p peregrine-benches --bin correlations [ROUNDS [SET]]
//! ```
//!
//! The sets of rules take turns, so that whatever else the host does slows all of them. Printed is the least CPU time of
//! this thread over all rounds. Then a flood: a million first steps, each of another process. With the number of a set,
//! from 0, only that is evaluated: for counts of instructions, less those of no rounds.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use peregrine_benches::cases::{Fault, evaluate};
use peregrine_benches::{capture, correlations, grid};
use rule_engine::correlation::key::{self, Keys};
use rule_engine::correlation::plan::{CaptureId, KeyId, KeySource, Kind, Member, Plan, Role};
use rule_engine::correlation::{Correlator, Hit, Subject, captured};
use rule_engine::engine::SourceRules;
use rule_engine::event::Value;
use rule_engine::event::sinsp::SinspSchema;

type Rules = Arc<SourceRules<SinspSchema>>;

fn main() -> ExitCode {
    let number = |place| std::env::args().nth(place).and_then(|text| text.parse().ok());
    let (rounds, set) = (number(1).unwrap_or(7), number(2));
    match compare(rounds, set).and_then(|()| if set.is_none() { flood() } else { Ok(()) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// The CPU time of this thread, in seconds.
fn cpu() -> Result<f64, Fault> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

fn compare(rounds: usize, only: Option<usize>) -> Result<(), Fault> {
    let files = grid::files()?;
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let names = correlations::rule_names(&grid::read(&files)?.0);
    let with = |text: &str| -> Result<Rules, Fault> {
        let more = ("correlations.yaml", text.as_bytes());
        grid::load(&files.iter().copied().chain([more]).collect::<Vec<_>>())
    };
    let (alerts, sequences) = (correlations::over_alerts(&names, 20), correlations::sequences(20));
    let sets = [
        ("the rules alone", grid::load(&files)?),
        ("+ 20 over their alerts", with(&alerts)?),
        ("+ 20 sequences", with(&sequences)?),
        ("+ 20 over alerts + 20 sequences", with(&(alerts + &sequences))?),
        ("+ 1,000 sequences", with(&correlations::sequences(1_000))?),
    ];
    let sets: Vec<_> =
        sets.into_iter().enumerate().filter(|(place, _)| only.is_none_or(|only| only == *place)).collect();
    let capture = capture::plain(&capture::large_capture()?)?;
    let mut least = vec![f64::MAX; sets.len()];
    let mut events = 0;
    for _ in 0..rounds {
        for ((_, (_, rules)), least) in sets.iter().zip(&mut least) {
            let start = cpu()?;
            events = evaluate(rules, &capture)?;
            *least = least.min(cpu()? - start);
        }
    }
    if only.is_some() {
        return Ok(());
    }
    let _ = writeln!(std::io::stdout(), "{events} events, {rounds} rounds");
    for ((_, (name, rules)), seconds) in sets.iter().zip(&least) {
        let _ = writeln!(std::io::stdout(), "{name:<34} {seconds:>7.3} s  {:>6.3}", seconds / least[0]);
        work(rules, &capture)?;
    }
    Ok(())
}

/// Prints what the correlations did.
fn work(rules: &Rules, capture: &[u8]) -> Result<(), Fault> {
    let (mut runner, mut alerts) = (rules.runner(), 0u64);
    sinsp::Inspector::new(scap::savefile::Reader::new(capture)?)
        .for_each(|event| runner.process(&event, |_| alerts += 1))?;
    let (stats, bytes) = runner.correlation_stats();
    let sum =
        |of: fn(&rule_engine::correlation::Counters) -> u64| -> u64 { stats.iter().map(|one| of(&one.counters)).sum() };
    let _ = writeln!(
        std::io::stdout(),
        "    {alerts} alerts, {} matches, {} partial matches, {} evicted, {bytes} bytes",
        sum(|one| one.matches),
        sum(|one| one.live),
        sum(|one| one.evicted)
    );
    Ok(())
}

/// A first step of a process, whose command line is kept.
struct Started(u64);

impl Subject for Started {
    fn time(&self) -> u64 {
        1_700_000_000_000_000_000 + self.0 * 1_000
    }

    fn number(&self) -> u64 {
        self.0
    }

    fn keys(&self, _: KeyId, keys: &mut Keys) {
        keys.push(|out| {
            let start = 1_700_000_000_000_000_000 + self.0 * 1_000;
            key::push_part(out, Value::List(&[Value::U64(self.0 % 4_194_304), Value::U64(start)]));
            true
        });
    }

    fn capture(&self, _: CaptureId, out: &mut Vec<u8>) {
        captured::push(out, Some(b"bash -i"), Some(Value::Bytes(b"bash -i")));
    }
}

fn flood() -> Result<(), Fault> {
    const KEYS: u64 = 1_000_000;
    let member = || Member { key: KeySource::Event(KeyId(0)), value: None, capture: Some(CaptureId(0)) };
    let plan = Plan {
        name: "flood".to_owned(),
        span: 3_600_000_000_000,
        kind: Kind::Sequence { roles: [Role::Advance(0), Role::Advance(1)].into(), stages: 2, trailing: false },
        members: vec![member(), member()],
        feeds: Vec::new(),
        identity: String::new(),
    };
    let plans: Arc<[Plan]> = vec![plan].into();
    let _ = writeln!(std::io::stdout(), "a million first steps, each of another process:");
    for limit in [16 << 20, 256 << 20] {
        let mut correlator = Correlator::new(Arc::clone(&plans), limit);
        let start = cpu()?;
        for process in 0..KEYS {
            correlator.process(&Started(process), &[Hit { plan: 0, member: 0 }], &mut |_| {});
        }
        let seconds = cpu()? - start;
        let bytes = correlator.bytes();
        let counters = correlator.counters()[0];
        let _ = writeln!(
            std::io::stdout(),
            "    limit {:>3} MiB: {:>7} live, {:>7} evicted, {:>9} bytes, {:>3.0} bytes each, {:>4.0} ns for each step",
            limit >> 20,
            counters.live,
            counters.evicted,
            bytes,
            bytes as f64 / counters.live.max(1) as f64,
            seconds * 1e9 / KEYS as f64
        );
    }
    Ok(())
}
