//! Alerts to clients of Falco's gRPC protocol, in builds with the feature `grpc`.

use super::{Build, OutputKind};
use crate::config::setting::settings;
use peregrine_sinks::Sink;
use std::path::PathBuf;

/// The name of the sink.
pub(crate) const SINK: &str = "grpc";

settings! {
    /// Server of Falco's gRPC protocol: versions, and alerts with grpc_output.enabled.
    GrpcServer {
        /// Enables the server.
        enabled: bool = false,
        /// Path of a unix socket as unix:///path, or host:port, which requires certificates of both sides.
        bind_address: String = "unix:///run/falco/falco.sock".to_owned(),
        /// Number of threads; 0: one per CPU.
        threadiness: u32 = 0,
        /// PEM file of the key of the server, for host:port.
        private_key: PathBuf = "/etc/falco/certs/server.key".into(),
        /// PEM file of the certificate of the server, for host:port.
        cert_chain: PathBuf = "/etc/falco/certs/server.crt".into(),
        /// PEM file of the authorities that sign the certificates of clients, for host:port.
        root_certs: PathBuf = "/etc/falco/certs/ca.crt".into(),
    }
    /// Alerts to the clients of the gRPC server.
    GrpcOutput {
        /// Enables the output. Requires grpc.enabled.
        enabled: bool = false,
    }
}

#[cfg(feature = "grpc")]
impl GrpcServer {
    fn tls(&self) -> peregrine_sinks::GrpcTls {
        peregrine_sinks::GrpcTls {
            cert_chain: self.cert_chain.clone(),
            private_key: self.private_key.clone(),
            root_certs: self.root_certs.clone(),
        }
    }
}

impl OutputKind for GrpcServer {
    const KEY: &'static str = "grpc";

    fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn check(&self) -> Option<(&'static str, &'static str)> {
        self.bind_address.is_empty().then_some(("bind_address", "the gRPC server is enabled but has no address"))
    }

    #[cfg(feature = "grpc")]
    fn build(&self, build: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        use peregrine_sinks::{Grpc, GrpcAddress, GrpcConfig};
        let address: GrpcAddress = self.bind_address.parse().map_err(|error| format!(".bind_address: {error}"))?;
        if matches!(address, GrpcAddress::Tcp(_)) {
            for path in [&self.cert_chain, &self.private_key, &self.root_certs] {
                build.depends_on(&std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
            }
        }
        let threads = match self.threadiness {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads as usize,
        };
        let config = GrpcConfig {
            address,
            tls: Some(self.tls()),
            threads,
            version: crate::names::FALCO_VERSION.to_owned(),
            engine_version: rule_engine::load::ENGINE_VERSION.1,
            on_thread_start: build.on_thread_start(),
        };
        Ok(Box::new(Grpc::new(config).map_err(|error| format!(": {error}"))?))
    }

    #[cfg(not(feature = "grpc"))]
    fn build(&self, _: &mut Build<'_>) -> Result<Box<dyn Sink>, String> {
        Err(": this build has no gRPC server (feature 'grpc')".into())
    }
}
