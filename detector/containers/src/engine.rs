//! Container engines: where they listen, and for whose containers each may speak.
//!
//! Anybody may run an engine, and an engine may claim anything. So an engine describes only containers of the user that
//! it runs as: the kernel reports who listens at a socket, and the control group of a container shows whose it is. The
//! engines of root describe the containers of the host; those of a user, the containers in the slice of that user.

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::UnixStream;

/// The owner of the containers that the host's own engines run.
pub(super) const HOST: u32 = 0;

/// The kind of an engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Docker's HTTP API.
    Docker,
    /// Podman's own HTTP API.
    Podman,
    /// The interface between Kubernetes and its runtimes: containerd, CRI-O.
    Cri,
    /// containerd's own API, for containers of `ctr` and `nerdctl`, which its CRI does not have.
    Containerd,
}

impl Kind {
    /// Returns the name that the configuration has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Cri => "cri",
            Self::Containerd => "containerd",
        }
    }
}

/// A container engine and its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Engine {
    /// The kind of its API.
    pub kind: Kind,
    /// The path of its unix socket.
    pub socket: PathBuf,
}

impl Engine {
    /// Creates an engine of a kind that answers at a socket.
    pub fn new(kind: Kind, socket: impl Into<PathBuf>) -> Self {
        Self { kind, socket: socket.into() }
    }
}

/// Returns the sockets where engines of the host listen by default, below `root`. The order is that of preference.
pub(super) fn default_sockets(root: &Path) -> Vec<Engine> {
    const SOCKETS: [(Kind, &str); 10] = [
        (Kind::Docker, "run/docker.sock"),
        (Kind::Podman, "run/podman/podman.sock"),
        (Kind::Cri, "run/containerd/containerd.sock"),
        (Kind::Cri, "run/crio/crio.sock"),
        (Kind::Cri, "run/k3s/containerd/containerd.sock"),
        (Kind::Cri, "run/host-containerd/containerd.sock"),
        // An engine on top of containerd knows more about its containers.
        (Kind::Containerd, "run/containerd/containerd.sock"),
        (Kind::Containerd, "run/k3s/containerd/containerd.sock"),
        (Kind::Containerd, "run/host-containerd/containerd.sock"),
        (Kind::Containerd, "run/docker/containerd/containerd.sock"),
    ];
    SOCKETS.into_iter().map(|(kind, socket)| Engine { kind, socket: root.join(socket) }).collect()
}

/// Returns the sockets of users' own engines in a directory such as `/run/user`, sorted by user.
pub(super) fn user_sockets(users: &Path) -> Vec<Engine> {
    let entries = std::fs::read_dir(users).into_iter().flatten().flatten();
    let mut uids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    uids.sort_unstable();
    let of = |uid: u32| {
        let own = users.join(uid.to_string());
        [
            Engine { kind: Kind::Docker, socket: own.join("docker.sock") },
            Engine { kind: Kind::Podman, socket: own.join("podman/podman.sock") },
        ]
    };
    uids.into_iter().filter(|uid| *uid != HOST).flat_map(of).collect()
}

/// Returns the user in whose runtime directory a socket is: `UID` of `…/run/user/UID/…`.
fn user_of_path(socket: &Path) -> Option<u32> {
    let mut parts = socket.components().rev();
    let mut below: Option<&str> = None;
    loop {
        let Component::Normal(part) = parts.next()? else { return None };
        if part == "user"
            && let Some(uid) = below.and_then(|uid| uid.parse().ok())
            && parts.clone().next() == Some(Component::Normal("run".as_ref()))
        {
            return Some(uid);
        }
        below = part.to_str();
    }
}

/// Connects to an engine, and determines for whose containers it speaks.
#[derive(Debug)]
pub(super) struct Dialer {
    socket: PathBuf,
    /// The user that the path is reserved for.
    reserved: Option<u32>,
    /// The owner as of the last connection; `UNKNOWN` before the first one.
    owner: AtomicU32,
}

const UNKNOWN: u32 = u32::MAX;

impl Dialer {
    pub(super) fn new(socket: &Path) -> Self {
        let reserved = user_of_path(socket);
        Self { socket: socket.to_owned(), reserved, owner: AtomicU32::new(reserved.unwrap_or(UNKNOWN)) }
    }

    /// Returns whose containers the engine may describe; `None` if that is not known before the first connection.
    pub(super) fn owner(&self) -> Option<u32> {
        Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != UNKNOWN)
    }

    /// Returns whether there is a socket.
    pub(super) fn is_there(&self) -> bool {
        self.socket.exists()
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If nobody listens, or another user does in the runtime directory of a user.
    pub(super) async fn connect(&self) -> std::io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.socket).await?;
        let peer = stream.peer_cred()?.uid();
        let owner = match self.reserved {
            Some(uid) if peer == uid || peer == HOST => uid,
            Some(uid) => {
                return Err(std::io::Error::other(format!("user {peer} listens at the socket of user {uid}")));
            }
            None => peer,
        };
        self.owner.store(owner, Ordering::Relaxed);
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_in_a_runtime_directory_is_that_of_its_user() {
        for (path, user) in [
            ("/run/user/1000/podman/podman.sock", Some(1000)),
            ("/host/run/user/7/docker.sock", Some(7)),
            ("/var/run/user/7/docker.sock", Some(7)),
            ("/run/docker.sock", None),
            ("/run/user/ann/docker.sock", None),
            ("/srv/user/7/docker.sock", None),
        ] {
            assert_eq!(user_of_path(Path::new(path)), user, "{path}");
        }
    }

    #[test]
    fn users_have_sockets_of_their_own() {
        let folder = tempfile::tempdir().expect("a directory");
        for name in ["1001", "7", "0", "systemd"] {
            std::fs::create_dir(folder.path().join(name)).expect("a directory");
        }
        let sockets: Vec<_> = user_sockets(folder.path())
            .into_iter()
            .map(|engine| engine.socket.strip_prefix(folder.path()).expect("inside").display().to_string())
            .collect();
        assert_eq!(sockets, ["7/docker.sock", "7/podman/podman.sock", "1001/docker.sock", "1001/podman/podman.sock"]);
        assert!(user_sockets(&folder.path().join("none")).is_empty());
    }
}
