//! Scopes that events belong to together, beside having equal fields.

/// A group of events for correlations, instead of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// One process, from its start on: a later process with the same id is another.
    Process,
    /// The process of the first event and all its descendants.
    Tree,
    /// One session of processes.
    Session,
    /// One container, or none.
    Container,
    /// One user.
    User,
    /// This host: all events.
    Host,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [Self::Process, Self::Tree, Self::Session, Self::Container, Self::User, Self::Host];

    /// Returns its name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Tree => "tree",
            Self::Session => "session",
            Self::Container => "container",
            Self::User => "user",
            Self::Host => "host",
        }
    }

    /// Returns the scope of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The way in which events of a source belong to a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeSource {
    /// They do not.
    None,
    /// By a field of this name.
    Field(&'static str),
    /// By processes: [`Event::identities`](super::Event::identities) gives them.
    Processes,
}

/// A process, identified so that no later process with its id is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its id.
    pub pid: i64,
    /// When it started, in nanoseconds; 0 if that is not known.
    pub start: u64,
}
