//! Names and versions by which others know the program and its sources.

/// The source of system calls.
pub(crate) const SYSCALL: &str = "syscall";

/// The source of Kubernetes audit events.
pub(crate) const K8S_AUDIT: &str = "k8s_audit";

/// The name of Falco's plugin for Kubernetes audit events.
pub(crate) const K8S_AUDIT_PLUGIN: &str = rule_engine::load::K8S_AUDIT_PLUGIN.0;

/// The name of Falco's plugin for containers.
pub(crate) const CONTAINER_PLUGIN: &str = rule_engine::load::CONTAINER_PLUGIN.0;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Falco that this program is compatible with, for tools that read only this key.
pub(crate) const FALCO_VERSION: &str = "0.44.0";

/// The driver interface that captures and the probe follow.
pub(crate) const DRIVER_API_VERSION: &str = "10.1.0";

/// The plugin interface version that is reported, as Falco's.
pub(crate) const PLUGIN_API_VERSION: &str = "3.12.0";
