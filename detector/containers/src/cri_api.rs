//! The messages of CRI's `runtime.v1.RuntimeService` that are used, with the numbers of its `api.proto`.
//!
//! They are written by hand, since only a few are used and the build requires no compiler of protocol files this way.
//! Fields that are not listed are skipped when a message is decoded. A map is a list of entries, which has the same
//! encoding and keeps the order of the runtime.

use prost::Message;

/// An entry of a map of strings.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct VersionRequest {}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct VersionResponse {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
}

/// `ContainerFilter` and `PodSandboxFilter`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Filter {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// `ListContainersRequest` and `ListPodSandboxRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) filter: Option<Filter>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListContainersResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Container>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListPodSandboxResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<PodSandbox>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PodSandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// `ContainerStatusRequest` and `PodSandboxStatusRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct StatusRequest {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(bool, tag = "2")]
    pub(super) verbose: bool,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct GetEventsRequest {}

/// `ContainerEventResponse`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerEvent {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    /// `ContainerEventType`.
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
}

impl ContainerEvent {
    pub(super) const CREATED: i32 = 0;
    pub(super) const STARTED: i32 = 1;
    pub(super) const DELETED: i32 = 3;
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
    #[prost(message, repeated, tag = "2")]
    pub(super) info: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(int64, tag = "4")]
    pub(super) created_at: i64,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<ImageSpec>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(message, repeated, tag = "12")]
    pub(super) labels: Vec<Entry>,
    #[prost(message, repeated, tag = "14")]
    pub(super) mounts: Vec<Mount>,
    #[prost(string, tag = "17")]
    pub(super) image_id: String,
    #[prost(message, optional, tag = "18")]
    pub(super) user: Option<ContainerUser>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ImageSpec {
    #[prost(string, tag = "1")]
    pub(super) image: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) container_path: String,
    #[prost(string, tag = "2")]
    pub(super) host_path: String,
    #[prost(bool, tag = "3")]
    pub(super) readonly: bool,
    /// `MountPropagation`.
    #[prost(int32, tag = "5")]
    pub(super) propagation: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerUser {
    #[prost(message, optional, tag = "1")]
    pub(super) linux: Option<LinuxContainerUser>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct LinuxContainerUser {
    #[prost(int64, tag = "1")]
    pub(super) uid: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PodSandboxStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<PodSandboxStatus>,
    #[prost(message, repeated, tag = "2")]
    pub(super) info: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PodSandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<PodSandboxMetadata>,
    #[prost(int64, tag = "4")]
    pub(super) created_at: i64,
    #[prost(message, optional, tag = "5")]
    pub(super) network: Option<PodSandboxNetworkStatus>,
    #[prost(message, optional, tag = "6")]
    pub(super) linux: Option<LinuxPodSandboxStatus>,
    #[prost(message, repeated, tag = "7")]
    pub(super) labels: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PodSandboxNetworkStatus {
    #[prost(string, tag = "1")]
    pub(super) ip: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct LinuxPodSandboxStatus {
    #[prost(message, optional, tag = "1")]
    pub(super) namespaces: Option<Namespace>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Namespace {
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<NamespaceOption>,
}

/// Each field is a `NamespaceMode`; [`NamespaceOption::NODE`] is the host's.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct NamespaceOption {
    #[prost(int32, tag = "1")]
    pub(super) network: i32,
    #[prost(int32, tag = "2")]
    pub(super) pid: i32,
    #[prost(int32, tag = "3")]
    pub(super) ipc: i32,
}

impl NamespaceOption {
    pub(super) const NODE: i32 = 2;
}
