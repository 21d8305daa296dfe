//! The fuzz target of conditions over events, on kept inputs and on mixtures of their lines.

#[path = "../../fuzz/src/conditions.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod conditions;

use std::path::Path;

fn inputs() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions/vm_vs_naive");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("kept inputs").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).expect("an input")).collect()
}

#[test]
fn kept_inputs() {
    inputs().iter().for_each(|input| conditions::agree(input));
}

/// Returns the lines of all inputs, joined by a small generator of numbers.
#[test]
fn mixtures() {
    let text: Vec<u8> = inputs().concat();
    let text = String::from_utf8_lossy(&text).replace('\0', " ");
    let lines: Vec<&str> = text.lines().filter(|line| line.is_ascii() && line.len() > 3).collect();
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..60 {
        let mut input = Vec::new();
        for _ in 0..30 {
            for part in 0..next() % 4 + 1 {
                let join = ["", " and ", " or ", " and not "][if part == 0 { 0 } else { next() as usize % 3 + 1 }];
                input.extend_from_slice(join.as_bytes());
                input.extend_from_slice(format!("({})", lines[next() as usize % lines.len()]).as_bytes());
            }
            input.push(b'\n');
        }
        input.push(0);
        input.extend((0..120).flat_map(|_| next().to_le_bytes().into_iter().take(4)));
        conditions::agree(&input);
    }
}
