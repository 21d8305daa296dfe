//! Constants on the right of an operator: text to typed values, with Falco's messages where they are invalid.
//!
//! Numbers are read as C's `scanf` reads them: leading spaces, a sign, digits, nothing behind; too wide ones are cut to
//! the width of the field, those past 64 bits become the greatest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::event::Kind;
use crate::ir::node::Literal;

/// The longest constant, with the byte that ends it.
const LONGEST: usize = 256;

/// The reason why a text is not a constant of a kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// Falco ends with this.
    Aborts,
    /// The reason, in Falco's words.
    Words(String),
}

impl From<String> for Invalid {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Invalid {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// Parses `text` as a constant of a kind.
pub(super) fn parse(text: &[u8], kind: Kind) -> Result<Literal, Invalid> {
    if kind == Kind::ByteBuf {
        return if text.len() < LONGEST {
            Ok(Literal::Bytes(text.into()))
        } else {
            Err("filter parameter too long (byte buf)".into())
        };
    }
    parse_raw(text, kind)
}

/// Does the same as [`parse`] for fields that have no constants of bytes.
pub(super) fn parse_raw(text: &[u8], kind: Kind) -> Result<Literal, Invalid> {
    if text.contains(&0) {
        return Err("filter error: filter value cannot contain a NUL byte (\\x00)".into());
    }
    if let (Some((bits, signed)), false) = (kind.number(), kind == Kind::Port) {
        return number(text, bits, signed).ok_or_else(|| format!("{} is not a valid number", lossy(text)).into());
    }
    match kind {
        Kind::Port => port(text).map(|port| Literal::U64(port.into())),
        Kind::CharBuf | Kind::SockAddr | Kind::SockTuple | Kind::SockFamily | Kind::FsPath | Kind::FsRelPath => {
            let used = text.len() + 1;
            if used > LONGEST {
                return Err(
                    format!("filter parameter too long (used={used}, available={LONGEST}):{}", lossy(text)).into()
                );
            }
            Ok(Literal::Bytes(text.into()))
        }
        Kind::Bool => match text {
            b"true" => Ok(Literal::Bool(true)),
            b"false" => Ok(Literal::Bool(false)),
            _ => Err(format!("filter error: unrecognized boolean value {}", lossy(text)).into()),
        },
        Kind::Double => match number(text, 32, true) {
            Some(Literal::I64(whole)) => Ok(Literal::F64(whole as i32)),
            _ => Err(format!("{} is not a valid number", lossy(text)).into()),
        },
        Kind::IpAddr if text.contains(&b'.') => ipv4(text).map(|ip| Literal::Ip(ip.into())),
        Kind::IpAddr | Kind::Ipv6Addr => ipv6(text).map(|ip| Literal::Ip(ip.into())),
        Kind::Ipv4Addr => ipv4(text).map(|ip| Literal::Ip(ip.into())),
        Kind::IpNet if text.contains(&b'.') => net_v4(text),
        Kind::IpNet => net_v6(text),
        _ => Err(format!("wrong parameter type {}", kind_number(kind)).into()),
    }
}

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// Returns the number of a type that constants cannot have, as a message prints it.
const fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::ByteBuf => 10,
        Kind::FdList => 15,
        Kind::Dyn => 29,
        Kind::SigSet => 33,
        _ => 0,
    }
}

/// Parses a whole number as `scanf` reads it, cut to `bits`.
pub(super) fn number(text: &[u8], bits: u32, signed: bool) -> Option<Literal> {
    let digits = text.trim_ascii_start();
    let digits = if digits.first() == Some(&0x0b) { digits[1..].trim_ascii_start() } else { digits };
    let (negative, digits) = match digits.first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude =
        digits.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    Some(if signed {
        let wide = match (magnitude, negative) {
            (Some(magnitude), true) => 0i64.checked_sub_unsigned(magnitude).unwrap_or(i64::MIN),
            (Some(magnitude), false) => i64::try_from(magnitude).unwrap_or(i64::MAX),
            (None, true) => i64::MIN,
            (None, false) => i64::MAX,
        };
        Literal::I64(wide << (64 - bits) >> (64 - bits))
    } else {
        let wide = match (magnitude, negative) {
            (Some(magnitude), true) => magnitude.wrapping_neg(),
            (Some(magnitude), false) => magnitude,
            (None, _) => u64::MAX,
        };
        Literal::U64(wide << (64 - bits) >> (64 - bits))
    })
}

fn port(text: &[u8]) -> Result<u16, Invalid> {
    if text.iter().all(u8::is_ascii_digit) {
        let number = text.iter().try_fold(0i32, |sum, digit| sum.checked_mul(10)?.checked_add(i32::from(digit - b'0')));
        return number.map(|number| number as u16).ok_or(Invalid::Aborts);
    }
    let unknown = || Invalid::from(format!("unrecognized protocol {}", lossy(text)));
    let name = std::str::from_utf8(text).map_err(|_| unknown())?;
    services().get(name).copied().ok_or_else(unknown)
}

/// Returns the port of a service: from the system's list, if it has one, or the most common ones.
fn services() -> &'static HashMap<String, u16> {
    static SERVICES: OnceLock<HashMap<String, u16>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let mut table = HashMap::new();
        for line in std::fs::read_to_string("/etc/services").unwrap_or_default().lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            if let (Some(name), Some(place)) = (words.next(), words.next())
                && let Some(port) = place.split('/').next().and_then(|port| port.parse().ok())
            {
                for name in std::iter::once(name).chain(words) {
                    table.entry(name.to_owned()).or_insert(port);
                }
            }
        }
        const COMMON: &[(&str, u16)] = &[
            ("ftp", 21),
            ("ssh", 22),
            ("telnet", 23),
            ("smtp", 25),
            ("domain", 53),
            ("http", 80),
            ("pop3", 110),
            ("ntp", 123),
            ("imap2", 143),
            ("snmp", 161),
            ("ldap", 389),
            ("https", 443),
            ("syslog", 514),
            ("ldaps", 636),
            ("imaps", 993),
            ("pop3s", 995),
            ("mysql", 3306),
            ("postgresql", 5432),
            ("mdns", 5353),
            ("http-alt", 8080),
        ];
        for &(name, port) in COMMON {
            table.entry(name.to_owned()).or_insert(port);
        }
        table
    })
}

fn parse_ip<A: std::str::FromStr>(text: &[u8]) -> Option<A> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn ipv4(text: &[u8]) -> Result<Ipv4Addr, Invalid> {
    parse_ip(text).ok_or_else(|| format!("unrecognized IPv4 address {}", lossy(text)).into())
}

fn ipv6(text: &[u8]) -> Result<Ipv6Addr, Invalid> {
    parse_ip(text).ok_or_else(|| format!("unrecognized IPv6 address {}", lossy(text)).into())
}

/// Returns the bits of a mask, and the mask as written.
fn mask(text: &[u8]) -> Result<u64, Invalid> {
    match number(text, 8, false) {
        Some(Literal::U64(bits)) => Ok(bits),
        _ => Err(format!("{} is not a valid number", lossy(text)).into()),
    }
}

fn split_net(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = memchr::memchr(b'/', text)?;
    Some((&text[..slash], &text[slash + 1..]))
}

fn net_v4(text: &[u8]) -> Result<Literal, Invalid> {
    let (ip, bits) = split_net(text).ok_or_else(|| format!("unrecognized IP network {}", lossy(text)))?;
    let ip: Ipv4Addr = parse_ip(ip).ok_or_else(|| format!("unrecognized IP address {}", lossy(text)))?;
    match mask(bits)? {
        prefix @ 0..=32 => Ok(Literal::Net(IpAddr::V4(ip), prefix as u8)),
        _ => Err(format!("invalid netmask {}", lossy(bits)).into()),
    }
}

fn net_v6(text: &[u8]) -> Result<Literal, Invalid> {
    let (ip, bits) = split_net(text).ok_or_else(|| format!("invalid v6 netmask: {}", lossy(text)))?;
    let ip: Ipv6Addr = parse_ip(ip).ok_or_else(|| format!("unrecognized IPv6 address {}", lossy(text)))?;
    match mask(bits)? {
        prefix @ 1..=128 => Ok(Literal::Net(IpAddr::V6(ip), prefix as u8)),
        _ => Err(format!("invalid v6 netmask {}", lossy(bits)).into()),
    }
}

/// Returns the bytes of pairs of hexadecimal digits.
pub(super) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: Kind, expect: &str) {
        let got = match parse(text.as_bytes(), kind) {
            Ok(literal) => format!("{literal:?}"),
            Err(Invalid::Words(message)) => message,
            Err(Invalid::Aborts) => "stoi".to_owned(),
        };
        assert_eq!(got, expect, "{text:?} as {}", kind.name());
    }

    #[test]
    fn numbers_are_cut_and_saturate() {
        check("4294967296", Kind::UInt32, "U64(0)");
        check("-1", Kind::UInt32, "U64(4294967295)");
        check("-1", Kind::UInt64, "U64(18446744073709551615)");
        check("99999999999999999999999", Kind::Int64, "I64(9223372036854775807)");
        check("-99999999999999999999999", Kind::Pid, "I64(-9223372036854775808)");
        check("300", Kind::Int8, "I64(44)");
        check(" 7", Kind::Int64, "I64(7)");
        check("7 ", Kind::Int64, "7  is not a valid number");
        check("0x10", Kind::UInt64, "0x10 is not a valid number");
        check("", Kind::Int64, " is not a valid number");
        check("1.0", Kind::Double, "1.0 is not a valid number");
        check("3", Kind::Double, "F64(3)");
    }

    #[test]
    fn ports_have_names() {
        check("http", Kind::Port, "U64(80)");
        check("65616", Kind::Port, "U64(80)");
        check("", Kind::Port, "U64(0)");
        check("-1", Kind::Port, "unrecognized protocol -1");
    }

    #[test]
    fn networks_require_a_mask() {
        check("10.0.0.0/8", Kind::IpNet, "Net(10.0.0.0, 8)");
        check("10.0.0.0", Kind::IpNet, "unrecognized IP network 10.0.0.0");
        check("10.0.0.0/33", Kind::IpNet, "invalid netmask 33");
        check("::1", Kind::IpNet, "invalid v6 netmask: ::1");
        check("::/0", Kind::IpNet, "invalid v6 netmask 0");
        check("::1/129", Kind::IpNet, "invalid v6 netmask 129");
        check("::ffff:10.0.0.1", Kind::IpAddr, "unrecognized IPv4 address ::ffff:10.0.0.1");
        check("1", Kind::IpAddr, "unrecognized IPv6 address 1");
    }

    #[test]
    fn text_has_a_limit_and_no_nul() {
        check(&"a".repeat(255), Kind::CharBuf, &format!("Bytes({:?})", [97u8; 255]));
        let long = "a".repeat(256);
        check(&long, Kind::CharBuf, &format!("filter parameter too long (used=257, available=256):{long}"));
        check("a\0", Kind::CharBuf, "filter error: filter value cannot contain a NUL byte (\\x00)");
        check("a\0", Kind::ByteBuf, "Bytes([97, 0])");
        check("TRUE", Kind::Bool, "filter error: unrecognized boolean value TRUE");
    }

    #[test]
    fn hexadecimal_pairs() {
        assert_eq!(unhex(b"656c6C"), Some(b"ell".to_vec()));
        assert_eq!(unhex(b"656"), None);
        assert_eq!(unhex(b"zz"), None);
    }
}
