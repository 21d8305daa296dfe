//! What the host program knows of containers: events carry only their ids.

use std::ffi::{c_char, c_void};

use sinsp::state::{ContainerInfo, ContainerMetadata, Mount as SinspMount};

use crate::error::{Fault, keep};
use crate::guard::call;
use crate::handle::{bytes, optional_text, slice, text, unique};
use crate::inspector::Inspector;
use crate::sized::{Input, given, grows};
use crate::status::Status;
use crate::view::Bytes;

/// A label of a container or of a pod.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its key, UTF-8 and ended by a NUL.
    pub key: *const c_char,
    /// Its value, UTF-8 and ended by a NUL.
    pub value: *const c_char,
}

/// A mount of a container. Texts are UTF-8 and ended by a NUL; NULL is "".
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Mount {
    /// The path on the host.
    pub source: *const c_char,
    /// The path in the container.
    pub dest: *const c_char,
    /// The mode, as the engine says it.
    pub mode: *const c_char,
    /// The propagation, as the engine says it.
    pub propagation: *const c_char,
    /// Whether it may be written.
    pub rdwr: bool,
}

/// What an engine knows of a container: the values of the fields `container.*` and `k8s.*`. Set `size` to
/// `sizeof(peregrine_container)` and what is not known to zero. Texts are UTF-8 and ended by a NUL; NULL is "".
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Container {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The short id, as events carry it: the first 12 characters. The one text that must be there.
    pub id: *const c_char,
    /// The whole id.
    pub full_id: *const c_char,
    /// Its name.
    pub name: *const c_char,
    /// The engine, such as `docker`.
    pub engine: *const c_char,
    /// The user that the image is configured with.
    pub user: *const c_char,
    /// The image, such as `nginx:1.27`.
    pub image: *const c_char,
    /// The id of the image.
    pub image_id: *const c_char,
    /// The image without tag and digest.
    pub image_repository: *const c_char,
    /// The tag.
    pub image_tag: *const c_char,
    /// The digest.
    pub image_digest: *const c_char,
    /// The address.
    pub ip: *const c_char,
    /// What the CNI plugin said, as JSON.
    pub cni_json: *const c_char,
    /// The pod's sandbox.
    pub pod_sandbox_id: *const c_char,
    /// The container's labels; for Kubernetes they hold pod and namespace.
    pub labels: *const Label,
    /// How many.
    pub nlabels: usize,
    /// The labels of the pod's sandbox.
    pub pod_sandbox_labels: *const Label,
    /// How many.
    pub npod_sandbox_labels: usize,
    /// The mounts.
    pub mounts: *const Mount,
    /// How many.
    pub nmounts: usize,
    /// When it was created, in nanoseconds since 1970.
    pub created: u64,
    /// It runs privileged.
    pub privileged: bool,
    /// It shares the host's pid namespace.
    pub host_pid: bool,
    /// It shares the host's network namespace.
    pub host_network: bool,
    /// It shares the host's IPC namespace.
    pub host_ipc: bool,
}
grows!(Container, "peregrine_container", host_ipc);
// SAFETY: NULL, 0 and false are what they are.
unsafe impl Input for Container {}

/// Says what is known of a container, or gives NULL if that is nothing (yet). `id` is the short id, lent for the call. What
/// is returned belongs to the caller and must stay as it is until the callback is called again or replaced. It is called
/// while an inspector moves to its next event and must not use that inspector; it must not throw.
pub type ContainerCallback = Option<unsafe extern "C" fn(userdata: *mut c_void, id: Bytes) -> *const Container>;

/// # Safety
/// `labels` is NULL or valid for `len` labels, and their texts are ended by NULs.
unsafe fn labels(labels: *const Label, len: usize) -> Result<Vec<(String, String)>, Fault> {
    // SAFETY: by the caller's word.
    let labels = unsafe { slice(labels, len, "labels") }?;
    labels
        .iter()
        .map(|label| {
            // SAFETY: by the caller's word.
            let (key, value) = unsafe { (text(label.key, "a label's key")?, optional_text(label.value, "a label")?) };
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Copies what a caller says of a container.
///
/// # Safety
/// `container` is NULL or valid for as many bytes as its `size` says, and all that it points at is valid.
unsafe fn read(container: *const Container) -> Result<ContainerInfo, Fault> {
    // SAFETY: by the caller's word.
    let Some(from) = unsafe { given(container) }? else { return Err(Fault::null("peregrine_container")) };
    // SAFETY: by the caller's word.
    let text_of = |text, what| unsafe { optional_text(text, what) }.map(str::to_owned);
    let mut info = ContainerInfo::default();
    // SAFETY: by the caller's word.
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
    // SAFETY: by the caller's word.
    info.labels = unsafe { labels(from.labels, from.nlabels) }?;
    // SAFETY: by the caller's word.
    info.pod_sandbox_labels = unsafe { labels(from.pod_sandbox_labels, from.npod_sandbox_labels) }?;
    // SAFETY: by the caller's word.
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

/// Describes a container, or describes it anew: `container.*` and `k8s.*` fields of its processes have values from the next
/// event on. Everything is copied. The current event, and what was lent with it, is void.
///
/// @param inspector the inspector
/// @param container what is known of it
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small, _NULL_POINTER if it has no id
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `container` is NULL or valid for reading as many bytes
/// as its `size` says, and all that it points at is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_insert_container(
    inspector: *mut Inspector,
    container: *const Container,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inspector = unsafe { unique(inspector) }?;
        // SAFETY: by the caller's word.
        let info = unsafe { read(container) }?;
        inspector.change().insert_container(info);
        Ok(Status::Ok)
    })
}

/// Forgets a container. The current event, and what was lent with it, is void.
///
/// @param inspector the inspector
/// @param id        the first byte of its short id
/// @param len       how many bytes
/// @return PEREGRINE_STATUS_OK, _MISSING if none of that id was described
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
        // SAFETY: by the caller's word.
        let inspector = unsafe { unique(inspector) }?;
        // SAFETY: by the caller's word.
        let id = unsafe { bytes(id, len, "id") }?;
        Ok(match inspector.change().remove_container(id) {
            Some(_) => Status::Ok,
            None => Status::Missing,
        })
    })
}

/// A callback as a provider of metadata.
struct Provider {
    callback: ContainerCallback,
    userdata: *mut c_void,
}

// SAFETY: it moves with its inspector, which is used by one thread at a time; whoever moves that vouches for `userdata`.
unsafe impl Send for Provider {}

impl ContainerMetadata for Provider {
    fn container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        // SAFETY: by the word of the caller who set it.
        let container = unsafe { self.callback?(self.userdata, id.into()) };
        if container.is_null() {
            return None;
        }
        // SAFETY: by the word of the caller who set the callback.
        match unsafe { read(container) } {
            // Under another id it would not be found, and be asked for again and again.
            Ok(info) if info.id.as_bytes() == id => return Some(info),
            Ok(info) => keep(&format!("asked for the container {}, got {}", String::from_utf8_lossy(id), info.id)),
            Err(fault) => keep(&fault.message),
        }
        tracing::warn!("the container callback gave nonsense for {}", String::from_utf8_lossy(id));
        None
    }
}

/// Says who knows containers: the callback is asked when an event comes whose thread is in a container that nobody described,
/// before the event is shown. After NULL it is asked again when events come that are a second or more later. The current
/// event, and what was lent with it, is void.
///
/// @param inspector the inspector
/// @param callback  who is asked; NULL for nobody
/// @param userdata  what the callback gets
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `inspector` is NULL or a live inspector that no other thread uses; `callback` may be called with `userdata` as long as the
/// inspector lives or until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_inspector_set_container_callback(
    inspector: *mut Inspector,
    callback: ContainerCallback,
    userdata: *mut c_void,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let inspector = unsafe { unique(inspector) }?;
        inspector.change().set_container_metadata(Provider { callback, userdata });
        Ok(Status::Ok)
    })
}
