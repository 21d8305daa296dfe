//! Output to a standard output that may be a closed pipe.

use std::io::Write;

/// Prints the text. A pipe that its reader closed early (`| head`) is not an error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // The reader is gone or the disk is full; either way there is no place left to report it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
