//! A snapshot of this host's processes, all of it and only the threads.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scap::procfs::{self, Config, FdScan};

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("procfs");
    group.sample_size(10);
    let all = Config::default();
    let threads = Config { fds: FdScan::None, ..Config::default() };
    for (name, config) in [("everything", all), ("threads", threads)] {
        let snapshot = procfs::scan("/", &config).expect("/proc can be listed");
        println!("{} threads: {:?}", snapshot.host.threads.len(), snapshot.report);
        group.throughput(Throughput::Elements(snapshot.host.threads.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| procfs::scan("/", &config)));
    }
}

criterion_group!(benches, scan);
criterion_main!(benches);
