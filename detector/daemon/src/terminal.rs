//! Text for people on standard output and standard error, whose readers may be gone.

use peregrine_sinks::Console;
use std::time::Duration;

/// Time that a program that ends waits for a reader that has stopped.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints the text to standard output. A pipe that its reader closed early (`| head`) is not an error; one that is read
/// page by page (`| less`) is waited for.
pub fn print(text: &str) {
    // The reader is gone or the disk is full; either way there is no place left to report it.
    let _ = Console::Output.write(text.as_bytes(), None);
}

/// Prints the text to standard error, in the same way.
pub fn print_error(text: &str) {
    let _ = Console::Error.write(text.as_bytes(), None);
}

/// Prints what is said at the end of a run, which no reader may delay.
pub(crate) fn print_last(console: Console, text: &str) {
    let _ = console.write(text.as_bytes(), Some(PATIENCE));
}
