//! The tables, and the columns that are theirs alone. All other columns are the fields of Falco's rules.

use sinsp::fields::{CLASSES, FieldDef, FieldFlags, FieldRef, Item, Lifetime};

use crate::column::Form;

/// A table of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// One row for each event.
    Events,
    /// One row for each process that had an event.
    Processes,
    /// One row for each connection of a process that had an event.
    Connections,
    /// One row for each file that a process opened, read or wrote.
    Files,
    /// One row for each alert of the rules.
    Alerts,
}

/// A column that is not a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

const fn own(name: &'static str, form: Form) -> Own {
    Own { name, form }
}

/// The name of the column with the capture that a row is from.
pub(crate) const CAPTURE: &str = "capture";
/// The name of the column with the host that the capture was recorded on. In `evt.hostname` it is empty on replay, as in
/// Falco.
pub(crate) const HOST: &str = "host";

const TIME: Form = Form::One(Item::Time);
const COUNT: Form = Form::One(Item::Unsigned(64));
const TEXT: Form = Form::One(Item::Text);

/// Declares the own columns of a table as constants of a module, with their places.
macro_rules! own {
    ($module:ident: $($constant:ident $name:literal $form:expr;)*) => {
        pub(crate) mod $module {
            use super::*;
            #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "they number the rows")]
            enum Place { $($constant),* }
            $(pub(crate) const $constant: usize = Place::$constant as usize;)*
            pub(crate) const COLUMNS: &[Own] = &[$(own($name, $form)),*];
        }
    };
}

own! { processes:
    STARTED "started" TIME;
    FIRST "first" TIME;
    LAST "last" TIME;
    ENDED "ended" TIME;
    EXIT_CODE "exit_code" Form::One(Item::Signed(32));
    EXIT_SIGNAL "exit_signal" Form::One(Item::Signed(32));
    EVENTS "events" COUNT;
    EXECS "execs" COUNT;
    EXEPATHS "exepaths" Form::Many(Item::Text);
    CMDLINES "cmdlines" Form::Many(Item::Text);
    USERS "users" Form::Many(Item::Text);
}

own! { connections:
    FIRST "first" TIME;
    LAST "last" TIME;
    CLOSED "closed" TIME;
    OPENED_BY "opened_by" TEXT;
    RESULT "result" TEXT;
    READS "reads" COUNT;
    WRITES "writes" COUNT;
    BYTES_IN "bytes_in" COUNT;
    BYTES_OUT "bytes_out" COUNT;
}

own! { files:
    NAME "fd.name" TEXT;
    TYPE "fd.type" TEXT;
    FIRST "first" TIME;
    LAST "last" TIME;
    OPENS "opens" COUNT;
    WRITE_OPENS "write_opens" COUNT;
    FAILED_OPENS "failed_opens" COUNT;
    READS "reads" COUNT;
    WRITES "writes" COUNT;
    BYTES_READ "bytes_read" COUNT;
    BYTES_WRITTEN "bytes_written" COUNT;
}

own! { alerts:
    TIME_ "time" TIME;
    RULE "rule" TEXT;
    PRIORITY "priority" TEXT;
    SOURCE "source" TEXT;
    HOSTNAME "hostname" TEXT;
    TAGS "tags" Form::Many(Item::Text);
    OUTPUT "output" Form::Plain;
    FIELDS "output_fields" Form::Pairs;
}

/// The default columns of events.
const EVENTS: &[&str] = &[
    "evt.num",
    "evt.rawtime",
    "evt.cpu",
    "evt.type",
    "evt.category",
    "evt.res",
    "evt.rawres",
    "evt.buflen",
    "evt.args",
    "thread.tid",
    "proc.pid",
    "proc.ppid",
    "proc.name",
    "proc.exepath",
    "proc.cmdline",
    "proc.pname",
    "user.uid",
    "user.name",
    "container.id",
    "fd.num",
    "fd.type",
    "fd.name",
    "fd.l4proto",
    "fd.cip",
    "fd.cport",
    "fd.sip",
    "fd.sport",
];

/// The fields of a process in tables about something else.
const OF_PROCESS: &[&str] = &[
    "proc.pid",
    "proc.ppid",
    "proc.name",
    "proc.exepath",
    "proc.cmdline",
    "proc.pname",
    "proc.aname",
    "user.uid",
    "user.name",
    "container.id",
];

impl Table {
    /// All tables.
    pub const ALL: &'static [Self] = &[Self::Events, Self::Processes, Self::Connections, Self::Files, Self::Alerts];

    /// Returns its name, such as `events`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Processes => "processes",
            Self::Connections => "connections",
            Self::Files => "files",
            Self::Alerts => "alerts",
        }
    }

    /// Returns the table of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Returns the column with the time of a row, by which datasets are partitioned.
    pub fn time_column(self) -> &'static str {
        match self {
            Self::Events => "evt.rawtime",
            Self::Processes | Self::Connections | Self::Files => "first",
            Self::Alerts => "time",
        }
    }

    pub(crate) fn own(self) -> &'static [Own] {
        match self {
            Self::Events => &[],
            Self::Processes => processes::COLUMNS,
            Self::Connections => connections::COLUMNS,
            Self::Files => files::COLUMNS,
            Self::Alerts => alerts::COLUMNS,
        }
    }

    /// Returns whether a field of this row can be a column.
    pub(crate) fn has(self, def: &FieldDef) -> bool {
        match self {
            Self::Events | Self::Alerts => true,
            Self::Connections => def.lifetime != Lifetime::Event,
            // A process is not about one file descriptor.
            Self::Processes | Self::Files => !matches!(def.lifetime, Lifetime::Event | Lifetime::Fd),
        }
    }

    /// Returns the names of the columns that a table has if none are named.
    pub fn default_columns(self) -> Vec<String> {
        let own = [CAPTURE, HOST].into_iter().chain(self.own().iter().map(|own| own.name));
        let names: Vec<&str> = match self {
            Self::Events => own.chain(EVENTS.iter().copied()).collect(),
            Self::Alerts => own.collect(),
            Self::Files => own.chain(OF_PROCESS.iter().copied()).collect(),
            Self::Processes => return self.all_columns(),
            Self::Connections => {
                let fds = rows(self).filter(|def| def.lifetime == Lifetime::Fd).map(|def| def.name);
                own.chain(fds).chain(OF_PROCESS.iter().copied()).collect()
            }
        };
        names.into_iter().map(str::to_owned).collect()
    }

    /// Returns the names of all columns that require no argument: those of the table, then every field.
    pub fn all_columns(self) -> Vec<String> {
        let own = [CAPTURE, HOST].into_iter().chain(self.own().iter().map(|own| own.name));
        let mut names: Vec<String> = own.map(str::to_owned).collect();
        for def in rows(self) {
            if !names.iter().any(|name| name == def.name) {
                names.push(def.name.to_owned());
            }
        }
        names
    }
}

/// Returns the rows of the fields that a table can show without an argument.
fn rows(table: Table) -> impl Iterator<Item = &'static FieldDef> {
    let unwanted = FieldFlags::DEPRECATED;
    CLASSES.iter().flat_map(|class| class.fields).filter(move |def| {
        table.has(def)
            && !def.flags.intersects(unwanted)
            && FieldRef::parse(def.name).is_ok_and(|field| !field.is_filter_only())
    })
}

/// Returns how a field is stored. Texts whose value is another for nearly every event have no dictionary.
pub(crate) fn form(field: &FieldRef) -> Form {
    const UNLIKE: [&str; 7] =
        ["evt.abspath", "evt.arg", "evt.args", "evt.info", "evt.rawarg", "fd.uid", "thread.nametid"];
    let shape = field.shape();
    match (shape.item, shape.list) {
        (item, true) => Form::Many(item),
        (Item::Text, false) if UNLIKE.contains(&field.def().name) => Form::Plain,
        (item, false) => Form::One(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_every_field_that_they_can_have() {
        let columns = Table::Events.all_columns();
        assert!(columns.len() > 200, "{}", columns.len());
        assert!(Table::Processes.all_columns().iter().any(|name| name == "proc.aname"));
        assert!(!Table::Processes.all_columns().iter().any(|name| name.starts_with("fd.") || name == "evt.num"));
        assert!(Table::Connections.all_columns().iter().any(|name| name == "fd.sip"));
        for table in Table::ALL {
            assert_eq!(Table::named(table.name()), Some(*table));
            let all = table.all_columns();
            assert!(table.default_columns().iter().all(|name| all.contains(name)), "{table:?}");
        }
    }
}
