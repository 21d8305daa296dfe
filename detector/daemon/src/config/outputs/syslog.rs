//! Output to syslog: the local daemon, or a server.

use super::{Build, OutputKind};
use crate::config::setting::{choices, settings};
use peregrine_sinks::{Sink, Syslog, SyslogForm};

choices! {
    /// Format of syslog messages.
    SyslogFormat {
        /// RFC 5424 over the network, the short form to the local daemon.
        Auto = "auto",
        /// RFC 3164.
        Rfc3164 = "rfc3164",
        /// RFC 5424.
        Rfc5424 = "rfc5424",
    }
}

settings! {
    /// Output to syslog.
    SyslogOutput {
        /// Enables the output.
        enabled: bool = false,
        /// Address: udp://host:port, tcp://host:port, or the path of a socket; empty: /dev/log. Not in Falco.
        address: String = String::new(),
        /// Message format. Not in Falco.
        format: SyslogFormat = SyslogFormat::Auto,
        /// Spools alerts on disk while the server is unreachable. Not in Falco.
        spool: bool = false,
    }
}

impl SyslogOutput {
    /// Returns why the format is doubtful, if it is: what usually listens on a local socket does not parse RFC 5424.
    pub(crate) fn doubt(&self) -> Option<&'static str> {
        let local = self.address.is_empty() || self.address.starts_with('/');
        (self.enabled && local && self.format == SyslogFormat::Rfc5424).then_some(
            "rsyslog and journald take RFC 5424 on a local socket for text, and the program's name for '1'; use auto",
        )
    }
}

impl OutputKind for SyslogOutput {
    const KEY: &'static str = "syslog_output";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn is_spooled(&self) -> bool {
        self.spool
    }

    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        let address = match self.address.as_str() {
            "" => Default::default(),
            address => address.parse().map_err(|error| format!(".address: {error}"))?,
        };
        let syslog = Syslog::new(address, "peregrine", build.hostname());
        Ok(Box::new(match self.format {
            SyslogFormat::Auto => syslog,
            SyslogFormat::Rfc3164 => syslog.with_form(SyslogForm::Rfc3164),
            SyslogFormat::Rfc5424 => syslog.with_form(SyslogForm::Rfc5424),
        }))
    }
}
