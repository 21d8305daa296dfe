//! The table of the `ka.*` fields.

use std::borrow::Cow;
use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::event::field::Argument;

/// The place of a value in a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// At these keys.
    At(&'static [&'static str]),
    /// At these keys, of every element of the arrays on the way.
    Each(&'static [&'static str]),
    /// The elements of an array of every rule of a role.
    Rules(&'static str),
    /// In one of the lists of containers.
    Container(&'static str, Container),
    /// The image of the first container.
    FirstImage,
    /// The same without tag.
    FirstRepository,
    /// Whether any container is privileged.
    AnyPrivileged,
    /// The names of the subjects of a kind in a binding.
    Subjects(&'static str),
    /// True, as Falco always has it.
    HasSubject,
    /// The name of the pod, if the request is about a pod.
    PodName,
    /// A parameter of the request.
    UriParam,
    /// Whether a path of the host is mounted.
    HasHostPath,
    /// The types of the volumes.
    VolumeTypes,
}

/// A property of a container.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Container {
    /// At these keys; containers without it are left out.
    At(&'static [&'static str]),
    /// At this key, which every container must have.
    Complete(&'static str),
    /// The image without tag.
    Repository,
    /// An array of words, joined.
    Words(&'static str),
    /// The ports of the host, or those of the container.
    HostPort,
    /// At this key, or that of the pod, or 0.
    Effective(&'static str),
}

/// A field.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: Cow<'static, str>,
    pub(super) place: Place,
    pub(super) list: bool,
    pub(super) argument: Argument,
    pub(super) doc: &'static str,
}

const POD: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The fields of each list of containers.
const CONTAINER: &[(&str, Container, &str)] = &[
    ("args", Container::Words("args"), "The arguments of each container's command, joined by spaces."),
    ("command", Container::Words("command"), "The command of each container, joined by spaces."),
    ("name", Container::Complete("name"), "The names of the containers."),
    ("image", Container::Complete("image"), "The images of the containers."),
    (
        "image.repository",
        Container::Repository,
        "The images of the containers without tag and digest, such as `falcosecurity/falco`.",
    ),
    ("host_port", Container::HostPort, "The host ports of the containers; the container's own port where none is set."),
    (
        "privileged",
        Container::At(&["securityContext", "privileged"]),
        "Whether each container is privileged, where it is set.",
    ),
    (
        "allow_privilege_escalation",
        Container::At(&["securityContext", "allowPrivilegeEscalation"]),
        "Whether each container lets its processes gain privileges, where it is set.",
    ),
    (
        "read_only_fs",
        Container::At(&["securityContext", "readOnlyRootFilesystem"]),
        "Whether the root file system of each container is read-only, where it is set.",
    ),
    ("run_as_user", Container::At(&["securityContext", "runAsUser"]), "The user id of each container that sets one."),
    (
        "eff_run_as_user",
        Container::Effective("runAsUser"),
        "The user id that each container begins with: its own, else that of the pod, else 0.",
    ),
    (
        "run_as_group",
        Container::At(&["securityContext", "runAsGroup"]),
        "The group id of each container that sets one.",
    ),
    (
        "eff_run_as_group",
        Container::Effective("runAsGroup"),
        "The group id that each container begins with: its own, else that of the pod, else 0.",
    ),
    (
        "proc_mount",
        Container::At(&["securityContext", "procMount"]),
        "How `/proc` is mounted in each container, where it is set.",
    ),
    (
        "add_capabilities",
        Container::At(&["securityContext", "capabilities", "add"]),
        "The capabilities that the containers add.",
    ),
];

/// Fields that are one text, without an argument.
const TEXTS: &[(&str, Place, &str)] = &[
    ("ka.auditid", Place::At(&["auditID"]), "The id of the audit record."),
    (
        "ka.stage",
        Place::At(&["stage"]),
        "The stage of the request when it was recorded, such as `RequestReceived` or `ResponseComplete`.",
    ),
    (
        "ka.auth.decision",
        Place::At(&["annotations", "authorization.k8s.io/decision"]),
        "Whether the request was allowed: `allow` or `forbid`.",
    ),
    ("ka.auth.reason", Place::At(&["annotations", "authorization.k8s.io/reason"]), "Why it was allowed or not."),
    (
        "ka.auth.openshift.decision",
        Place::At(&["annotations", "authentication.openshift.io/decision"]),
        "The decision of OpenShift's authentication server; only there.",
    ),
    (
        "ka.auth.openshift.username",
        Place::At(&["annotations", "authentication.openshift.io/username"]),
        "The user who logged in at OpenShift's authentication server; only there.",
    ),
    (
        "ka.validations.admission.policy.failure",
        Place::At(&["annotations", "validation.policy.admission.k8s.io/validation_failure"]),
        "The reason why a validating admission policy rejected the request.",
    ),
    (
        "ka.security.pod.violations",
        Place::At(&["annotations", "pod-security.kubernetes.io/audit-violations"]),
        "The pod security standards that the request violates.",
    ),
    ("ka.user.name", Place::At(&["user", "username"]), "Who asks."),
    ("ka.impuser.name", Place::At(&["impersonatedUser", "username"]), "The impersonated user."),
    ("ka.verb", Place::At(&["verb"]), "The verb of the request, such as `create` or `get`."),
    ("ka.uri", Place::At(&["requestURI"]), "The URI of the request."),
    ("ka.target.name", Place::At(&["objectRef", "name"]), "The name of the object of the request."),
    ("ka.target.namespace", Place::At(&["objectRef", "namespace"]), "The namespace of that object."),
    ("ka.target.resource", Place::At(&["objectRef", "resource"]), "The kind of that object, such as `pods`."),
    ("ka.target.subresource", Place::At(&["objectRef", "subresource"]), "The part of that object, such as `exec`."),
    ("ka.target.pod.name", Place::PodName, "The name of the pod, if the object of the request is a pod."),
    ("ka.req.binding.role", Place::At(&["requestObject", "roleRef", "name"]), "The role of a binding."),
    ("ka.req.configmap.name", Place::At(&["objectRef", "name"]), "The name of the config map."),
    ("ka.req.configmap.obj", Place::At(&["requestObject", "data"]), "The content of a config map."),
    (
        "ka.req.container.image",
        Place::FirstImage,
        "The image of the first container; `ka.req.pod.containers.image` has all.",
    ),
    (
        "ka.req.container.image.repository",
        Place::FirstRepository,
        "The same without tag and digest; `ka.req.pod.containers.image.repository` has all.",
    ),
    ("ka.req.pod.host_ipc", Place::At(&["requestObject", "spec", "hostIPC"]), "Whether a pod shares the host's IPC."),
    (
        "ka.req.pod.host_network",
        Place::At(&["requestObject", "spec", "hostNetwork"]),
        "Whether a pod shares the host's network.",
    ),
    (
        "ka.req.container.host_network",
        Place::At(&["requestObject", "spec", "hostNetwork"]),
        "The old name of `ka.req.pod.host_network`.",
    ),
    (
        "ka.req.pod.host_pid",
        Place::At(&["requestObject", "spec", "hostPID"]),
        "Whether a pod shares the host's process ids.",
    ),
    (
        "ka.req.container.privileged",
        Place::AnyPrivileged,
        "`true` if any container is privileged; `ka.req.pod.containers.privileged` has each.",
    ),
    (
        "ka.req.pod.run_as_user",
        Place::At(&["requestObject", "spec", "securityContext", "runAsUser"]),
        "The user id of a pod; its containers may set others.",
    ),
    (
        "ka.req.pod.run_as_group",
        Place::At(&["requestObject", "spec", "securityContext", "runAsGroup"]),
        "The group id of a pod; its containers may set others.",
    ),
    (
        "ka.req.pod.fs_group",
        Place::At(&["requestObject", "spec", "securityContext", "fsGroup"]),
        "The group id that owns a pod's volumes.",
    ),
    (
        "ka.req.service.type",
        Place::At(&["requestObject", "spec", "type"]),
        "The type of a service, such as `NodePort`.",
    ),
    ("ka.resp.name", Place::At(&["responseObject", "metadata", "name"]), "The name of the object in the response."),
    ("ka.response.code", Place::At(&["responseStatus", "code"]), "The status code of the response."),
    (
        "ka.response.reason",
        Place::At(&["responseStatus", "reason"]),
        "The reason in the response, usually of a failure.",
    ),
    ("ka.useragent", Place::At(&["userAgent"]), "The user agent of the client."),
    ("ka.cluster.name", Place::At(&["annotations", "cluster_name"]), "The name of the cluster, if records have it."),
];

/// Fields that are lists, with an index or without.
const LISTS: &[(&str, Place, Argument, &str)] = &[
    ("ka.user.groups", Place::At(&["user", "groups"]), Argument::None, "The groups of the requesting user."),
    (
        "ka.req.binding.subjects",
        Place::At(&["requestObject", "subjects"]),
        Argument::None,
        "The subjects that a binding gives a role to.",
    ),
    ("ka.req.binding.subjects.user_names", Place::Subjects("User"), Argument::None, "The users among them."),
    (
        "ka.req.binding.subjects.serviceaccount_names",
        Place::Subjects("ServiceAccount"),
        Argument::None,
        "The service accounts among them.",
    ),
    (
        "ka.req.binding.subjects.serviceaccount_ns_names",
        Place::Subjects("NamespacedServiceAccount"),
        Argument::None,
        "The service accounts among them with their namespaces, as `namespace:account`.",
    ),
    ("ka.req.binding.subjects.group_names", Place::Subjects("Group"), Argument::None, "The groups among them."),
    ("ka.req.role.rules", Place::At(&["requestObject", "rules"]), Argument::None, "The rules of a role."),
    (
        "ka.req.role.rules.apiGroups",
        Place::Rules("apiGroups"),
        Argument::Index,
        "The API groups of each rule of a role.",
    ),
    (
        "ka.req.role.rules.nonResourceURLs",
        Place::Rules("nonResourceURLs"),
        Argument::Index,
        "The non-resource URLs of each rule of a role.",
    ),
    ("ka.req.role.rules.verbs", Place::Rules("verbs"), Argument::Index, "The verbs of each rule of a role."),
    (
        "ka.req.role.rules.resources",
        Place::Rules("resources"),
        Argument::Index,
        "The resources of each rule of a role.",
    ),
    (
        "ka.req.pod.supplemental_groups",
        Place::At(&["requestObject", "spec", "securityContext", "supplementalGroups"]),
        Argument::None,
        "The further group ids of a pod.",
    ),
    (
        "ka.req.service.ports",
        Place::Each(&["requestObject", "spec", "ports"]),
        Argument::Index,
        "The ports of a service.",
    ),
    (
        "ka.req.pod.volumes.hostpath",
        Place::Each(&["requestObject", "spec", "volumes", "hostPath", "path"]),
        Argument::Index,
        "The paths of the host that the volumes of a pod mount.",
    ),
    (
        "ka.req.pod.volumes.flexvolume_driver",
        Place::Each(&["requestObject", "spec", "volumes", "flexVolume", "driver"]),
        Argument::Index,
        "The flexvolume drivers of the volumes of a pod.",
    ),
    ("ka.req.pod.volumes.volume_type", Place::VolumeTypes, Argument::Index, "The types of the volumes of a pod."),
    // Falco looks these up among the rules of a role, where they never are.
    (
        "ka.sourceips",
        Place::Rules("sourceIPs"),
        Argument::Index,
        "The source addresses of the request; empty, as with Falco's plugin, which looks them up among the rules of a role.",
    ),
];

/// Fields whose argument is a key.
const KEYED: &[(&str, Place, &str)] = &[
    (
        "ka.uri.param",
        Place::UriParam,
        "A parameter of the URI's query: with `/foo?key=val`, `ka.uri.param[key]` is `val`.",
    ),
    ("ka.req.binding.subject.has_name", Place::HasSubject, "Always `true`: kept for old rules."),
    (
        "ka.req.volume.hostpath",
        Place::HasHostPath,
        "`true` if a volume mounts this path of the host, or, with `*` at its end, one that begins so; `ka.req.pod.volumes.hostpath` has the paths.",
    ),
];

/// All fields, in the order of listings, and where each is by its name.
struct Table {
    rows: Vec<Row>,
    by_name: HashMap<String, usize>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rows = Vec::new();
        let mut add = |name: Cow<'static, str>, place, list, argument, doc| {
            rows.push(Row { name, place, list, argument, doc });
        };
        for &(name, place, doc) in TEXTS {
            add(name.into(), place, false, Argument::None, doc);
        }
        for &(name, place, argument, doc) in LISTS {
            add(name.into(), place, true, argument, doc);
        }
        for &(name, place, doc) in KEYED {
            add(name.into(), place, false, Argument::Key, doc);
        }
        for list in &POD {
            // Ephemeral containers have no ports of the host.
            let ports = *list != "ephemeralContainers";
            for &(name, part, doc) in CONTAINER.iter().filter(|row| ports || row.1 != Container::HostPort) {
                let name = format!("ka.req.pod.{list}.{name}");
                add(name.into(), Place::Container(list, part), true, Argument::Index, doc);
            }
        }
        let by_name = rows.iter().enumerate().map(|(at, row)| (row.name.to_string(), at)).collect();
        Table { rows, by_name }
    })
}

/// Returns all fields, in the order of listings.
pub(super) fn rows() -> &'static [Row] {
    &table().rows
}

/// Returns the field of a name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    let Table { rows, by_name } = table();
    rows.get(*by_name.get(name)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hundred_fields() {
        let expected = super::TEXTS.len() + super::LISTS.len() + super::KEYED.len() + 3 * super::CONTAINER.len() - 1;
        assert_eq!(super::table().by_name.len(), expected, "no name twice");
        assert_eq!(super::rows().len(), 100);
    }
}
