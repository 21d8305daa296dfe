//! Metadata of containers: events carry only their IDs.

use std::ffi::{c_char, c_void};

use sinsp::state::{ContainerInfo, ContainerMetadata, Mount as SinspMount};

use crate::error::{Error, keep};
use crate::guard::call;
use crate::handle::{borrow_mut, bytes, optional_text, slice, text};
use crate::inspector::Inspector;
use crate::sized::{Input, grows, read};
use crate::status::Status;
use crate::view::Bytes;

/// A label of a container or of a pod.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// The key, UTF-8 and NUL-terminated.
    pub key: *const c_char,
    /// The value, UTF-8 and NUL-terminated; NULL is "".
    pub value: *const c_char,
}

/// A mount of a container. Texts are UTF-8 and NUL-terminated; NULL is "".
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Mount {
    /// The path on the host.
    pub source: *const c_char,
    /// The path in the container.
    pub dest: *const c_char,
    /// The mode, as the container engine reports it.
    pub mode: *const c_char,
    /// The propagation, as the container engine reports it.
    pub propagation: *const c_char,
    /// Whether it is writable.
    pub rdwr: bool,
}

/// Metadata of a container: the values of the fields `container.*` and `k8s.*`. Set `size` to `sizeof(peregrine_container)`
/// and unknown members to zero. Texts are UTF-8 and NUL-terminated; NULL is "".
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Container {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The short ID, as in events: the first 12 characters. Required.
    pub id: *const c_char,
    /// The full ID.
    pub full_id: *const c_char,
    /// The name.
    pub name: *const c_char,
    /// The container engine, such as `docker`.
    pub engine: *const c_char,
    /// The user that the image is configured to run as.
    pub user: *const c_char,
    /// The image, such as `nginx:1.27`.
    pub image: *const c_char,
    /// The ID of the image.
    pub image_id: *const c_char,
    /// The image without tag and digest.
    pub image_repository: *const c_char,
    /// The tag of the image.
    pub image_tag: *const c_char,
    /// The digest of the image.
    pub image_digest: *const c_char,
    /// The IP address.
    pub ip: *const c_char,
    /// The result of the CNI plugin, as JSON.
    pub cni_json: *const c_char,
    /// The ID of the sandbox of the pod.
    pub pod_sandbox_id: *const c_char,
    /// The labels of the container; in Kubernetes they include pod and namespace.
    pub labels: *const Label,
    /// The number of `labels`.
    pub nlabels: usize,
    /// The labels of the sandbox of the pod.
    pub pod_sandbox_labels: *const Label,
    /// The number of `pod_sandbox_labels`.
    pub npod_sandbox_labels: usize,
    /// The mounts.
    pub mounts: *const Mount,
    /// The number of `mounts`.
    pub nmounts: usize,
    /// The time of creation, in nanoseconds since 1970.
    pub created: u64,
    /// Whether it is privileged.
    pub privileged: bool,
    /// Whether it shares the host's PID namespace.
    pub host_pid: bool,
    /// Whether it shares the host's network namespace.
    pub host_network: bool,
    /// Whether it shares the host's IPC namespace.
    pub host_ipc: bool,
}
grows!(Container, "peregrine_container", host_ipc);
// SAFETY: NULL, 0 and false are valid.
unsafe impl Input for Container {}

/// Returns the metadata of a container, or NULL if nothing is known (yet). `id` is the short ID, valid during the call. The
/// result belongs to the caller and must stay unchanged until the callback is called again or replaced. Called from
/// peregrine_inspector_next(); must not use that inspector and must not throw.
pub type ContainerCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, id: Bytes) -> *const Container>;

/// # Safety
/// `labels` is NULL or valid for `len` labels, and their texts are NUL-terminated.
unsafe fn labels(labels: *const Label, len: usize) -> Result<Vec<(String, String)>, Error> {
    // SAFETY: guaranteed by the caller.
    let labels = unsafe { slice(labels, len, "labels") }?;
    labels
        .iter()
        .map(|label| {
            // SAFETY: guaranteed by the caller.
            let (key, value) = unsafe { (text(label.key, "a label's key")?, optional_text(label.value, "a label")?) };
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Copies the metadata of a container.
///
/// # Safety
/// `container` is NULL or valid for the number of bytes that its `size` says, and all that it points at is valid.
unsafe fn copy(container: *const Container) -> Result<ContainerInfo, Error> {
    // SAFETY: guaranteed by the caller.
    let Some(from) = unsafe { read(container) }? else { return Err(Error::null("peregrine_container")) };
    // SAFETY: guaranteed by the caller.
    let text_of = |text, what| unsafe { optional_text(text, what) }.map(str::to_owned);
    let mut info = ContainerInfo::default();
    // SAFETY: guaranteed by the caller.
    info.id = unsafe { text(from.id, "id of peregrine_container") }?.to_owned();
    info.full_id = text_of(from.full_id, "full_id")?;
    info.name = text_of(from.name, "name")?;
    info.engine = text_of(from.engine, "engine")?;
    info.user = text_of(from.user, "user")?;
    info.image = text_of(from.image, "image")?;
    info.image_id = text_of(from.image_id, "image_id")?;
    info.image_repository = text_of(from.image_repository, "image_repository")?;
    info.image_tag = text_of(from.image_tag, "image_tag")?;
    info.image_digest = text_of(from.image_digest, "image_digest")?;
    info.ip = text_of(from.ip, "ip")?;
    info.cni_json = text_of(from.cni_json, "cni_json")?;
    info.pod_sandbox_id = text_of(from.pod_sandbox_id, "pod_sandbox_id")?;
    // SAFETY: guaranteed by the caller.
    info.labels = unsafe { labels(from.labels, from.nlabels) }?;
    // SAFETY: guaranteed by the caller.
    info.pod_sandbox_labels = unsafe { labels(from.pod_sandbox_labels, from.npod_sandbox_labels) }?;
    // SAFETY: guaranteed by the caller.
    let mounts = unsafe { slice(from.mounts, from.nmounts, "mounts") }?;
    for mount in mounts {
        info.mounts.push(SinspMount {
            source: text_of(mount.source, "a mount's source")?,
            dest: text_of(mount.dest, "a mount's dest")?,
            mode: text_of(mount.mode, "a mount's mode")?,
            rdwr: mount.rdwr,
            propagation: text_of(mount.propagation, "a mount's propagation")?,
        });
    }
    info.created = from.created;
    info.privileged = from.privileged;
    info.host_pid = from.host_pid;
    info.host_network = from.host_network;
    info.host_ipc = from.host_ipc;
    Ok(info)
}

/// Adds or replaces the metadata of a container: `container.*` and `k8s.*` fields of its processes have values from the next
/// event on. Everything is copied. The current event becomes stale.
///
/// @param inspector the inspector
/// @param container the metadata
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small, _NULL_POINTER if it has no ID
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `container` is NULL or valid for reading the
/// number of bytes that its `size` says, and everything that it points at is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_insert_container(
    inspector: *mut Inspector,
    container: *const Container,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow_mut(inspector) }?;
        // SAFETY: guaranteed by the caller.
        let info = unsafe { copy(container) }?;
        inspector.change().insert_container(info);
        Ok(Status::Ok)
    })
}

/// Removes the metadata of a container. The current event becomes stale.
///
/// @param inspector the inspector
/// @param id        the first byte of the short ID
/// @param len       the number of bytes
/// @return PEREGRINE_STATUS_OK, _MISSING if there is none of that ID
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `id` is NULL or valid for reading `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_remove_container(
    inspector: *mut Inspector,
    id: *const u8,
    len: usize,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow_mut(inspector) }?;
        // SAFETY: guaranteed by the caller.
        let id = unsafe { bytes(id, len, "id") }?;
        Ok(match inspector.change().remove_container(id) {
            Some(_) => Status::Ok,
            None => Status::Missing,
        })
    })
}

/// Provides metadata from a callback.
struct Provider {
    callback: ContainerCallback,
    userdata: *mut c_void,
}

// SAFETY: it moves with its inspector, which is used by one thread at a time; the caller guarantees it for `userdata`.
unsafe impl Send for Provider {}

impl ContainerMetadata for Provider {
    fn container(&mut self, id: &[u8], _: u32) -> Option<ContainerInfo> {
        // SAFETY: guaranteed by the caller who set it.
        let container = unsafe { self.callback?(self.userdata, id.into()) };
        if container.is_null() {
            return None;
        }
        // SAFETY: guaranteed by the caller who set the callback.
        match unsafe { copy(container) } {
            // Under another ID it would not be found, and requested again and again.
            Ok(info) if info.id.as_bytes() == id => return Some(info),
            Ok(info) => keep(&format!("requested container {}, got {}", String::from_utf8_lossy(id), info.id), 0),
            Err(error) => keep(&error.message, error.errno),
        }
        tracing::warn!("the container callback returned invalid metadata for {}", String::from_utf8_lossy(id));
        None
    }
}

/// Sets the callback for the metadata of containers. It is called for an event of a thread in a container without metadata,
/// before the event is shown. After a NULL result it is called again for events that are a second or more later. The current
/// event becomes stale.
///
/// @param inspector the inspector
/// @param callback  the callback; NULL for none
/// @param userdata  passed to the callback
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `callback` may be called with `userdata` as long as
/// the inspector lives or until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_set_container_callback(
    inspector: *mut Inspector,
    callback: ContainerCallback,
    userdata: *mut c_void,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let inspector = unsafe { borrow_mut(inspector) }?;
        inspector.change().set_container_metadata(Provider { callback, userdata });
        Ok(Status::Ok)
    })
}
