//! The captures that the words of a command line name: files, folders, patterns.

use std::path::{Path, PathBuf};

use crate::Fatal;

/// The folders below a folder that are searched for captures.
const DEPTH: usize = 16;

/// Splits `CAPTURE… [FILTER] OUTPUT` into captures, filter and output.
pub(crate) fn split(words: &[String]) -> Result<(Vec<PathBuf>, String, &Path), Fatal> {
    let (output, rest) = match words.split_last() {
        Some((output, rest)) if !rest.is_empty() => (output, rest),
        _ => return Err("captures and a file to write are required".into()),
    };
    let (captures, filter) = leading(rest)?;
    Ok((captures, filter.join(" "), Path::new(output)))
}

/// Returns the captures that the first words name, and the words after them.
pub(crate) fn leading(words: &[String]) -> Result<(Vec<PathBuf>, &[String]), Fatal> {
    let mut captures = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let found = named(word)?;
        if found.is_empty() {
            if at == 0 {
                return Err(missing(word).into());
            }
            // A filter has no name of a file in front.
            if is_capture(Path::new(word)) {
                return Err(missing(word).into());
            }
            return Ok((captures, &words[at..]));
        }
        captures.extend(found);
    }
    Ok((captures, &[]))
}

/// Returns whether a word is a query: it names no file, and is not one that is missing.
#[cfg(feature = "sql")]
pub(crate) fn is_query(word: &str) -> Result<bool, Fatal> {
    let is_file = !named(word)?.is_empty() || Path::new(word).exists();
    Ok(!is_file
        && (word.contains(char::is_whitespace) || !(is_capture(Path::new(word)) || is_parquet(Path::new(word)))))
}

/// Returns the captures, and the Parquet files and folders of them, that words name.
#[cfg(feature = "sql")]
pub(crate) fn tables(words: &[String]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Fatal> {
    let (mut captures, mut parquet) = (Vec::new(), Vec::new());
    for word in words {
        let path = Path::new(word);
        let found = named(word)?;
        if found.is_empty() && path.is_dir() {
            parquet.push(path.to_owned());
        } else if found.is_empty() {
            return Err(missing(word).into());
        }
        for file in found {
            let to = if is_parquet(&file) { &mut parquet } else { &mut captures };
            to.push(file);
        }
    }
    Ok((captures, parquet))
}

#[cfg(feature = "sql")]
fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}

fn missing(word: &str) -> String {
    match std::fs::metadata(word) {
        Ok(meta) if meta.is_dir() => format!("the folder {word} has no captures: *.scap, *.scap.gz"),
        _ if is_pattern(word) => format!("no file matches {word}"),
        _ => format!("can't open file {word}: there is no such file"),
    }
}

/// Returns the captures that a word names; none if it names no file.
fn named(word: &str) -> Result<Vec<PathBuf>, Fatal> {
    let path = Path::new(word);
    if word == "-" {
        return Ok(vec![path.to_owned()]);
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let mut found = Vec::new();
            below(path, DEPTH, &mut found)?;
            found.sort();
            Ok(found)
        }
        Ok(_) => Ok(vec![path.to_owned()]),
        Err(_) if is_pattern(word) => match glob::glob(word) {
            Ok(paths) => Ok(paths.filter_map(Result::ok).filter(|path| path.is_file()).collect()),
            // It may be a filter.
            Err(_) => Ok(Vec::new()),
        },
        Err(_) => Ok(Vec::new()),
    }
}

fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// Returns whether the name is that of a capture: `x.scap`, `x.scap.gz`, `x.scap0`, `x.trace`.
fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = name.split('.').skip(1).find(|part| part.starts_with("scap") || *part == "trace");
    !name.starts_with('.') && extension.is_some()
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Fatal> {
    let failed = |error| format!("can't read folder {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let path = entry.path();
        // Links to folders may be circles.
        if kind.is_dir() && depth > 0 {
            below(&path, depth - 1, found)?;
        } else if !kind.is_dir() && is_capture(&path) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_captures_a_filter_and_an_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir(at("sub")).expect("a folder");
        for name in ["b.scap", "a.scap.gz", "sub/c.scap0", "notes.txt"] {
            std::fs::write(at(name), b"").expect("a file");
        }
        let check = |words: &[&str], captures: &[&str], filter: &str| {
            let words: Vec<String> =
                words.iter().map(|word| (*word).to_owned()).chain(["out.csv".to_owned()]).collect();
            let (found, condition, output) = split(&words).expect("words");
            assert_eq!(found, captures.iter().map(PathBuf::from).collect::<Vec<_>>(), "{words:?}");
            assert_eq!((condition.as_str(), output), (filter, Path::new("out.csv")), "{words:?}");
        };
        let (a, b, c) = (at("a.scap.gz"), at("b.scap"), at("sub/c.scap0"));
        check(&[&b], &[&b], "");
        check(&["-", "evt.type=open"], &["-"], "evt.type=open");
        check(&[&b, &a, "evt.type", "=", "open"], &[&b, &a], "evt.type = open");
        check(&[&at("*.scap*")], &[&a, &b], "");
        check(
            &[&at("."), "proc.name in (a, b)"],
            &[&at("./a.scap.gz"), &at("./b.scap"), &at("./sub/c.scap0")],
            "proc.name in (a, b)",
        );
        check(&[&c, "evt.arg[0] contains '*'"], &[&c], "evt.arg[0] contains '*'");
    }

    #[test]
    fn missing_captures_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(at("a.scap"), b"").expect("a file");
        let error = |words: &[String]| split(words).expect_err("an error").to_string();
        assert!(error(&[at("x.scap"), "out.csv".into()]).contains("no such file"));
        assert!(error(&[at("*.gz"), "out.csv".into()]).starts_with("no file matches"));
        assert!(error(&[at("a.scap"), at("x.scap"), "out.csv".into()]).contains("x.scap: there is no such file"));
        assert!(error(&["out.csv".into()]).contains("required"));
        std::fs::remove_file(at("a.scap")).expect("it is removed");
        assert!(error(&[at("."), "out.csv".into()]).contains("has no captures"));
    }
}
