//! The cost of an event against 25, 250 and 2,500 realistic rules, and the cost of loading those rules.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peregrine_benches::{cases, grid};

const SIZES: [usize; 3] = [25, 250, 2500];

fn rules(criterion: &mut Criterion) {
    let capture = cases::attack().expect("the repository has it");
    let mut group = criterion.benchmark_group("rules");
    group.sample_size(10);
    for size in SIZES {
        let rules = grid::rules(size).expect("copies of sound rules are sound");
        group.throughput(Throughput::Elements(cases::evaluate(&rules, &capture).expect("it is sound")));
        group.bench_function(BenchmarkId::new("evaluate", size), |bencher| {
            bencher.iter(|| cases::evaluate(&rules, &capture));
        });
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("load", size), |bencher| {
            bencher.iter(|| grid::rules(size).expect("it was loaded before"));
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
