//! Text to standard output that may be a closed pipe.

use std::io::Write;

/// Prints the text. Whoever closes the pipe early (`| head`) has seen enough; that is no error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // The reader is gone or the disk is full; either way there is nowhere left to say so.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
