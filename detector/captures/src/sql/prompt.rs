//! The prompt: statements end with `;`, commands begin with `\`.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use peregrine_sql::Session;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::{Signals, notes, show::Shown};
use crate::Fatal;
use crate::cli::Answer;
use crate::output;

const PROMPT: &str = "sql> ";
/// The most statements in the history.
const HISTORY: usize = 1_000;
const HELP: &str = "\
SELECT …;     a query; fields are columns, as in conditions: proc.name, proc.aname[2], evt.arg.flags
EXPLAIN …;    what a query reads, and which of its predicates are a condition
\\d            the tables
\\d TABLE      the columns of a table
\\q            the end
";

/// The words of SQL that queries of captures use.
const WORDS: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE VIEW",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "FROM",
    "GROUP BY",
    "HAVING",
    "IN",
    "INNER",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "SELECT",
    "THEN",
    "TIMESTAMP",
    "UNION",
    "UNNEST",
    "USING",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Reads statements and shows their answers, until the end of the input.
pub(super) fn run(session: &Session, format: Answer, signals: &Signals) -> Result<(), Fatal> {
    // As shells do it: what all candidates begin with, then a list of them.
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(HISTORY)?.build();
    let mut editor: Editor<Names, DefaultHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Names::new(session)));
    let history = history();
    if let Some(path) = &history {
        // There is none at first.
        let _ = editor.load_history(path);
    }
    loop {
        // Nothing is running that could end early.
        signals.interrupt.store(true, Ordering::Relaxed);
        let text = match editor.readline(PROMPT) {
            Ok(text) => text,
            // The line is given up.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        };
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        remember(&mut editor, text, history.as_deref());
        if text == "\\q" {
            break;
        }
        signals.interrupt.store(false, Ordering::Relaxed);
        match answer(session, text, format) {
            Err(error) if output::is_closed_pipe(error.as_ref()) => return Err(error),
            // It is said, and the next statement may be better.
            Err(error) => writeln!(std::io::stderr(), "{error}")?,
            Ok(()) => {}
        }
        notes(session);
        if signals.terminate.load(Ordering::Relaxed) {
            return Err("terminated".into());
        }
        // There may be a view more.
        editor.set_helper(Some(Names::new(session)));
    }
    Ok(())
}

fn answer(session: &Session, text: &str, format: Answer) -> Result<(), Fatal> {
    let Some(command) = text.strip_prefix('\\') else {
        return session.run(text, &mut Shown::new(format));
    };
    let lines: Vec<String> = match command.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["d"] => session.tables(),
        ["d", table] => {
            let columns = session.columns(table.trim_end_matches(';'));
            if columns.is_empty() {
                return Err(format!("there is no table `{table}`").into());
            }
            columns.iter().map(|(name, ty)| format!("{name:<40} {ty}")).collect()
        }
        _ => HELP.lines().map(str::to_owned).collect(),
    };
    Ok(output::print(&(lines.join("\n") + "\n"))?)
}

/// Returns where the history is kept.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("pscap/history"))
}

/// Adds a statement to the history, which is kept at once: several prompts may be open. It is a convenience: a failure is
/// ignored.
fn remember(editor: &mut Editor<Names, DefaultHistory>, text: &str, path: Option<&Path>) {
    let added = editor.add_history_entry(text).unwrap_or_default();
    let Some(path) = path.filter(|_| added) else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = editor.append_history(path);
}

/// The names that are completed.
struct Names(Vec<String>);

impl Names {
    fn new(session: &Session) -> Self {
        let mut names = session.tables();
        let columns: Vec<String> =
            names.iter().flat_map(|table| session.columns(table)).map(|(name, _)| name).collect();
        names.extend(columns);
        names.extend(session.functions());
        names.extend(WORDS.iter().map(|word| (*word).to_owned()));
        names.sort();
        names.dedup();
        Self(names)
    }

    /// Returns the names that begin with this text.
    fn matching(&self, begun: &str) -> Vec<String> {
        let begun = begun.to_lowercase();
        self.0.iter().filter(|name| name.to_lowercase().starts_with(&begun)).cloned().collect()
    }
}

/// Returns where the word before the cursor begins.
fn word(line: &str, cursor: usize) -> usize {
    let before = line.get(..cursor).unwrap_or_default();
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_');
    before.char_indices().rev().take_while(|(_, letter)| is_part(*letter)).last().map_or(before.len(), |(at, _)| at)
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let start = word(line, cursor);
        let begun = line.get(start..cursor).unwrap_or_default();
        let found = self.matching(begun);
        match begun.find('.') {
            // The name of a table may be in front.
            Some(dot) if found.is_empty() => Ok((start + dot + 1, self.matching(&begun[dot + 1..]))),
            _ => Ok((start, found)),
        }
    }
}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let is_whole = text.is_empty() || text.starts_with('\\') || text.ends_with(';');
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Borrowed(hint)
    }
}

impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_with_dots() {
        assert_eq!(word("select proc.na", 14), 7);
        assert_eq!(word("select a,proc.na", 16), 9);
        assert_eq!(word("select ", 7), 7);
        assert_eq!(word("é", 2), 0);
    }
}
