//! Replaces the rules while events are processed: no event is lost, and the state stays. `swap_rules CAPTURE FIRST
//! SECOND`

use std::io::Write as _;

use peregrine::{Detector, Rules, Step};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, capture, first, second] = &args[..] else { return Err("usage: swap_rules CAPTURE FIRST SECOND".into()) };
    let mut detector = Detector::capture(capture, &Rules::builder().file(first)?.build()?)?;
    // A real program would load in another thread and pass the rules on: they can be shared and sent. An invalid file is
    // an error, and the active rules stay.
    let second = Rules::builder().file(second)?.build()?;
    let (mut out, mut events) = (std::io::stdout().lock(), 0);
    loop {
        // The reader of a pipe may be gone: `println!` would panic.
        match detector.step(|alert| drop(writeln!(out, "{alert}")))? {
            Step::Event => events += 1,
            Step::End => return Ok(()),
            _ => {}
        }
        // Rules are replaced between two events.
        if events == 3000 {
            events += 1;
            writeln!(out, "-- new rules")?;
            detector.set_rules(&second)?;
        }
    }
}
