//! Counts the events of captures by type: `cargo run --example count -- x.scap …`.

use std::collections::BTreeMap;

use peregrine_scap::savefile::Reader;
use peregrine_scap::{Next, Source};

fn main() -> Result<(), peregrine_scap::Error> {
    for path in std::env::args().skip(1) {
        let mut reader = Reader::open(&path)?;
        let mut counts = BTreeMap::<(u16, usize), u64>::new();
        loop {
            match reader.next()? {
                Next::Event(event) => *counts.entry((event.code().0, event.nparams())).or_default() += 1,
                Next::Idle | Next::Restart => {}
                Next::End => break,
            }
        }
        println!("{path}: version {:?}, {} threads", reader.version(), reader.host().threads.len());
        for (ty, count) in reader.blocks() {
            println!("{count:>9} {ty}");
        }
        for ((code, nparams), count) in counts {
            let code = peregrine_scap::EventCode(code);
            println!("{count:>9} {code:?} with {nparams} parameters");
        }
    }
    Ok(())
}
