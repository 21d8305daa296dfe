//! Sink for syslog: the local daemon, or a server.
//!
//! Over the network the format is RFC 5424, over TCP with the length in front of each message (RFC 6587). The local
//! daemon gets the short format (RFC 3164 without a host) by default: not every `/dev/log` accepts another one;
//! journald and rsyslog, for example, take the parts of RFC 5424 for text.

use super::{Failure, Message, Sink};
use std::borrow::Cow;
use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Facility "user", for programs that are not part of the system.
const FACILITY: u8 = 1 << 3;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of bytes in a datagram of UDP over IPv4.
const DATAGRAM: usize = 65_507;
/// EMSGSIZE: the kernel does not send a datagram of this size.
const TOO_LONG: i32 = 90;

/// Address of a syslog daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyslogAddress {
    /// A local socket, usually `/dev/log`.
    Local(PathBuf),
    /// `host:port`.
    Udp(String),
    /// `host:port`.
    Tcp(String),
}

impl Default for SyslogAddress {
    fn default() -> Self {
        Self::Local("/dev/log".into())
    }
}

impl FromStr for SyslogAddress {
    type Err = super::Error;

    /// Parses `udp://host[:port]`, `tcp://host[:port]`, or the path of a socket.
    fn from_str(text: &str) -> Result<Self, super::Error> {
        let with_port = |host: &str, port: &str| {
            let named = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if named { host.to_owned() } else { format!("{host}:{port}") }
        };
        match text.split_once("://") {
            Some(("udp", host)) if !host.is_empty() => Ok(Self::Udp(with_port(host, "514"))),
            Some(("tcp", host)) if !host.is_empty() => Ok(Self::Tcp(with_port(host, "601"))),
            None if text.starts_with('/') => Ok(Self::Local(text.into())),
            _ => Err(super::Error::SyslogAddress(text.to_owned())),
        }
    }
}

/// Format of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyslogForm {
    /// `<12>Nov 22 12:00:00 host peregrine[7]: text`, without the host for the local daemon.
    Rfc3164,
    /// `<12>1 2026-11-22T12:00:00.000000Z host peregrine 7 - - text`
    Rfc5424,
}

#[derive(Debug)]
enum Connection {
    Local(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// Sink for a syslog daemon.
#[derive(Debug)]
pub struct Syslog {
    address: SyslogAddress,
    program: String,
    host: String,
    form: SyslogForm,
    retries: Option<u32>,
    connection: Option<Connection>,
}

impl Syslog {
    /// Creates the sink. It connects with the first alert. `program` and `host` identify the sender of the messages.
    pub fn new(address: SyslogAddress, program: &str, host: &str) -> Self {
        let form = match address {
            SyslogAddress::Local(_) => SyslogForm::Rfc3164,
            SyslogAddress::Udp(_) | SyslogAddress::Tcp(_) => SyslogForm::Rfc5424,
        };
        // A name with a space in it would be two.
        let host = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        // The local daemon either runs or does not; a server may come back.
        let retries = matches!(address, SyslogAddress::Local(_)).then_some(2);
        Self { address, program: program.to_owned(), host, form, retries, connection: None }
    }

    /// Sets the number of retries. The default is two for the local daemon, and no limit for a server.
    #[must_use]
    pub fn with_retries(self, retries: Option<u32>) -> Self {
        Self { retries, ..self }
    }

    /// Sets the format, instead of the default of the address.
    #[must_use]
    pub fn with_form(self, form: SyslogForm) -> Self {
        Self { form, ..self }
    }

    fn connect(&self) -> std::io::Result<Connection> {
        Ok(match &self.address {
            SyslogAddress::Local(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(TIMEOUT))?;
                Connection::Local(socket)
            }
            SyslogAddress::Udp(address) => {
                let to = first_address(address)?;
                let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.connect(to)?;
                Connection::Udp(socket)
            }
            SyslogAddress::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&first_address(address)?, TIMEOUT)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                Connection::Tcp(stream)
            }
        })
    }

    fn line(&self, message: &Message, now: &jiff::Zoned) -> String {
        let priority = FACILITY | message.severity.min(7);
        let (program, process, text) = (&self.program, std::process::id(), message.text());
        let line = match self.form {
            SyslogForm::Rfc3164 => {
                let time = now.strftime("%b %e %H:%M:%S");
                // The local daemon knows its host, and would take the name for that of the program.
                let host = match (&self.address, self.host.as_str()) {
                    (SyslogAddress::Local(_), _) => String::new(),
                    (_, "") => "- ".to_owned(),
                    (_, host) => format!("{host} "),
                };
                format!("<{priority}>{time} {host}{program}[{process}]: {text}")
            }
            SyslogForm::Rfc5424 => {
                let time = now.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
                let host = if self.host.is_empty() { "-" } else { &self.host };
                format!("<{priority}>1 {time} {host} {program} {process} - - {text}")
            }
        };
        if matches!(self.address, SyslogAddress::Tcp(_)) { format!("{} {line}", line.len()) } else { line }
    }

    fn send(&mut self, line: &[u8]) -> std::io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        match &mut connection {
            Connection::Local(socket) => drop(socket.send(line)?),
            Connection::Udp(socket) => drop(socket.send(line)?),
            Connection::Tcp(stream) => stream.write_all(line)?,
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Sends a message, or the start of one that is too long for a datagram.
    fn deliver_one(&mut self, message: &Message) -> Result<(), Failure> {
        let whole = self.line(message, &jiff::Zoned::now());
        let mut line = match self.address {
            SyslogAddress::Udp(_) => start_of(&whole, DATAGRAM),
            SyslogAddress::Local(_) | SyslogAddress::Tcp(_) => Cow::Borrowed(&*whole),
        };
        loop {
            // After a restart of the daemon the old connection is dead, and a new one works immediately.
            let again = self.connection.is_some();
            let outcome = match self.send(line.as_bytes()) {
                Err(error) if again && error.raw_os_error() != Some(TOO_LONG) => self.send(line.as_bytes()),
                outcome => outcome,
            };
            match outcome {
                Ok(()) => break,
                // The local socket's limit is a setting of the kernel.
                Err(error) if error.raw_os_error() == Some(TOO_LONG) && line.len() > 1024 => {
                    line = Cow::Owned(start_of(&whole, line.len() / 2).into_owned());
                }
                Err(error) => return Err(Failure::retryable(error)),
            }
        }
        match line.len() == whole.len() {
            true => Ok(()),
            false => {
                let text = format!(
                    "an alert of {} bytes was cut to {}: it is too long for a datagram",
                    whole.len(),
                    line.len()
                );
                Err(Failure::Part { refused: 0, text })
            }
        }
    }
}

/// Returns as much of a line as fits into this number of bytes, with a note at its end if that is not all.
fn start_of(line: &str, most: usize) -> Cow<'_, str> {
    if line.len() <= most {
        return Cow::Borrowed(line);
    }
    let note = format!(" [cut: {} bytes]", line.len());
    let mut end = most.saturating_sub(note.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{note}", &line[..end]))
}

fn first_address(address: &str) -> std::io::Result<std::net::SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("the name has no address"))
}

impl Sink for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        alerts.iter().try_for_each(|alert| self.deliver_one(alert))
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.connection = None;
        Ok(())
    }

    fn retries(&self) -> Option<u32> {
        self.retries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn message() -> Message {
        Message::new(4, "Warning somebody did something")
    }

    #[test]
    fn addresses() {
        assert_eq!("udp://log".parse::<SyslogAddress>().unwrap(), SyslogAddress::Udp("log:514".into()));
        assert_eq!("tcp://[::1]:99".parse::<SyslogAddress>().unwrap(), SyslogAddress::Tcp("[::1]:99".into()));
        assert_eq!("tcp://[::1]".parse::<SyslogAddress>().unwrap(), SyslogAddress::Tcp("[::1]:601".into()));
        assert_eq!("/run/log".parse::<SyslogAddress>().unwrap(), SyslogAddress::Local("/run/log".into()));
        assert!("http://log".parse::<SyslogAddress>().is_err());
        assert!("udp://".parse::<SyslogAddress>().is_err());
    }

    #[test]
    fn the_local_daemon_gets_the_short_format_and_may_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::new(SyslogAddress::Local(path.clone()), "peregrine", "host");
        let mut buffer = [0; 1000];
        let check = |daemon: &UnixDatagram, buffer: &mut [u8]| {
            let count = daemon.recv(buffer).unwrap();
            let text = std::str::from_utf8(&buffer[..count]).unwrap();
            assert!(text.starts_with("<12>"), "{text}");
            let end = format!(" peregrine[{}]: Warning somebody did something", std::process::id());
            assert!(text.ends_with(&end), "{text}");
            assert_eq!(text.len(), "<12>Jan  1 00:00:00".len() + end.len());
        };
        syslog.deliver(&[message()]).unwrap();
        check(&daemon, &mut buffer);
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(syslog.deliver(&[message()]), Err(Failure::Retryable(_))));
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.deliver(&[message()]).unwrap();
        check(&daemon, &mut buffer);
        let mut syslog = Syslog::new(SyslogAddress::Local(path), "peregrine", "ho st").with_form(SyslogForm::Rfc5424);
        syslog.deliver(&[message()]).unwrap();
        let count = daemon.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..count]).unwrap();
        assert!(text.starts_with("<12>1 ") && text.contains("Z host peregrine "), "{text}");
    }

    #[test]
    fn a_network_daemon_learns_the_host_from_the_short_format_too() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = SyslogAddress::Udp(daemon.local_addr().unwrap().to_string());
        for (host, told) in [("web-1", "web-1"), ("", "-")] {
            let mut syslog = Syslog::new(address.clone(), "peregrine", host).with_form(SyslogForm::Rfc3164);
            syslog.deliver(&[message()]).unwrap();
            let mut buffer = [0; 1000];
            let count = daemon.recv(&mut buffer).unwrap();
            let text = std::str::from_utf8(&buffer[..count]).unwrap();
            let rest = &text["<12>Jan  1 00:00:00 ".len()..];
            assert_eq!(rest, format!("{told} peregrine[{}]: Warning somebody did something", std::process::id()));
        }
    }

    #[test]
    fn an_alert_that_is_too_long_for_a_datagram_is_cut() {
        let long = Message::new(4, "é".repeat(150_000));
        let check = |outcome: Result<(), Failure>, text: &str, most: usize| {
            assert!(
                matches!(&outcome, Err(Failure::Part { refused: 0, text }) if text.contains("was cut to")),
                "{outcome:?}"
            );
            assert!(text.starts_with("<12>") && text.contains(" éé") && text.ends_with(" bytes]"), "{}", text.len());
            assert!(text.len() <= most && text.len() > most / 3, "{}", text.len());
        };
        let mut buffer = vec![0; 1 << 20];
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = SyslogAddress::Udp(daemon.local_addr().unwrap().to_string());
        let outcome = Syslog::new(address, "peregrine", "host").deliver(std::slice::from_ref(&long));
        let count = daemon.recv(&mut buffer).unwrap();
        check(outcome, std::str::from_utf8(&buffer[..count]).unwrap(), DATAGRAM);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let outcome = Syslog::new(SyslogAddress::Local(path), "peregrine", "host").deliver(&[long]);
        let count = daemon.recv(&mut buffer).unwrap();
        check(outcome, std::str::from_utf8(&buffer[..count]).unwrap(), 300_000);
    }

    #[test]
    fn network_daemons_get_rfc_5424() {
        let form = |text: &str| {
            let parts: Vec<_> = text.splitn(8, ' ').collect();
            assert_eq!(parts[0], "<12>1");
            assert!(parts[1].parse::<jiff::Timestamp>().is_ok(), "{text}");
            assert_eq!(&parts[2..4], ["host", "peregrine"]);
            assert_eq!(&parts[5..7], ["-", "-"]);
            assert_eq!(parts[7], "Warning somebody did something");
        };
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = SyslogAddress::Udp(daemon.local_addr().unwrap().to_string());
        Syslog::new(address, "peregrine", "host").deliver(&[message()]).unwrap();
        let mut buffer = [0; 1000];
        let count = daemon.recv(&mut buffer).unwrap();
        form(std::str::from_utf8(&buffer[..count]).unwrap());

        let daemon = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = SyslogAddress::Tcp(daemon.local_addr().unwrap().to_string());
        let mut syslog = Syslog::new(address, "peregrine", "host");
        syslog.deliver(&[message()]).unwrap();
        syslog.deliver(&[message()]).unwrap();
        drop(syslog);
        let mut text = String::new();
        daemon.accept().unwrap().0.read_to_string(&mut text).unwrap();
        for _ in 0..2 {
            let (length, rest) = text.split_once(' ').unwrap();
            let (line, rest) = rest.split_at(length.parse().unwrap());
            form(line);
            text = rest.to_owned();
        }
        assert_eq!(text, "");
    }
}
