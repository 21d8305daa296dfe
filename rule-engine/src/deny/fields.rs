//! The meaning of fields at the hooks of the kernel.

use crate::event::Special;
use crate::ir::expr::Op;
use crate::ir::node::{Atom, Literal, Pool, Test as Check};
use crate::syntax::ast::Operator;
use std::net::IpAddr;

/// The name of a field, by its number.
type FieldName<'f> = &'f dyn Fn(u32) -> String;

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident $text:literal $events:expr;)*) => {
        /// A hook, with the calls that pass it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Call { $($(#[$doc])* $name,)* }

        impl Call {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its name, a verb.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns the types of the events of its calls.
            pub const fn event_types(self) -> &'static [&'static str] {
                match self { $(Self::$name => &$events,)* }
            }
        }
    };
}

calls! {
    /// Running a program.
    Exec "exec" ["execve", "execveat"];
    /// Opening a file.
    Open "open" ["open", "openat", "openat2", "creat", "open_by_handle_at"];
    /// Connecting a socket.
    Connect "connect" ["connect"];
    /// Renaming a file or directory.
    Rename "rename" ["rename", "renameat", "renameat2"];
    /// Removing a file.
    Unlink "unlink" ["unlink", "unlinkat"];
    /// Removing a directory.
    Rmdir "rmdir" ["rmdir", "unlinkat"];
    /// Making a hard link.
    Link "link" ["link", "linkat"];
    /// The call `bpf`.
    Bpf "bpf" ["bpf"];
    /// Tracing a process.
    Ptrace "ptrace" ["ptrace"];
}

impl Call {
    /// Returns whether a call of any of these types passes it.
    pub(super) fn is_passed_by<S: AsRef<str>>(self, types: &[S]) -> bool {
        types.iter().any(|name| self.event_types().contains(&name.as_ref()))
    }
}

/// One of the paths of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The executable of the process; at [`Call::Exec`] the one that is about to be run.
    Exe,
    /// The file that is opened, renamed, removed or linked.
    Object,
    /// The new name at [`Call::Rename`] and [`Call::Link`].
    Target,
}

/// A property that is true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// The executable is in memory only (memfd).
    Memfd,
    /// The executable lies in the upper layer of an overlay.
    UpperLayer,
    /// The file is opened for reading.
    Read,
    /// The file is opened for writing.
    Write,
    /// The file is opened as a directory.
    Directory,
    /// The socket is connected to an internet address.
    Address,
}

/// A test on a value of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// The path is this one.
    Path(Place, Vec<u8>),
    /// The path is below this directory.
    Below(Place, Vec<u8>),
    /// The last component of the path is this.
    Last(Place, Vec<u8>),
    /// The name of the thread.
    Comm(Vec<u8>),
    /// The name of the parent process.
    ParentComm(Vec<u8>),
    /// The effective user.
    Uid(u32),
    /// The short ID of the container, or `host`.
    Container(Vec<u8>),
    /// The address to connect to is in this network.
    Net(IpAddr, u8),
    /// The port to connect to.
    Port(u16),
    /// The property is true.
    Flag(Flag),
}

/// The meaning of an atom at a hook.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is always this.
    Known(bool),
    /// Any of these tests is true.
    Any(Vec<Test>),
    /// None of these tests is true.
    None(Vec<Test>),
    /// None of the first is true, and the value exists: any of the second is true.
    NoneButIf(Vec<Test>, Vec<Test>),
}

/// The longest name of a thread.
const COMM_LEN: usize = 15;
/// The most components of a path.
const MAX_COMPONENTS: usize = 16;

/// Returns the event types that an atom compares with, if it is about them.
pub(super) fn event_types(pool: &Pool, atom: &Atom, field: FieldName<'_>) -> Option<Vec<String>> {
    let expr = &pool.exprs[atom.expr];
    if !matches!(expr.op, Op::Field(_))
        || !(expr.special == Special::EventType || name_of(pool, atom, field)? == "syscall.type")
    {
        return None;
    }
    let text = |literal: &Literal| String::from_utf8_lossy(literal.bytes()).into_owned();
    match &atom.test {
        Check::Compare(Operator::Eq | Operator::EqEq | Operator::Ne, name) => Some(vec![text(name)]),
        Check::In(names) => Some(names.iter().map(text).collect()),
        _ => None,
    }
}

/// Returns whether an atom is true for all event types but those that it names.
pub(super) fn is_negated(atom: &Atom) -> bool {
    matches!(atom.test, Check::Compare(Operator::Ne, _))
}

fn name_of(pool: &Pool, atom: &Atom, field: FieldName<'_>) -> Option<String> {
    match pool.exprs[atom.expr].op {
        Op::Field(id) => Some(field(id.0)),
        _ => None,
    }
}

/// The origin of a field's value at a hook.
enum Source {
    Path(Place),
    Last(Place),
    Comm,
    ParentComm,
    Uid,
    Container,
    Address,
    Port,
    Flag(Flag),
    /// `f` of a file and `d` of a directory.
    FileType,
    /// A number that is at least 0 if the call succeeds.
    Result,
    /// A truth of which this is known.
    Truth(bool),
    /// A text of which this is known.
    Text(&'static str),
}

/// Returns what a field is at a hook; `None` if the kernel does not know it.
fn source(name: &str, call: Call) -> Option<Source> {
    let on = |calls: &[Call], source| calls.contains(&call).then_some(source);
    match name {
        "proc.exepath" => Some(Source::Path(Place::Exe)),
        // At an exec the name is that of the new program, which is not set yet.
        "proc.name" if call != Call::Exec => Some(Source::Comm),
        "proc.pname" => Some(Source::ParentComm),
        "user.uid" => Some(Source::Uid),
        "container.id" => Some(Source::Container),
        "proc.is_exe_from_memfd" => Some(Source::Flag(Flag::Memfd)),
        "proc.is_exe_upper_layer" => Some(Source::Flag(Flag::UpperLayer)),
        "fd.name" => on(&[Call::Open], Source::Path(Place::Object)),
        "fd.filename" => on(&[Call::Open], Source::Last(Place::Object)),
        "fd.typechar" => on(&[Call::Open], Source::FileType),
        "fs.path.name" => on(&[Call::Open, Call::Unlink, Call::Rmdir], Source::Path(Place::Object)),
        "fs.path.source" => on(&[Call::Rename, Call::Link], Source::Path(Place::Object)),
        "fs.path.target" => on(&[Call::Rename, Call::Link], Source::Path(Place::Target)),
        "evt.is_open_read" => Some(if call == Call::Open { Source::Flag(Flag::Read) } else { Source::Truth(false) }),
        "evt.is_open_write" => Some(if call == Call::Open { Source::Flag(Flag::Write) } else { Source::Truth(false) }),
        "fd.sip" | "fd.rip" | "fd.snet" | "fd.rnet" => on(&[Call::Connect], Source::Address),
        "fd.sport" | "fd.rport" => on(&[Call::Connect], Source::Port),
        "fd.num" => on(&[Call::Open, Call::Connect], Source::Result),
        "evt.rawres" => Some(Source::Result),
        "evt.failed" => Some(Source::Truth(false)),
        "evt.res" => Some(Source::Text("SUCCESS")),
        "evt.dir" => Some(Source::Text("<")),
        _ => None,
    }
}

/// Returns what an atom means at a hook.
///
/// # Errors
/// Why the kernel cannot decide it.
pub(super) fn meaning(pool: &Pool, atom: &Atom, call: Call, field: FieldName<'_>) -> Result<Meaning, String> {
    if let Some(types) = event_types(pool, atom, field) {
        return Ok(Meaning::Known(call.is_passed_by(&types) != is_negated(atom)));
    }
    let Some(name) = name_of(pool, atom, field) else {
        return Err("the kernel compares fields without transformers".to_owned());
    };
    let Some(source) = source(&name, call) else {
        return Err(match name.as_str() {
            "proc.name" => "at exec, the name of the new program is not set yet; use proc.exepath".to_owned(),
            _ => format!("the kernel does not know {name} at {}", call.name()),
        });
    };
    let (values, op): (&[Literal], Operator) = match &atom.test {
        Check::Compare(op, literal) => (std::slice::from_ref(literal), *op),
        Check::In(set) => (set, Operator::Eq),
        Check::PMatch(paths) => {
            let Source::Path(place) = source else { return Err("pmatch is for paths".to_owned()) };
            let mut tests = Vec::new();
            for path in paths {
                let path = path.strip_suffix(b"/").unwrap_or(path);
                tests.push(whole(place, path)?);
                tests.push(below(place, path)?);
            }
            return Ok(Meaning::Any(tests));
        }
        Check::Exists => {
            return match source {
                Source::Address | Source::Port => Ok(Meaning::Any(vec![Test::Flag(Flag::Address)])),
                _ => Ok(Meaning::Known(true)),
            };
        }
        other => return Err(format!("the kernel has no operator '{}'", other.word())),
    };
    let equal = matches!(op, Operator::Eq | Operator::EqEq | Operator::Ne);
    let no_operator = || Err(format!("the kernel has no operator '{}' for {name}", op.text()));
    let tests: Vec<Test> = match source {
        Source::Truth(_) | Source::Flag(_) if !equal => return no_operator(),
        Source::Truth(known) => {
            return Ok(Meaning::Known(values.contains(&Literal::Bool(known)) != (op == Operator::Ne)));
        }
        Source::Flag(flag) => {
            let (yes, no) = (values.contains(&Literal::Bool(true)), values.contains(&Literal::Bool(false)));
            return Ok(match (yes != (op == Operator::Ne), no != (op == Operator::Ne)) {
                (true, true) => Meaning::Known(true),
                (false, false) => Meaning::Known(false),
                (true, false) => Meaning::Any(vec![Test::Flag(flag)]),
                (false, true) => Meaning::None(vec![Test::Flag(flag)]),
            });
        }
        Source::Text(known) if equal => {
            let is = values.iter().any(|value| value.bytes() == known.as_bytes());
            return Ok(Meaning::Known(is != (op == Operator::Ne)));
        }
        Source::Result => return result(values, op).map(Meaning::Known).map_or_else(no_operator, Ok),
        Source::Path(place) => texts(values, |value| match op {
            Operator::Eq | Operator::EqEq | Operator::Ne => whole(place, value),
            Operator::StartsWith => match value.strip_suffix(b"/") {
                Some(folder) => below(place, folder),
                None => Err("a prefix in the kernel is a directory, and ends with a slash".to_owned()),
            },
            Operator::EndsWith => match value.strip_prefix(b"/") {
                Some(last) if !last.contains(&b'/') && !last.is_empty() => Ok(Test::Last(place, last.to_vec())),
                _ => Err("an end in the kernel is a last component with a slash before it".to_owned()),
            },
            _ => Err(format!("the kernel has no operator '{}' for paths", op.text())),
        })?,
        _ if !equal => return no_operator(),
        Source::Last(place) => texts(values, |value| Ok(Test::Last(place, value.to_vec())))?,
        Source::Comm => comms(values, Test::Comm),
        Source::ParentComm => comms(values, Test::ParentComm),
        Source::Container => texts(values, |value| {
            let is_id = value.len() == 12 && value.iter().all(u8::is_ascii_hexdigit);
            if is_id || value == b"host" {
                Ok(Test::Container(value.to_vec()))
            } else {
                Err("the kernel knows IDs of 12 digits, and host".to_owned())
            }
        })?,
        Source::Uid => numbers(values, "user")?.into_iter().map(Test::Uid).collect(),
        Source::Port => {
            let ports = numbers(values, "port")?;
            ports.into_iter().filter_map(|port| u16::try_from(port).ok()).map(Test::Port).collect()
        }
        Source::Address => {
            let mut nets = Vec::new();
            for value in values {
                nets.push(match value {
                    Literal::Ip(ip @ IpAddr::V4(_)) => Test::Net(*ip, 32),
                    Literal::Ip(ip) => Test::Net(*ip, 128),
                    Literal::Net(ip, bits) => Test::Net(*ip, *bits),
                    _ => return Err("the kernel knows addresses and networks".to_owned()),
                });
            }
            nets
        }
        Source::FileType => {
            let has = |kind: u8| values.iter().any(|value| value.bytes() == [kind]) != (op == Operator::Ne);
            let directory = vec![Test::Flag(Flag::Directory)];
            return Ok(match (has(b'f'), has(b'd')) {
                (true, true) => Meaning::Known(true),
                (true, false) => Meaning::None(directory),
                (false, true) => Meaning::Any(directory),
                (false, false) => Meaning::Known(false),
            });
        }
        Source::Text(_) => return no_operator(),
    };
    let is_address = tests.iter().any(|test| matches!(test, Test::Net(..) | Test::Port(_)));
    Ok(match op {
        Operator::Ne if is_address => Meaning::NoneButIf(tests, vec![Test::Flag(Flag::Address)]),
        Operator::Ne => Meaning::None(tests),
        _ => Meaning::Any(tests),
    })
}

fn texts(values: &[Literal], test: impl Fn(&[u8]) -> Result<Test, String>) -> Result<Vec<Test>, String> {
    values.iter().map(|value| test(value.bytes())).collect()
}

/// A longer name is nobody's.
fn comms(values: &[Literal], test: impl Fn(Vec<u8>) -> Test) -> Vec<Test> {
    let short = values.iter().map(Literal::bytes).filter(|name| name.len() <= COMM_LEN);
    short.map(|name| test(name.to_vec())).collect()
}

fn numbers(values: &[Literal], what: &str) -> Result<Vec<u32>, String> {
    let number = |value: &Literal| match value {
        Literal::U64(number) => u32::try_from(*number).ok(),
        Literal::I64(number) => u32::try_from(*number).ok(),
        _ => None,
    };
    values.iter().map(|value| number(value).ok_or_else(|| format!("the {what} is not a number"))).collect()
}

/// Returns the value of a comparison with the result of a call that will succeed.
fn result(values: &[Literal], op: Operator) -> Option<bool> {
    let [value] = values else { return None };
    let number = match value {
        Literal::I64(number) => *number,
        Literal::U64(number) => i64::try_from(*number).ok()?,
        _ => return None,
    };
    match op {
        Operator::Ge if number <= 0 => Some(true),
        Operator::Gt | Operator::Ne if number < 0 => Some(true),
        Operator::Lt if number <= 0 => Some(false),
        Operator::Le | Operator::Eq | Operator::EqEq if number < 0 => Some(false),
        _ => None,
    }
}

fn checked(path: &[u8]) -> Result<(), String> {
    let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    if !path.starts_with(b"/") {
        Err("a path in the kernel begins at the root".to_owned())
    } else if path.windows(2).any(|pair| pair == b"//") || names.clone().any(|name| name == b"." || name == b"..") {
        Err("a path in the kernel has no component that is empty, . or ..".to_owned())
    } else if names.clone().count() > MAX_COMPONENTS {
        Err(format!("a path in the kernel has at most {MAX_COMPONENTS} components"))
    } else if names.any(|name| name.len() > 255) {
        Err("the name of a file has at most 255 bytes".to_owned())
    } else {
        Ok(())
    }
}

fn whole(place: Place, path: &[u8]) -> Result<Test, String> {
    checked(path)?;
    match path.split_last() {
        Some((b'/', above)) if !above.is_empty() => Err("the path of a file has no slash at its end".to_owned()),
        Some((b'/', _)) => Err("the root is not a file".to_owned()),
        _ => Ok(Test::Path(place, path.to_vec())),
    }
}

fn below(place: Place, folder: &[u8]) -> Result<Test, String> {
    if folder.is_empty() {
        return Err("everything is below the root".to_owned());
    }
    checked(folder)?;
    Ok(Test::Below(place, folder.to_vec()))
}
