//! From a file to alerts: the large capture through the published rules, plain and compressed, and how long only
//! decompressing takes. With a second CPU the compressed file should take hardly longer than that.

use std::fs::File;
use std::io;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use peregrine_benches::{capture, cases, grid};
use scap::savefile::{Compression, Reader};
use sinsp::Inspector;

/// Writes the capture again, compressed.
fn compress(plain: &Path) -> scap::Result<tempfile::TempPath> {
    let file = tempfile::NamedTempFile::new().map_err(|error| scap::Error::io("a temporary file", error))?;
    let path = file.into_temp_path();
    capture::copy_file(plain, &path, Compression::Gzip)?;
    Ok(path)
}

fn pipeline(criterion: &mut Criterion) {
    let plain = capture::large_capture().expect("a capture to read");
    let gzip = compress(&plain).expect("a file can be written");
    let files = grid::files().expect("rules to evaluate");
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let rules = grid::load(&files).expect("they are sound");
    let run = |path: &Path| -> Result<u64, cases::Fault> {
        let (mut runner, mut alerts) = (rules.runner(), 0);
        Inspector::new(Reader::open(path)?).for_each(|event| runner.process(&event, |_| alerts += 1))?;
        Ok(alerts)
    };
    let bytes = plain.metadata().expect("it was just read").len();
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("gunzip alone", |bencher| {
        bencher.iter(|| {
            let file = io::BufReader::with_capacity(1 << 16, File::open(&gzip)?);
            io::copy(&mut flate2::bufread::MultiGzDecoder::new(file), &mut io::sink())
        });
    });
    group.bench_function("gzip to alerts", |bencher| bencher.iter(|| run(&gzip)));
    group.bench_function("plain to alerts", |bencher| bencher.iter(|| run(&plain)));
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
