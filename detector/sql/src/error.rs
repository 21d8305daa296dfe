//! Errors, with their place in the query.

use datafusion::common::{SchemaError, Span as Spanned};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::tokenizer::{Location, Span};

/// The most characters of a line that an error shows.
const SHOWN: usize = 160;

/// A place in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// The number of its characters.
    pub width: usize,
}

impl Place {
    pub(crate) fn at(location: Location) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Self { line: number(location.line), column: number(location.column), width: 1 }
    }

    pub(crate) fn of(span: Span) -> Self {
        let start = Self::at(span.start);
        let end = Self::at(span.end);
        let width = if end.line == start.line { end.column.saturating_sub(start.column).max(1) } else { 1 };
        Self { width, ..start }
    }

    fn of_plan(span: &Spanned) -> Self {
        let location = |at: datafusion::common::Location| Location::new(at.line, at.column);
        Self::of(Span::new(location(span.start), location(span.end)))
    }
}

/// The reason why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a query of these tables.
    #[error("{message}{}{}", .excerpt.as_deref().unwrap_or_default(), .help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default())]
    Query {
        /// The reason.
        message: String,
        /// The place in the text.
        place: Option<Place>,
        /// The line of that place, with a mark below it.
        excerpt: Option<String>,
        /// A hint.
        help: Option<String>,
    },
    /// The statement would change files.
    #[error("only queries are possible: {0}")]
    Refused(String),
    /// A file that has no table, or an address without a scheduler.
    #[error("{0}")]
    Input(String),
    /// A capture cannot be read as a table.
    #[error(transparent)]
    Tables(#[from] peregrine_tables::Error),
    /// A file cannot be read.
    #[error("{context}: {source}")]
    Io {
        /// The operation that failed, with the name of the file.
        context: String,
        /// The error that the system returned.
        #[source]
        source: std::io::Error,
    },
    /// The query cannot be executed.
    #[error("{}", plain(.0))]
    Engine(DataFusionError),
    /// The query was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Creates an error of a query from its place.
    pub(crate) fn query(sql: &str, message: String, place: Option<Place>, help: Option<String>) -> Self {
        let excerpt = place.and_then(|place| excerpt(sql, place));
        Self::Query { message: lowered(&message), place, excerpt, help }
    }

    pub(crate) fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }

    /// Creates the error of a query that has no plan.
    pub(crate) fn of_plan(sql: &str, error: DataFusionError) -> Self {
        let place = error.diagnostic().and_then(|found| found.span.as_ref()).map(Place::of_plan);
        let message = match error.find_root() {
            DataFusionError::SchemaError(found, _) => match &**found {
                SchemaError::FieldNotFound { field, .. } => format!("there is no column `{}`", field.flat_name()),
                SchemaError::AmbiguousReference { field } => {
                    format!("several tables have a column `{}`", field.name())
                }
                other => other.to_string(),
            },
            root => plain(root),
        };
        Self::query(sql, message, place, None)
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::External(_) => match unwrapped(error) {
                Ok(found) => Self::Tables(*found),
                Err(error) => Self::Engine(error),
            },
            _ => Self::Engine(error),
        }
    }
}

/// Returns the error of a table inside an error of the engine.
fn unwrapped(error: DataFusionError) -> Result<Box<peregrine_tables::Error>, DataFusionError> {
    match error {
        DataFusionError::External(inner) => inner.downcast().map_err(DataFusionError::External),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => unwrapped(*inner),
        other => Err(other),
    }
}

/// Returns the message without the class of the error in front.
fn plain(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let classes = ["Error during planning: ", "Execution error: ", "Arrow error: ", "External error: ", "SQL error: "];
    let mut text = text.as_str();
    while let Some(rest) = classes.iter().find_map(|class| text.strip_prefix(class)) {
        text = rest;
    }
    // All tables are in one schema, which nobody names.
    text.replace("datafusion.public.", "")
}

/// Returns a sentence as it goes on behind a colon.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // An abbreviation or a name stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// Returns the line of a place with a mark below it. Characters that are not text are shown as dots.
fn excerpt(sql: &str, place: Place) -> Option<String> {
    let line = sql.split('\n').nth(place.line - 1)?;
    let shown = |letter: char| if letter.is_control() { '.' } else { letter };
    let from = place.column.saturating_sub(SHOWN / 2);
    let text: String = line.chars().skip(from).take(SHOWN).map(shown).collect();
    let before = place.column - 1 - from.min(place.column - 1);
    let width = place.width.min(SHOWN - before.min(SHOWN - 1));
    let margin = place.line.to_string();
    Some(format!("\n {margin} | {text}\n {} | {}{}", " ".repeat(margin.len()), " ".repeat(before), "^".repeat(width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let sql = format!("select 1\n{}X{}", "a".repeat(1_000), "b".repeat(1_000));
        let shown = excerpt(&sql, Place { line: 2, column: 1_001, width: 5 }).expect("a line");
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(lines[0].chars().count(), SHOWN + 5);
        assert_eq!(lines[1].find('^'), lines[0].find('X'));
        assert!(excerpt(&sql, Place { line: 9, column: 1, width: 1 }).is_none());
    }
}
