//! One row per type and form.

use super::*;
use crate::schema::{EventInfo, ParamInfo, ParamRole, flags};

/// Resolves a few values of every kind.
struct Known;

impl Resolve for Known {
    fn fd(&self, fd: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(if fd == 3 { b"<f>/etc/passwd" } else { b"" });
        fd == 3
    }
    fn fd_typechar(&self, fd: i64) -> Option<u8> {
        (fd == 3).then_some(b'f')
    }
    fn process(&self, _: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"bash");
        true
    }
    fn user(&self, uid: u32, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(if uid == 0 { b"root" } else { b"" });
        uid == 0
    }
    fn path(&self, path: &[u8], dirfd: Option<i64>, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(if dirfd == Some(3) { b"/dir/" } else { b"/cwd/" });
        out.extend_from_slice(path);
        true
    }
}

const fn row(ty: ParamType, format: Format, table: Option<&'static FlagTable>) -> ParamInfo {
    ParamInfo { name: "x", ty, format, flags: table, dirfd: None, dynamic: &[], role: ParamRole::None }
}

fn forms(info: ParamInfo, raw: &[u8], state: &impl Resolve) -> (String, Option<String>) {
    let info: &'static ParamInfo = Box::leak(Box::new(info));
    let param = Param::new(info, raw);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    plain(&param, state, &mut one);
    let has = resolved(&param, None, state, &mut two);
    assert_eq!(has, !two.is_empty());
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(one), has.then(|| text(two)))
}

#[track_caller]
fn check(ty: ParamType, format: Format, raw: &[u8], one: &str, two: Option<&str>) {
    let got = forms(row(ty, format, None), raw, &Known);
    assert_eq!((got.0.as_str(), got.1.as_deref()), (one, two));
}

#[test]
fn numbers() {
    use Format::{Dec, Hex, Oct};
    check(ParamType::Int8, Dec, &[0xfe], "-2", None);
    check(ParamType::Int8, Hex, &[0xfe], "FFFFFFFE", None);
    check(ParamType::Int16, Dec, &[0xfe, 0xff], "-2", None);
    check(ParamType::Int32, Hex, &(-2_i32).to_le_bytes(), "FFFFFFFE", None);
    check(ParamType::Int64, Hex, &(-2_i64).to_le_bytes(), "FFFFFFFFFFFFFFFE", None);
    check(ParamType::UInt8, Dec, &[0xfe], "254", None);
    check(ParamType::UInt16, Dec, &[0xfe, 0xff], "65534", None);
    check(ParamType::UInt32, Dec, &u32::MAX.to_le_bytes(), "-1", None);
    check(ParamType::UInt32, Oct, &0o644_u32.to_le_bytes(), "0644", None);
    check(ParamType::UInt64, Dec, &u64::MAX.to_le_bytes(), "-1", None);
    check(ParamType::UInt64, Hex, &0xABCD_u64.to_le_bytes(), "ABCD", None);
    check(ParamType::Port, Hex, &8080_u16.to_le_bytes(), "8080", None);
    check(ParamType::Bool, Dec, &[1, 0, 0, 0], "true", None);
    check(ParamType::Double, Dec, &0.25_f64.to_le_bytes(), "0.2", None);
}

#[test]
fn texts_and_buffers() {
    check(ParamType::CharBuf, Format::Na, b"hello\0", "hello", None);
    check(ParamType::CharBuf, Format::Na, b"\0", "", None);
    check(ParamType::CharBuf, Format::Na, b"cut\0off\0", "cut", None);
    check(ParamType::CharBuf, Format::Na, b"(NULL)\0", "<NA>", None);
    check(ParamType::ByteBuf, Format::Na, b"a\0b\0", "a.b.", None);
    check(ParamType::CharBufArray, Format::Na, b"a\0b\0", "a.b", None);
    check(ParamType::FsPath, Format::Na, b"/etc\0", "/etc", None);
    check(ParamType::FsPath, Format::Na, b"etc\0", "etc", Some("/cwd/etc"));
    check(ParamType::FsPath, Format::Na, b"\0", "", None);
    check(ParamType::FsPath, Format::Na, b"<NA>\0", "<NA>", None);
}

#[test]
fn values_that_are_not_there() {
    for &ty in ParamType::ALL {
        use ParamType as T;
        let null = matches!(ty, T::ByteBuf | T::SockTuple | T::FdList | T::CharBufArray | T::PairArray | T::Dyn);
        check(ty, Format::Dec, &[], if null { "NULL" } else { "<NA>" }, None);
    }
    check(ParamType::UInt32, Format::Dec, &[1, 2], "<NA>", None);
    check(ParamType::SockAddr, Format::Na, &[2, 1], "INVALID IPv4", None);
    check(ParamType::SockTuple, Format::Na, &[10, 1], "INVALID IPv6", None);
    check(ParamType::SockTuple, Format::Na, &[1, 1], "INVALID PATH", None);
    check(ParamType::Dyn, Format::Dec, &[7, 1], "INVALID DYNAMIC PARAMETER", None);
}

#[test]
fn identities() {
    let fd = |fd: i64| fd.to_le_bytes();
    check(ParamType::Errno, Format::Dec, &fd(-2), "-2", Some("ENOENT"));
    check(ParamType::Errno, Format::Dec, &fd(-9999), "-9999", None);
    check(ParamType::Errno, Format::Dec, &fd(7), "7", None);
    check(ParamType::Fd, Format::Dec, &fd(3), "3", Some("<f>/etc/passwd"));
    check(ParamType::Fd, Format::Dec, &fd(4), "4", None);
    check(ParamType::Fd, Format::Dec, &fd(-100), "-100", Some("AT_FDCWD"));
    check(ParamType::Fd, Format::Dec, &fd(-9), "-9", Some("EBADF"));
    check(ParamType::Fd32, Format::Dec, &3_i32.to_le_bytes(), "3", Some("<f>/etc/passwd"));
    check(ParamType::Pid, Format::Dec, &fd(1), "1", Some("bash"));
    check(ParamType::Uid, Format::Dec, &[0; 4], "0", Some("root"));
    check(ParamType::Uid, Format::Dec, &[1, 0, 0, 0], "1", Some("<NA>"));
    check(ParamType::Gid, Format::Dec, &[255; 4], "-1", Some("<NONE>"));
    check(ParamType::SyscallId, Format::Dec, &3_u16.to_le_bytes(), "3", Some("read"));
    check(ParamType::SyscallId, Format::Dec, &[255; 2], "<unknown syscall>", None);
    check(ParamType::SigType, Format::Dec, &[9], "9", Some("SIGKILL"));
    check(ParamType::SigType, Format::Dec, &[40], "40", None);
    check(ParamType::SigSet, Format::Dec, &0x101_u32.to_le_bytes(), "SIGHUP SIGKILL", None);
}

#[test]
fn file_descriptors_are_not_resolved_without_their_thread() {
    struct Nobody;
    impl Resolve for Nobody {
        fn has_thread(&self) -> bool {
            false
        }
    }
    let raw = (-100_i64).to_le_bytes();
    assert_eq!(forms(row(ParamType::Fd, Format::Dec, None), &raw, &Nobody), ("-100".into(), None));
}

#[test]
fn times() {
    check(ParamType::RelTime, Format::Dec, &1_500_000_000_u64.to_le_bytes(), "1500000000", Some("1.5s"));
    check(ParamType::RelTime, Format::Dec, &[255; 8], "none", None);
    check(ParamType::RelTime, Format::Dec, &[0; 8], "0", Some("0s"));
    check(ParamType::AbsTime, Format::Dec, &1_u64.to_le_bytes(), "1970-01-01 00:00:00.000000001", None);
}

#[test]
fn sockets() {
    check(ParamType::SockAddr, Format::Na, &[2, 127, 0, 0, 1, 0x90, 0x1f], "127.0.0.1:8080", None);
    check(ParamType::SockAddr, Format::Na, b"\x01/run/x\0", "/run/x", None);
    check(ParamType::SockAddr, Format::Na, &[16], "family 16", None);
    let tuple = [&[2, 1, 2, 3, 4, 80, 0, 5, 6, 7, 8, 1, 1][..]].concat();
    check(ParamType::SockTuple, Format::Na, &tuple, "1.2.3.4:80->5.6.7.8:257", None);
    let unix = [&[1][..], &0xab_u64.to_le_bytes(), &[0; 8], b"/run/x\0"].concat();
    check(ParamType::SockTuple, Format::Na, &unix, "ab->0 /run/x", None);
    let mapped: Vec<u8> = [&[0; 10][..], &[255, 255, 1, 2, 3, 4]].concat();
    let mapped = [&[10][..], &mapped, &[80, 0], &[0; 16], &[0, 0]].concat();
    check(ParamType::SockTuple, Format::Na, &mapped, "1.2.3.4:80->0.0.0.0:0", None);
    let polled = [&[2, 0][..], &3_i64.to_le_bytes(), &[1, 0], &9_i64.to_le_bytes(), &[0, 0x80]].concat();
    check(ParamType::FdList, Format::Dec, &polled, "3:f1 9:?ffff8000", None);
    check(ParamType::Ipv4Addr, Format::Hex, &[1, 2, 3, 4], "1.2.3.4", None);
}

#[test]
fn names() {
    let flags = |ty, table, raw: &[u8]| forms(row(ty, Format::Hex, Some(table)), raw, &NoState);
    assert_eq!(
        flags(ParamType::Flags32, &flags::FILE_FLAGS, &0x106_u32.to_le_bytes()),
        ("262".into(), Some("O_TRUNC|O_CREAT|O_WRONLY".into()))
    );
    assert_eq!(flags(ParamType::Flags8, &flags::UNLINKAT_FLAGS, &[0]), ("0".into(), None));
    assert_eq!(
        flags(ParamType::EnumFlags8, &flags::SOCKET_FAMILIES, &[1]),
        ("1".into(), Some("AF_LOCAL|AF_UNIX".into()))
    );
    let mode = row(ParamType::Mode, Format::Oct, Some(&flags::CHMOD_MODE));
    assert_eq!(
        forms(mode, &0o4755_u32.to_le_bytes(), &NoState),
        ("04755".into(), Some("S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID".into()))
    );
}

#[test]
fn a_dynamic_value_is_printed_in_the_format_of_its_row() {
    let info = |code: EventCode| code.info().expect("in the table");
    let ptrace = info(EventCode::PTRACE_X);
    let data = ptrace.params[ptrace.param_index("data").expect("data")];
    let value = [&[0][..], &0xABCD_u64.to_le_bytes()].concat();
    assert_eq!(forms(data, &value, &NoState), ("ABCD".into(), None));
    assert_eq!(forms(data, &[1, 9], &NoState), ("9".into(), Some("SIGKILL".into())));
    let getsockopt = info(EventCode::GETSOCKOPT_X);
    let val = getsockopt.params[getsockopt.param_index("val").expect("val")];
    let value = [&[1][..], &(-111_i64).to_le_bytes()].concat();
    assert_eq!(forms(val, &value, &NoState), ("-111".into(), Some("ECONNREFUSED".into())));
}

/// Returns an event of the given code with the given values, as a driver sends it.
fn bytes(code: EventCode, values: &[&[u8]]) -> Vec<u8> {
    let values_len: usize = values.iter().map(|value| value.len()).sum();
    let len = crate::event::HEADER_LEN + 2 * values.len() + values_len;
    let mut bytes = Vec::new();
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(7_i64.to_le_bytes());
    bytes.extend((len as u32).to_le_bytes());
    bytes.extend(code.0.to_le_bytes());
    bytes.extend((values.len() as u32).to_le_bytes());
    bytes.extend(values.iter().flat_map(|value| (value.len() as u16).to_le_bytes()));
    bytes.extend(values.concat());
    bytes
}

#[test]
fn the_arguments_of_an_event() {
    let info: &EventInfo = EventCode::UNLINKAT_2_X.info().expect("in the table");
    assert_eq!(info.params.len(), 4);
    let raw = bytes(info.code, &[&0_i64.to_le_bytes(), &3_i64.to_le_bytes(), b"file\0", &0x200_u32.to_le_bytes()]);
    let event = Event::parse(0, 0, &raw).expect("an event");
    let mut out = Vec::new();
    args(&event, &Known, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "res=0 dirfd=3(<f>/etc/passwd) name=file(/dir/file) flags=512(AT_REMOVEDIR)"
    );
    let generic = bytes(EventCode::GENERIC_X, &[&3_u16.to_le_bytes(), &0_u16.to_le_bytes()]);
    out.clear();
    args(&Event::parse(0, 0, &generic).expect("an event"), &Known, &mut out);
    assert!(out.is_empty());
}
