//! The least that a new program needs to detect: rules, a source, a loop.

use peregrine::{Detector, Rules};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules, capture] = arguments.as_slice() else { return Err("usage: program RULES CAPTURE".into()) };
    let rules = Rules::builder().file(rules)?.build()?;
    let mut detector = Detector::capture(capture, &rules)?;
    while let Some(alert) = detector.next()? {
        println!("{alert}");
    }
    Ok(())
}
