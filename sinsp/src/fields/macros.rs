//! The syntax of a class of fields.
//!
//! ```text
//! fields! {
//!     /// The subject of the class.
//!     pub USER = "user" "" {
//!         "user.uid" UInt32 id, Thread, |e, _, _| Some(e.thread()?.uid.into()),
//!             "user id." on exec = "1000";
//!         "proc.env" CharBuf na [ARG_ALLOWED] (Name), Thread, env,
//!             "environment." on exec ["[HOME]"] = "/home/ann";
//!     }
//! }
//! ```
//!
//! becomes a [`Class`](super::Class). The parts of a row are, in this order: name; kind; print format; marks; the form
//! of the argument; the lifetime of a value; the getter, a function of event, field and arena; the doc line; and an
//! example: the event of the example session at which the field, with the given argument, prints the given text (`none`
//! if it has no value there). A row may add `text GETTER` or `json GETTER` before the doc line, if the printed value
//! differs from the compared one.

macro_rules! fields {
    ($(#[doc = $class_doc:literal])+ $vis:vis $class:ident = $class_name:literal $short:literal { $(
        $name:literal $kind:ident $format:ident $([$($flag:ident)|+])? $(($arg:ident))?, $lifetime:ident, $get:expr,
        $(text $text:expr,)? $(json $json:expr,)?
        $doc:literal on $at:ident $([$key:literal])? = $example:tt;
    )* }) => {
        $vis static $class: $crate::fields::Class = $crate::fields::Class {
            name: $class_name,
            short: $short,
            doc: concat!($($class_doc),+),
            fields: &[$(
                $crate::fields::FieldDef {
                    name: $name,
                    kind: scap::schema::ParamType::$kind,
                    format: $crate::fields::macros::format!($format),
                    flags: $crate::fields::FieldFlags::NONE$($(.with($crate::fields::FieldFlags::$flag))+)?,
                    lifetime: $crate::fields::Lifetime::$lifetime,
                    doc: $doc,
                    example: $crate::fields::Example {
                        at: stringify!($at),
                        arg: $crate::fields::macros::optional!($($key)?),
                        text: $crate::fields::macros::example!($example),
                    },
                    arg: $crate::fields::macros::arg!($($arg)?),
                    get: $get,
                    text: $crate::fields::macros::optional!($($text)?),
                    json: $crate::fields::macros::optional!($($json)?),
                },
            )*],
        };
    };
}

macro_rules! format {
    (na) => {
        scap::schema::Format::Na
    };
    (dec) => {
        scap::schema::Format::Dec
    };
    (hex) => {
        scap::schema::Format::Hex
    };
    (padded) => {
        scap::schema::Format::PaddedDec
    };
    (id) => {
        scap::schema::Format::Id
    };
    (dir) => {
        scap::schema::Format::Dir
    };
}

macro_rules! arg {
    () => {
        $crate::fields::ArgRule::None
    };
    ($arg:ident) => {
        $crate::fields::ArgRule::$arg
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! example {
    (none) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

pub(crate) use {arg, example, fields, format, optional};
