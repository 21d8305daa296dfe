//! Diagnostics for people: the place, the line with its words underlined, the way to them through macros and lists, and
//! a hint.
//!
//! ```text
//! error[LOAD_ERR_COMPILE_CONDITION]: filter_check called with nonexistent field proc.nmae
//!   --> rules.yaml:4:34 in rule 'Shell'
//!    |
//!  4 |   condition: evt.type = execve and proc.nmae = bash
//!    |                                    ^^^^^^^^^
//!    = help: did you mean `proc.name`?
//! ```

use std::fmt::Write as _;

use super::codes::{Code, Severity};
use super::report::Diagnostic;
use crate::text::shown;
use crate::text::{SourceFile, Spot};

/// The format of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// With the colours of a terminal.
    pub colour: bool,
}

/// The shown length of a long line, in characters.
const WIDTH: usize = 120;

/// Formats all diagnostics, and their number.
pub fn render_all(diagnostics: &[Diagnostic], files: &[SourceFile], style: Style) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&render(diagnostic, files, style));
        out.push('\n');
    }
    let count = |error: bool| diagnostics.iter().filter(|d| d.is_error() == error).count();
    let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    match (count(true), count(false)) {
        (0, 0) => {}
        (0, warnings) => _ = writeln!(out, "{}", plural(warnings, "warning")),
        (errors, 0) => _ = writeln!(out, "{}", plural(errors, "error")),
        (errors, warnings) => _ = writeln!(out, "{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
    out
}

/// Formats one diagnostic.
pub fn render(diagnostic: &Diagnostic, files: &[SourceFile], style: Style) -> String {
    let paint =
        |code: &str, text: &str| if style.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let (word, colour) = match diagnostic.code.severity() {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    let mut message = shown(&diagnostic.message).trim().to_owned();
    // The place is shown below.
    if diagnostic.code == Code::YamlParse
        && let Some((_, words)) = message.split_once(": error at line").and_then(|(_, rest)| rest.split_once(": "))
    {
        message = words.to_owned();
    }
    if message.is_empty() {
        message = diagnostic.code.title().to_owned();
    }
    let head = paint(colour, &format!("{word}[{}]", diagnostic.code.name()));
    let mut out = format!("{head}: {}\n", paint("1", &printable(&message)));
    let place = diagnostic.context.item().map(|item| format!(" in {item}")).unwrap_or_default();
    match diagnostic.spot.or_else(|| innermost(diagnostic, files)) {
        Some(spot) => excerpt(&mut out, spot, files, &place, "-->", &paint, colour),
        None => _ = writeln!(out, "  --> {}{place}", shown(&diagnostic.context.locations[0].name)),
    }
    for (note, spot) in &diagnostic.notes {
        _ = writeln!(out, "   {} {}", paint("1;34", "= note:"), printable(note));
        if let Some(spot) = spot {
            excerpt(&mut out, *spot, files, "", ":::", &paint, "1;34");
        }
    }
    if let Some(hint) = &diagnostic.hint {
        _ = writeln!(out, "   {} {}", paint("1;36", "= help:"), printable(hint));
    }
    out
}

/// Formats an error that is not a diagnostic of rules: its message, the place in a file, and a hint.
pub(crate) fn render_fault(
    message: &str,
    spot: Option<Spot>,
    hint: Option<&str>,
    file: &SourceFile,
    style: Style,
) -> String {
    let paint =
        |code: &str, text: &str| if style.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let (first, more) = message.split_once('\n').unwrap_or((message, ""));
    let mut out = format!("{}: {}\n", paint("1;31", "error"), paint("1", &printable(first)));
    match spot {
        Some(spot) => excerpt(&mut out, spot, std::slice::from_ref(file), "", "-->", &paint, "1;31"),
        None => _ = writeln!(out, "  --> {}", shown(&file.name)),
    }
    for line in more.lines() {
        _ = writeln!(out, "{}", printable(line));
    }
    if let Some(hint) = hint {
        _ = writeln!(out, "   {} {}", paint("1;36", "= help:"), printable(hint));
    }
    out
}

/// Returns the innermost location that is in the file itself.
fn innermost(diagnostic: &Diagnostic, files: &[SourceFile]) -> Option<Spot> {
    let context = &diagnostic.context;
    let location = context.locations.iter().rev().find(|location| location.name == context.locations[0].name)?;
    let file = files.get(context.file.0)?;
    if context.locations.len() == 1 {
        return None;
    }
    let start = file.text.offset(location.mark);
    Some(Spot { file: context.file, start, end: start + 1 })
}

fn excerpt(
    out: &mut String,
    spot: Spot,
    files: &[SourceFile],
    place: &str,
    arrow: &str,
    paint: &dyn Fn(&str, &str) -> String,
    colour: &str,
) {
    let Some(file) = files.get(spot.file.0) else { return };
    let text = file.text.as_str();
    let mut start = spot.start.min(text.len());
    // Something missing at the end of a line is shown behind its last word.
    while start > 0 && (start == text.len() || text.as_bytes()[start] == b'\n') && text.as_bytes()[start - 1] == b'\n' {
        start -= 1;
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mark = file.text.mark(start);
    let line = file.text.line(mark.line);
    let begin = start - file.text.line_start(mark.line).min(start);
    let (line, begin, more) = near(line, begin);
    let column = line.get(..begin).map_or(begin, |before| before.chars().count());
    let words = text.get(start..spot.end.max(start)).unwrap_or_default();
    let first = words.lines().next().unwrap_or_default().trim_end();
    let width = first.chars().take(2 * WIDTH).count().max(1);
    let number = (mark.line + 1).to_string();
    let margin = " ".repeat(number.len());
    _ = writeln!(out, " {margin}{} {}:{number}:{}{place}", paint("1;34", arrow), shown(&file.name), mark.column + 1);
    let (line, column) = cut(line, column, more);
    let room = line.chars().count().saturating_sub(column).max(1);
    let bar = paint("1;34", "|");
    _ = writeln!(out, " {margin} {bar}");
    _ = writeln!(out, " {} {bar} {}", paint("1;34", &number), printable(&shown(&line)));
    let pad: String = line.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let pad = format!("{pad}{}", " ".repeat(column.saturating_sub(line.chars().count())));
    _ = writeln!(out, " {margin} {bar} {pad}{}", paint(colour, &"^".repeat(width.min(room))));
}

/// Returns the part of a line that a window around a byte may show, the byte in it, and whether there is more before and
/// behind. A file of one line has as many errors as any other.
fn near(line: &str, begin: usize) -> (&str, usize, [bool; 2]) {
    const REACH: usize = 4 * WIDTH;
    let from = line.floor_char_boundary(begin.min(line.len()).saturating_sub(REACH));
    let to = line.ceil_char_boundary(begin.saturating_add(REACH).min(line.len()));
    (&line[from..to], begin - from, [from > 0, to < line.len()])
}

/// Returns a window of a long line around a column, and the column in it. `more`: whether the line goes on before and
/// behind.
fn cut(line: &str, column: usize, more: [bool; 2]) -> (String, usize) {
    let length = line.chars().count();
    if length <= WIDTH && more == [false; 2] {
        return (line.to_owned(), column);
    }
    let from = column.saturating_sub(WIDTH / 2).min(length.saturating_sub(WIDTH));
    let mut window: String = line.chars().skip(from).take(WIDTH).collect();
    let mut at = column - from;
    if from > 0 || more[0] {
        window.insert_str(0, "... ");
        at += 4;
    }
    if from + WIDTH < length || more[1] {
        window.push_str(" ...");
    }
    (window, at)
}

/// Returns a text without characters that would disturb a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\t' || !c.is_control() { c } else { '\u{FFFD}' }).collect()
}
