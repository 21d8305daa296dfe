//! The cost of each layer, per event; the cases are those whose instructions are counted.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use peregrine_benches::cases::CASES;

fn layers(criterion: &mut Criterion) {
    for case in CASES {
        let mut run = match case.prepare() {
            Ok(run) => run,
            Err(error) => {
                println!("{}: skipped, {error}", case.name);
                continue;
            }
        };
        let (group, name) = case.name.split_once('/').unwrap_or(("", case.name));
        let mut group = criterion.benchmark_group(group);
        group.sample_size(10);
        group.throughput(Throughput::Elements(run().expect("it was prepared")));
        group.bench_function(name, |bencher| bencher.iter(|| run().expect("it ran before")));
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
