//! Tokens of a YAML text.

use std::borrow::Cow;

use super::Scalar;
use crate::text::Mark;

/// A piece of a text.
#[derive(Debug)]
pub(super) enum Kind<'t> {
    /// `%NAME …`: its name and its arguments.
    Directive(&'t str, Vec<&'t str>),
    /// `---`
    DocumentStart,
    /// `...`
    DocumentEnd,
    /// The first `- ` of a sequence.
    SequenceStart,
    /// The end of the lines of a sequence.
    SequenceEnd,
    /// The first key of a map.
    MapStart,
    /// The end of the lines of a map.
    MapEnd,
    /// `- `
    Entry,
    /// `[`
    FlowSequenceStart,
    /// `]`
    FlowSequenceEnd,
    /// `{`
    FlowMapStart,
    /// `}`
    FlowMapEnd,
    /// `,`
    FlowEntry,
    /// A key follows.
    Key,
    /// The value of a key follows.
    Value,
    /// `&NAME`
    Anchor(&'t str),
    /// `*NAME`
    Alias(&'t str),
    /// `!NAME`
    Tag,
    /// A scalar of any style.
    Scalar(Scalar<'t>),
}

/// Whether a token counts. Whether a text is a key shows only behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Valid,
    /// It may turn out to be valid.
    Open,
    Invalid,
}

/// A piece and its place.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) status: Status,
    pub(super) mark: Mark,
}

/// The reason why a text is not YAML, in the words of Falco's reader, and its place.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) words: Cow<'static, str>,
    pub(super) mark: Mark,
}

pub(super) type Result<T> = std::result::Result<T, Box<Refused>>;

#[cold]
pub(super) fn refuse<T>(words: impl Into<Cow<'static, str>>, mark: Mark) -> Result<T> {
    Err(Box::new(Refused { words: words.into(), mark }))
}
