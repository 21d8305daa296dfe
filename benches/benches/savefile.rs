//! Reading and writing captures: all events of a large one, the header and one decoded parameter of each.

use std::hint::black_box;
use std::io::Read;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peregrine_benches::capture;
use scap::savefile::{Compression, Reader, Writer};
use scap::{Next, Source};

/// Reads all events; the sum keeps the work from being left out.
fn read(capture: impl Read) -> scap::Result<(u64, u64)> {
    let mut reader = Reader::new(capture)?;
    let (mut events, mut sum) = (0, 0_u64);
    loop {
        match reader.next()? {
            Next::Event(event) => {
                events += 1;
                let value = event.param(0).and_then(|param| param.i64()).unwrap_or(0) as u64;
                sum = sum.wrapping_add(event.ts()).wrapping_add(event.tid() as u64).wrapping_add(value);
            }
            Next::Idle | Next::Restart => {}
            Next::End => return Ok((events, sum)),
        }
    }
}

fn copy(capture: &[u8], compression: Compression) -> scap::Result<Vec<u8>> {
    let mut reader = Reader::new(capture)?;
    let mut writer = Writer::new(Vec::with_capacity(capture.len()), reader.host(), compression)?;
    capture::copy(&mut reader, &mut writer)?;
    writer.finish()
}

fn savefile(criterion: &mut Criterion) {
    let path = capture::large_capture().expect("a capture to read");
    let plain = std::fs::read(&path).expect("the capture was just made");
    let (events, _) = read(plain.as_slice()).expect("it is sound");
    let bytes = plain.len() as u64;
    println!("{}: {events} events, {bytes} bytes", path.display());
    let gzip = copy(&plain, Compression::Gzip).expect("memory takes all");

    let mut group = criterion.benchmark_group("savefile");
    group.sample_size(20);
    for (unit, throughput) in [("bytes", Throughput::Bytes(bytes)), ("events", Throughput::Elements(events))] {
        group.throughput(throughput);
        group.bench_function(BenchmarkId::new("read from memory", unit), |bencher| {
            bencher.iter(|| read(black_box(plain.as_slice())));
        });
        group.bench_function(BenchmarkId::new("read from a file", unit), |bencher| {
            bencher.iter(|| read(std::fs::File::open(&path).expect("it is there")));
        });
    }
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("read gzip", |bencher| bencher.iter(|| read(black_box(gzip.as_slice()))));
    group.bench_function("copy", |bencher| bencher.iter(|| copy(black_box(&plain), Compression::Plain)));
    group.sample_size(10);
    group.bench_function("copy to gzip", |bencher| bencher.iter(|| copy(black_box(&plain), Compression::Gzip)));
    group.finish();
}

criterion_group!(benches, savefile);
criterion_main!(benches);
