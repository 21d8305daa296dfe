//! The three macros behind the tables. They only turn rows into constants; nothing here has logic.

/// Converts
///
/// ```text
/// 307 OPENAT_2_X openat_2_x = "openat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE} (
///     fd: Fd dec, dirfd: Fd dec, name: FsRelPath na at 1, flags: Flags32 hex in FILE_FLAGS,
/// )
/// ```
///
/// into `EventCode::OPENAT_2_X`, the indices `param::openat_2_x::{fd, dirfd, name, flags}`, and one
/// [`EventInfo`](crate::schema::EventInfo) in the family's `ROWS`.
///
/// * the first word is the number on the wire: never reused, never renumbered;
/// * the brackets name the category, the braces the flags;
/// * a parameter is `name: Type format`, then `in TABLE` for the names of its flags, `at N` for the parameter that
///   holds the directory a relative path starts from, `one_of TABLE` for the types a dynamic parameter may hold;
/// * `does ROLE` after the flags says that the call does what others do too, `is ROLE` after a parameter its meaning
///   there; see [`Role`](crate::schema::Role) and [`ParamRole`](crate::schema::ParamRole);
/// * a parameter is only ever added at the end; one that is removed makes a new code.
macro_rules! events {
    ($(
        $code:literal $konst:ident $module:ident = $name:literal [$($category:ident)|+] {$($flag:ident)|*} $(does $role:ident)? (
            $($param:ident : $ty:ident $format:ident $(in $table:ident)? $(at $dirfd:literal)? $(one_of $dynamic:ident)?
               $(is $param_role:ident)?),*
            $(,)?
        )
    )*) => {
        #[allow(unused_imports, reason = "a family may use no flag table")]
        use crate::schema::{
            dynamic, flags, Category, EventCode, EventFlags, EventInfo, Format, ParamInfo, ParamRole, ParamType, Role,
        };

        impl EventCode {
            $(
                #[doc = concat!("`", $name, "`, code ", stringify!($code), ".")]
                pub const $konst: Self = Self($code);
            )*
        }

        /// Indices of the parameters of this family's events.
        pub(super) mod param {
            $(
                #[doc = concat!("Parameters of code ", stringify!($code), ", `", $name, "`.")]
                #[allow(non_upper_case_globals, dead_code, non_camel_case_types, missing_docs,
                        reason = "the constants carry the parameters' own names")]
                pub mod $module {
                    enum Index { $($param),* }
                    $(pub const $param: usize = Index::$param as usize;)*
                }
            )*
        }

        /// The rows of this family, in any order.
        pub(super) const ROWS: &[EventInfo] = &[$(
            EventInfo {
                code: EventCode($code),
                name: $name,
                constant: stringify!($konst),
                category: Category(0 $(| Category::$category.0)+),
                flags: EventFlags(0 $(| EventFlags::$flag.0)*),
                role: crate::schema::macros::role!(Role $($role)?),
                params: &[$(
                    ParamInfo {
                        name: crate::schema::macros::bare(stringify!($param)),
                        ty: ParamType::$ty,
                        format: crate::schema::macros::format!($format),
                        flags: crate::schema::macros::option!($(&flags::$table)?),
                        dirfd: crate::schema::macros::option!($($dirfd)?),
                        dynamic: crate::schema::macros::rows!($(dynamic::$dynamic)?),
                        role: crate::schema::macros::role!(ParamRole $($param_role)?),
                    }
                ),*],
            }
        ),*];
    };
}

/// Converts `FILE_FLAGS = "file_flags" { O_CREAT = 4, … }` to a [`FlagTable`](crate::schema::FlagTable) constant.
macro_rules! flags {
    ($($konst:ident = $name:literal { $($flag:ident = $value:literal),* $(,)? })*) => {
        use crate::schema::FlagTable;
        $(
            #[doc = concat!("The table `", $name, "`.")]
            pub static $konst: FlagTable =
                FlagTable { name: $name, entries: &[$((stringify!($flag), $value)),*] };
        )*
    };
}

/// Converts `3 READ = "read" events 6 7 {USED} x86_64 0 aarch64 63` to `SyscallCode::READ` and a row of
/// [`SYSCALLS`](crate::schema::SYSCALLS).
macro_rules! syscalls {
    ($($code:literal $konst:ident = $name:literal $(events $enter:literal $exit:literal)? {$($flag:ident)|*}
       $(x86_64 $x86_64:literal)? $(aarch64 $aarch64:literal)?)*) => {
        use crate::schema::{EventCode, SyscallCode, SyscallFlags, SyscallInfo};

        impl SyscallCode {
            $(
                #[doc = concat!("`", $name, "`.")]
                pub const $konst: Self = Self($code);
            )*
        }

        /// Every system call of the schema, by its code.
        pub static SYSCALLS: &[SyscallInfo] = &[$(
            SyscallInfo {
                code: SyscallCode($code),
                name: $name,
                events: crate::schema::macros::option!($((EventCode($enter), EventCode($exit)))?),
                flags: SyscallFlags(0 $(| SyscallFlags::$flag.0)*),
                x86_64: crate::schema::macros::option!($($x86_64)?),
                aarch64: crate::schema::macros::option!($($aarch64)?),
            }
        ),*];
    };
}

macro_rules! format {
    (na) => {
        Format::Na
    };
    (dec) => {
        Format::Dec
    };
    (hex) => {
        Format::Hex
    };
    (padded) => {
        Format::PaddedDec
    };
    (id) => {
        Format::Id
    };
    (dir) => {
        Format::Dir
    };
    (oct) => {
        Format::Oct
    };
}

macro_rules! option {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! role {
    ($ty:ident) => {
        $ty::None
    };
    ($ty:ident $role:ident) => {
        $ty::$role
    };
}

macro_rules! rows {
    () => {
        &[]
    };
    ($value:expr) => {
        $value
    };
}

pub(crate) use {events, flags, format, option, role, rows, syscalls};

/// Returns a raw identifier's name without its `r#`.
#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
pub(crate) const fn bare(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    if bytes.len() > 2 && bytes[0] == b'r' && bytes[1] == b'#' { name.split_at(2).1 } else { name }
}
