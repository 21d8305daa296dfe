//! Captures to query, and what is to be said about them when a query is done.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use scap::Source;
use scap::savefile::Reader;

type Open = dyn Fn() -> scap::Result<Box<dyn Source + Send>> + Send + Sync;

/// A capture to query. It is opened once for each use of a table by a query.
#[derive(Clone)]
pub struct Capture {
    name: Arc<str>,
    size: u64,
    open: Arc<Open>,
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").field("name", &self.name).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Capture {
    /// Creates a capture that `open` opens. Its name is the value of the column `capture`; captures are distributed over
    /// threads by their sizes in bytes.
    pub fn new(
        name: impl Into<String>,
        size: u64,
        open: impl Fn() -> scap::Result<Box<dyn Source + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into().into(), size, open: Arc::new(open) }
    }

    /// Creates a capture in a file, whose path is its name.
    pub fn file(path: &Path) -> Self {
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        let at = path.to_owned();
        Self::new(path.to_string_lossy(), size, move || Ok(Box::new(Reader::open(&at)?)))
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn open(&self) -> scap::Result<Box<dyn Source + Send>> {
        (self.open)()
    }

    /// Distributes captures over at most `count` groups of about the same size; one at least, which may be empty.
    pub(crate) fn groups(captures: &[Self], count: usize) -> Vec<Vec<Self>> {
        let mut groups: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); captures.len().clamp(1, count.max(1))];
        let mut order: Vec<usize> = (0..captures.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(captures[*at].size));
        for at in order {
            // An empty capture takes its time, too.
            let smallest = groups.iter_mut().min_by_key(|(size, members)| (*size, members.len()));
            if let Some((size, members)) = smallest {
                *size = size.saturating_add(captures[at].size);
                members.push(at);
            }
        }
        let in_order = |(_, mut members): (u64, Vec<usize>)| {
            members.sort_unstable();
            members.into_iter().map(|at| captures[at].clone()).collect()
        };
        groups.into_iter().map(in_order).collect()
    }
}

/// The remarks about captures, for when a query is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<Note>>>);

/// A remark about a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The sentence, with the name of the capture in front.
    pub text: String,
    /// Whether the answer lacks rows.
    pub incomplete: bool,
}

impl Notes {
    pub(crate) fn add(&self, text: String, incomplete: bool) {
        let note = Note { text, incomplete };
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A query may read a capture more than once.
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(crate) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_of_about_the_same_size() {
        let of = |sizes: &[u64], count| {
            let all: Vec<Capture> = sizes
                .iter()
                .enumerate()
                .map(|(at, size)| {
                    Capture::new(at.to_string(), *size, || {
                        Err(scap::Error::io("none", std::io::ErrorKind::NotFound.into()))
                    })
                })
                .collect();
            let names =
                |group: Vec<Capture>| group.iter().map(|one| one.name().to_owned()).collect::<Vec<_>>().join("");
            Capture::groups(&all, count).into_iter().map(names).collect::<Vec<_>>()
        };
        assert_eq!(of(&[5, 1, 2, 3], 2), ["01", "23"].map(String::from).to_vec());
        assert_eq!(of(&[0, 0, 0], 2), ["02", "1"].map(String::from).to_vec());
        assert_eq!(of(&[7], 8), ["0"]);
        assert_eq!(of(&[], 8), [""]);
        assert_eq!(of(&[1, 1], 0), ["01"]);
    }
}
