//! Names of columns in a query.
//!
//! A field is written as in rules, `proc.name` or `proc.aname[2]`, which is a path of several tokens in SQL. They are
//! joined to one quoted identifier before the query is parsed; the place of each token stays that in the text.

use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError, Word};

use crate::error::{Error, Place};

/// The most tokens between the brackets of an argument.
const ARGUMENT: usize = 64;

/// The statements of a text, and the columns that they may name.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) statements: Vec<Statement>,
    /// The columns that were found, in their order.
    pub(crate) columns: Vec<String>,
    /// Paths that could be names of fields, but are none.
    pub(crate) others: Vec<(String, Place)>,
}

/// Parses statements. `is_column` says whether a table has a column of a name.
pub(crate) fn parse(sql: &str, is_column: &dyn Fn(&str) -> bool) -> Result<Parsed, Error> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location();
    let tokens = tokens
        .map_err(|TokenizerError { message, location }| Error::query(sql, message, Some(Place::at(location)), None))?;
    let (mut joined, mut columns, mut others) = (Vec::with_capacity(tokens.len()), Vec::new(), Vec::new());
    // The end of the path that was listed last.
    let mut listed = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match path(&tokens[at..], is_column) {
            Some(Path::Column { name, used }) => {
                let span = Span::new(token.span.start, tokens[at + used - 1].span.end);
                joined.push(TokenWithSpan::new(Token::make_word(&name, Some('"')), span));
                if !columns.contains(&name) {
                    columns.push(name);
                }
                // A name of a table may be in front of a column.
                if at < listed {
                    others.pop();
                    listed = 0;
                }
                at += used;
            }
            Some(Path::Other { name, used }) => {
                if at >= listed {
                    listed = at + used;
                    others.push((name, Place::of(Span::new(token.span.start, tokens[at + used - 1].span.end))));
                }
                joined.push(token.clone());
                at += 1;
            }
            None => {
                joined.push(token.clone());
                at += 1;
            }
        }
    }
    let statements = Parser::new(&dialect).with_tokens_with_locations(joined).parse_statements();
    let statements = statements.map_err(|error| parse_error(sql, error, &tokens))?;
    Ok(Parsed { statements, columns, others })
}

enum Path {
    Column { name: String, used: usize },
    Other { name: String, used: usize },
}

/// Returns the path that the tokens begin with.
fn path(tokens: &[TokenWithSpan], is_column: &dyn Fn(&str) -> bool) -> Option<Path> {
    let Token::Word(first) = &tokens.first()?.token else { return None };
    if first.quote_style.is_some() {
        let name = first.value.clone();
        return is_column(&name).then_some(Path::Column { name, used: 1 });
    }
    let mut name = first.value.clone();
    let mut used = 1;
    loop {
        match (tokens.get(used).map(|token| &token.token), tokens.get(used + 1).map(|token| &token.token)) {
            (Some(Token::Period), Some(Token::Word(Word { value, quote_style: None, .. }))) => {
                name.push('.');
                name.push_str(value);
                used += 2;
            }
            // `.307` is a number to SQL.
            (Some(Token::Number(digits, false)), _) if digits.starts_with('.') && used > 1 => {
                name.push_str(digits);
                used += 1;
            }
            _ => break,
        }
    }
    if used == 1 {
        return None;
    }
    let find = |name: &str| {
        let known = |name: String| is_column(&name).then_some(name);
        known(name.to_owned()).or_else(|| known(name.to_ascii_lowercase()))
    };
    if let Some((argument, with)) = argument(&tokens[used..])
        && let Some(name) = find(&format!("{name}[{argument}]"))
    {
        return Some(Path::Column { name, used: used + with });
    }
    Some(match find(&name) {
        Some(name) => Path::Column { name, used },
        None => Path::Other { name, used },
    })
}

/// Returns the text between the brackets that the tokens begin with, and how many tokens it has with them.
fn argument(tokens: &[TokenWithSpan]) -> Option<(String, usize)> {
    if tokens.first()?.token != Token::LBracket {
        return None;
    }
    let end = tokens.iter().take(ARGUMENT).position(|token| token.token == Token::RBracket)?;
    let inner = &tokens[1..end];
    let text = match inner {
        [TokenWithSpan { token: Token::SingleQuotedString(text), .. }] => text.clone(),
        [TokenWithSpan { token: Token::Word(word), .. }] => word.value.clone(),
        _ => inner.iter().map(|token| token.token.to_string()).collect(),
    };
    Some((text, end + 1))
}

/// Returns the error of the parser with its place, which is in the text of its message.
fn parse_error(sql: &str, error: ParserError, tokens: &[TokenWithSpan]) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    };
    let found = message.rsplit_once(" at Line: ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((what.to_owned(), Location::new(line.parse().ok()?, column.parse().ok()?)))
    });
    match found {
        Some((what, location)) => {
            let token = tokens.iter().find(|token| token.span.start == location);
            let place = token.map_or_else(|| Place::at(location), |token| Place::of(token.span));
            Error::query(sql, what, Some(place), None)
        }
        // At the end of the text.
        None => Error::query(sql, message, tokens.last().map(|token| Place::at(token.span.end)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_column(name: &str) -> bool {
        [
            "proc.name",
            "user.name",
            "group.gid",
            "evt.arg.flags",
            "evt.type.is.307",
            "proc.env[PATH]",
            "fd.name",
            "proc.aname",
            "proc.aname[2]",
        ]
        .contains(&name)
    }

    fn read(sql: &str) -> String {
        let parsed = parse(sql, &is_column).expect("a query");
        parsed.statements.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
    }

    #[test]
    fn fields_are_written_as_in_rules() {
        assert_eq!(read("select proc.name from events"), r#"SELECT "proc.name" FROM events"#);
        assert_eq!(
            read("select user.name, group.gid, Proc.Name from t"),
            r#"SELECT "user.name", "group.gid", "proc.name" FROM t"#
        );
        assert_eq!(read("select e.proc.name from t e"), r#"SELECT e."proc.name" FROM t e"#);
        assert_eq!(
            read("select proc.aname[2], proc.aname[1] from t"),
            r#"SELECT "proc.aname[2]", "proc.aname"[1] FROM t"#
        );
        assert_eq!(
            read("select proc.env[PATH], proc.env['PATH'] from t"),
            r#"SELECT "proc.env[PATH]", "proc.env[PATH]" FROM t"#
        );
        assert_eq!(
            read("select evt.type.is.307, evt.arg.flags from t"),
            r#"SELECT "evt.type.is.307", "evt.arg.flags" FROM t"#
        );
        assert_eq!(
            read("select 'proc.name', s.t.x, 1.5 from t -- proc.name"),
            r#"SELECT 'proc.name', s.t.x, 1.5 FROM t"#
        );
        assert_eq!(read(r#"select "fd.name" as "x.y" from t"#), r#"SELECT "fd.name" AS "x.y" FROM t"#);
    }

    #[test]
    fn columns_and_other_paths_are_listed() {
        let parsed = parse("select proc.nose, e.fd.name, \"proc.name\" from t e", &is_column).expect("a query");
        assert_eq!(parsed.columns, ["fd.name", "proc.name"]);
        assert_eq!(parsed.others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["proc.nose"]);
    }

    #[test]
    fn errors_have_their_place_in_the_text() {
        let error = |sql: &str| parse(sql, &is_column).expect_err("an error").to_string();
        assert_eq!(
            error("select proc.name,\n  user.name frm events where"),
            "expected: end of statement, found: events\n 2 |   user.name frm events where\n   |                 ^^^^^^"
        );
        assert_eq!(error("select 'x"), "unterminated string literal\n 1 | select 'x\n   |        ^");
        assert_eq!(error("select"), "expected: an expression, found: EOF\n 1 | select\n   |       ^");
        let deep = format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(error(&deep).starts_with("it is nested too deeply"));
    }
}
