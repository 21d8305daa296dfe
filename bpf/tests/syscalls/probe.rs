//! The probe as the source of the cases.

use crate::live::{Live, Seen, Watch};
use peregrine_bpf::{BpfSource, Loaded, Probe, Selection, Toctou};
use scap::schema::SyscallSet;
use scap::{Next, Source as _};
use std::time::{Duration, Instant};

struct ByProbe(BpfSource);

/// Opens the probe; `None`, with a recorded skip, where it cannot run.
pub(crate) fn open() -> Option<Live> {
    let builder = Probe::builder()
        .select(Selection::none())
        .toctou(Toctou::Hook)
        .ring_size(16 << 20)
        .proc_scan(None)
        .max_wait(Duration::from_millis(1));
    match builder.open() {
        Ok(source) => {
            for refused in source.refused() {
                println!("refused: {refused}");
            }
            Some(Live::new(ByProbe(source)))
        }
        Err(error) => {
            testkit::skip(&testkit::BPF, error);
            None
        }
    }
}

impl Watch for ByProbe {
    fn select(&mut self, calls: SyscallSet) {
        let mut selection = Selection::none();
        calls.iter().for_each(|call| selection.insert(call));
        self.0.select(selection).expect("select");
    }

    fn drain(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        let mut quiet = 0;
        let end = Instant::now() + Duration::from_secs(5);
        while quiet < 2 && Instant::now() < end {
            match self.0.next().expect("a live source") {
                Next::Event(event) => {
                    quiet = 0;
                    seen.push(Seen::of(&event));
                }
                _ => quiet += 1,
            }
        }
        seen
    }

    fn lacks(&self, what: &str) -> bool {
        self.0.notes().iter().any(|note| note.contains(what))
    }

    fn holds_given_texts(&self) -> bool {
        let auto = Probe::builder().prepare().and_then(|prepared| prepared.load());
        auto.and_then(Loaded::attach).is_ok_and(|source| source.guard() == Toctou::Exit)
    }
}
