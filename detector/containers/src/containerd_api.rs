//! The messages of containerd's own API that are used, with the numbers of its `.proto` files; see [`cri_api`] for the
//! reasons of their form.
//!
//! [`cri_api`]: super::cri_api

use super::cri_api::Entry;
use prost::Message;

/// Requests and responses without any field that matters.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Empty {}

/// `GetContainerRequest`, whose field is the id, and `GetImageRequest`, whose field is the name.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct GetRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct GetContainerResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) container: Option<Container>,
}

/// `ListContainersRequest` and `SubscribeRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Filters {
    #[prost(string, repeated, tag = "1")]
    pub(super) filters: Vec<String>,
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
    #[prost(message, repeated, tag = "2")]
    pub(super) labels: Vec<Entry>,
    #[prost(string, tag = "3")]
    pub(super) image: String,
    /// The OCI runtime's configuration, as JSON.
    #[prost(message, optional, tag = "5")]
    pub(super) spec: Option<Any>,
    #[prost(message, optional, tag = "8")]
    pub(super) created_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListNamespacesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) namespaces: Vec<Namespace>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Namespace {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct GetImageResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) image: Option<Image>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Image {
    #[prost(message, optional, tag = "3")]
    pub(super) target: Option<Descriptor>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Descriptor {
    #[prost(string, tag = "2")]
    pub(super) digest: String,
}

/// An event, with the namespace that it happened in.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Envelope {
    #[prost(string, tag = "3")]
    pub(super) topic: String,
    #[prost(message, optional, tag = "4")]
    pub(super) event: Option<Any>,
}

/// The part that `ContainerCreate`, `ContainerUpdate`, `ContainerDelete`, `TaskStart` and `TaskExit` have in common.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct AboutContainer {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}
