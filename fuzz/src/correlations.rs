//! Properties of any correlation and any stream. The integration tests of `rule-engine` use this file too.

use std::sync::Arc;

use peregrine_rule_engine::correlation::key::{self, Keys};
use peregrine_rule_engine::correlation::naive::Naive;
use peregrine_rule_engine::correlation::plan::{
    CaptureId, Distinct, KeyId, KeySource, Kind, LATENESS, Member, Plan, Role,
};
use peregrine_rule_engine::correlation::{Correlator, Hit, Subject, captured};
use peregrine_rule_engine::event::Value;

/// An event: its time, its number, and its key.
struct Event {
    time: u64,
    number: u64,
    key: u8,
}

impl Subject for Event {
    fn time(&self) -> u64 {
        self.time
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn keys(&self, _: KeyId, keys: &mut Keys) {
        // Some have no key, and some several.
        for part in 0..self.key % 4 {
            keys.push(|out| {
                key::push_part(out, Value::U64(u64::from(self.key.wrapping_sub(part))));
                true
            });
        }
    }

    fn capture(&self, _: CaptureId, out: &mut Vec<u8>) {
        captured::push(out, None, Some(Value::U64(self.number)));
    }
}

/// Returns a plan of four members out of three bytes.
fn plan(bytes: [u8; 3]) -> Plan {
    let member = Member {
        key: KeySource::Event(KeyId(0)),
        value: (bytes[0] % 4 == 1).then_some(KeySource::Event(KeyId(1))),
        capture: Some(CaptureId(0)),
    };
    let threshold = u32::from(bytes[1] % 5) + 1;
    let kind = match bytes[0] % 4 {
        0 => Kind::Window { threshold, distinct: Distinct::Events },
        1 => Kind::Window { threshold, distinct: Distinct::Values },
        2 => Kind::Window { threshold: threshold.min(4), distinct: Distinct::Members },
        _ => {
            // The first step happens; a bit for each other says whether it must not; the last may be `until`.
            let (mut roles, mut done) = (vec![Role::Advance(0)], 1);
            for place in 1..3 {
                let missing = bytes[1] >> place & 1 == 1;
                roles.push(if missing { Role::Absent(done) } else { Role::Advance(done) });
                done += u16::from(!missing);
            }
            let until = bytes[1] & 1 == 1;
            if until {
                roles.push(Role::Until);
            } else {
                roles.push(Role::Advance(done));
                done += 1;
            }
            let trailing = until && matches!(roles[2], Role::Absent(_));
            Kind::Sequence { roles: roles.into(), stages: done, trailing }
        }
    };
    let span = u64::from(bytes[2]) * 100_000_000;
    Plan { name: String::new(), span, kind, members: vec![member; 4], feeds: Vec::new(), identity: String::new() }
}

/// Reads any bytes as two correlations and a stream: the correlator finds what the oracle finds, and stays within a
/// small limit of memory.
pub fn correlation(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<6>() else { return };
    let plans: Arc<[Plan]> = [plan([head[0], head[1], head[2]]), plan([head[3], head[4], head[5]])].into();
    let mut correlator = Correlator::new(Arc::clone(&plans), usize::MAX);
    let mut small = Correlator::new(Arc::clone(&plans), 1 << 17);
    let mut naive = Naive::new(plans);
    let mut clock = LATENESS;
    for (number, chunk) in rest.chunks_exact(4).take(300).enumerate() {
        let step = u64::from(chunk[1]) * 10_000_000;
        let time = if chunk[1] >= 240 { clock - step % LATENESS } else { clock + step };
        clock = clock.max(time);
        let event = Event { time, number: number as u64, key: chunk[2] };
        let of =
            |plan: u32, bits: u8| (0..4).filter(move |at| bits >> at & 1 == 1).map(move |member| Hit { plan, member });
        let hits: Vec<Hit> = of(0, chunk[0] & 15).chain(of(1, chunk[0] >> 4)).collect();
        let mut found = Vec::new();
        correlator.process(&event, &hits, &mut |one| {
            let numbers: Vec<u64> = one.steps.iter().map(|step| step.number).collect();
            found.push((one.plan, one.key.to_vec(), one.time, numbers));
        });
        let expected: Vec<_> =
            naive.process(&event, &hits).into_iter().map(|one| (one.plan, one.key, one.time, one.numbers)).collect();
        assert_eq!(found, expected, "event {number}");
        small.process(&event, &hits, &mut |_| {});
        assert!(small.bytes() <= 1 << 17);
    }
}
