//! Users, groups and capabilities: the set*id and get*id calls and capset.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    192 SETRESUID_E setresuid_e = "setresuid" [USER | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        ruid: Uid dec, euid: Uid dec, suid: Uid dec,
    )
    193 SETRESUID_X setresuid_x = "setresuid" [USER | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, ruid: Uid dec, euid: Uid dec, suid: Uid dec,
    )
    194 SETRESGID_E setresgid_e = "setresgid" [USER | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        rgid: Gid dec, egid: Gid dec, sgid: Gid dec,
    )
    195 SETRESGID_X setresgid_x = "setresgid" [USER | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, rgid: Gid dec, egid: Gid dec, sgid: Gid dec,
    )
    198 SETUID_E setuid_e = "setuid" [USER | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        uid: Uid dec,
    )
    199 SETUID_X setuid_x = "setuid" [USER | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, uid: Uid dec,
    )
    200 SETGID_E setgid_e = "setgid" [USER | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        gid: Gid dec,
    )
    201 SETGID_X setgid_x = "setgid" [USER | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, gid: Gid dec,
    )
    202 GETUID_E getuid_e = "getuid" [USER | SYSCALL] {OLD_VERSION} ()
    203 GETUID_X getuid_x = "getuid" [USER | SYSCALL] {} (uid: Uid dec)
    204 GETEUID_E geteuid_e = "geteuid" [USER | SYSCALL] {OLD_VERSION} ()
    205 GETEUID_X geteuid_x = "geteuid" [USER | SYSCALL] {} (euid: Uid dec)
    206 GETGID_E getgid_e = "getgid" [USER | SYSCALL] {OLD_VERSION} ()
    207 GETGID_X getgid_x = "getgid" [USER | SYSCALL] {} (gid: Gid dec)
    208 GETEGID_E getegid_e = "getegid" [USER | SYSCALL] {OLD_VERSION} ()
    209 GETEGID_X getegid_x = "getegid" [USER | SYSCALL] {} (egid: Gid dec)
    210 GETRESUID_E getresuid_e = "getresuid" [USER | SYSCALL] {OLD_VERSION} ()
    211 GETRESUID_X getresuid_x = "getresuid" [USER | SYSCALL] {} (
        res: Errno dec, ruid: Uid dec, euid: Uid dec, suid: Uid dec,
    )
    212 GETRESGID_E getresgid_e = "getresgid" [USER | SYSCALL] {OLD_VERSION} ()
    213 GETRESGID_X getresgid_x = "getresgid" [USER | SYSCALL] {} (
        res: Errno dec, rgid: Gid dec, egid: Gid dec, sgid: Gid dec,
    )
    352 CAPSET_E capset_e = "capset" [PROCESS | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    353 CAPSET_X capset_x = "capset" [PROCESS | SYSCALL] {MODIFIES_STATE} (
        res: Errno dec, cap_inheritable: UInt64 hex, cap_permitted: UInt64 hex, cap_effective: UInt64 hex,
    )
    426 SETREUID_E setreuid_e = "setreuid" [USER | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    427 SETREUID_X setreuid_x = "setreuid" [USER | SYSCALL] {MODIFIES_STATE} (
        res: Errno dec, ruid: Uid dec, euid: Uid dec,
    )
    428 SETREGID_E setregid_e = "setregid" [USER | SYSCALL] {OLD_VERSION} ()
    429 SETREGID_X setregid_x = "setregid" [USER | SYSCALL] {MODIFIES_STATE} (
        res: Errno dec, rgid: Uid dec, egid: Uid dec,
    )
}
