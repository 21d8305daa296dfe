//! The table of the `ka.*` fields.

use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::event::json::Argument;

/// Where a value is in a record.
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
    /// True, as it always was.
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

/// What of a container.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Container {
    /// At these keys; containers without it are left out.
    At(&'static [&'static str]),
    /// At this key, which no container may lack.
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
#[derive(Debug, Clone, Copy)]
pub(in crate::event) struct Row {
    pub(super) place: Place,
    pub(in crate::event) list: bool,
    pub(in crate::event) argument: Argument,
}

const POD: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The fields of each list of containers.
const CONTAINER: &[(&str, Container)] = &[
    ("args", Container::Words("args")),
    ("command", Container::Words("command")),
    ("name", Container::Complete("name")),
    ("image", Container::Complete("image")),
    ("image.repository", Container::Repository),
    ("host_port", Container::HostPort),
    ("privileged", Container::At(&["securityContext", "privileged"])),
    ("allow_privilege_escalation", Container::At(&["securityContext", "allowPrivilegeEscalation"])),
    ("read_only_fs", Container::At(&["securityContext", "readOnlyRootFilesystem"])),
    ("run_as_user", Container::At(&["securityContext", "runAsUser"])),
    ("eff_run_as_user", Container::Effective("runAsUser")),
    ("run_as_group", Container::At(&["securityContext", "runAsGroup"])),
    ("eff_run_as_group", Container::Effective("runAsGroup")),
    ("proc_mount", Container::At(&["securityContext", "procMount"])),
    ("add_capabilities", Container::At(&["securityContext", "capabilities", "add"])),
];

/// Fields that are one text, without an argument.
const TEXTS: &[(&str, Place)] = &[
    ("ka.auditid", Place::At(&["auditID"])),
    ("ka.stage", Place::At(&["stage"])),
    ("ka.auth.decision", Place::At(&["annotations", "authorization.k8s.io/decision"])),
    ("ka.auth.reason", Place::At(&["annotations", "authorization.k8s.io/reason"])),
    ("ka.auth.openshift.decision", Place::At(&["annotations", "authentication.openshift.io/decision"])),
    ("ka.auth.openshift.username", Place::At(&["annotations", "authentication.openshift.io/username"])),
    (
        "ka.validations.admission.policy.failure",
        Place::At(&["annotations", "validation.policy.admission.k8s.io/validation_failure"]),
    ),
    ("ka.security.pod.violations", Place::At(&["annotations", "pod-security.kubernetes.io/audit-violations"])),
    ("ka.user.name", Place::At(&["user", "username"])),
    ("ka.impuser.name", Place::At(&["impersonatedUser", "username"])),
    ("ka.verb", Place::At(&["verb"])),
    ("ka.uri", Place::At(&["requestURI"])),
    ("ka.target.name", Place::At(&["objectRef", "name"])),
    ("ka.target.namespace", Place::At(&["objectRef", "namespace"])),
    ("ka.target.resource", Place::At(&["objectRef", "resource"])),
    ("ka.target.subresource", Place::At(&["objectRef", "subresource"])),
    ("ka.target.pod.name", Place::PodName),
    ("ka.req.binding.role", Place::At(&["requestObject", "roleRef", "name"])),
    ("ka.req.configmap.name", Place::At(&["objectRef", "name"])),
    ("ka.req.configmap.obj", Place::At(&["requestObject", "data"])),
    ("ka.req.container.image", Place::FirstImage),
    ("ka.req.container.image.repository", Place::FirstRepository),
    ("ka.req.pod.host_ipc", Place::At(&["requestObject", "spec", "hostIPC"])),
    ("ka.req.pod.host_network", Place::At(&["requestObject", "spec", "hostNetwork"])),
    ("ka.req.container.host_network", Place::At(&["requestObject", "spec", "hostNetwork"])),
    ("ka.req.pod.host_pid", Place::At(&["requestObject", "spec", "hostPID"])),
    ("ka.req.container.privileged", Place::AnyPrivileged),
    ("ka.req.pod.run_as_user", Place::At(&["requestObject", "spec", "securityContext", "runAsUser"])),
    ("ka.req.pod.run_as_group", Place::At(&["requestObject", "spec", "securityContext", "runAsGroup"])),
    ("ka.req.pod.fs_group", Place::At(&["requestObject", "spec", "securityContext", "fsGroup"])),
    ("ka.req.service.type", Place::At(&["requestObject", "spec", "type"])),
    ("ka.resp.name", Place::At(&["responseObject", "metadata", "name"])),
    ("ka.response.code", Place::At(&["responseStatus", "code"])),
    ("ka.response.reason", Place::At(&["responseStatus", "reason"])),
    ("ka.useragent", Place::At(&["userAgent"])),
    ("ka.cluster.name", Place::At(&["annotations", "cluster_name"])),
];

/// Fields that are lists, with an index or without.
const LISTS: &[(&str, Place, Argument)] = &[
    ("ka.user.groups", Place::At(&["user", "groups"]), Argument::None),
    ("ka.req.binding.subjects", Place::At(&["requestObject", "subjects"]), Argument::None),
    ("ka.req.binding.subjects.user_names", Place::Subjects("User"), Argument::None),
    ("ka.req.binding.subjects.serviceaccount_names", Place::Subjects("ServiceAccount"), Argument::None),
    ("ka.req.binding.subjects.serviceaccount_ns_names", Place::Subjects("NamespacedServiceAccount"), Argument::None),
    ("ka.req.binding.subjects.group_names", Place::Subjects("Group"), Argument::None),
    ("ka.req.role.rules", Place::At(&["requestObject", "rules"]), Argument::None),
    ("ka.req.role.rules.apiGroups", Place::Rules("apiGroups"), Argument::Index),
    ("ka.req.role.rules.nonResourceURLs", Place::Rules("nonResourceURLs"), Argument::Index),
    ("ka.req.role.rules.verbs", Place::Rules("verbs"), Argument::Index),
    ("ka.req.role.rules.resources", Place::Rules("resources"), Argument::Index),
    (
        "ka.req.pod.supplemental_groups",
        Place::At(&["requestObject", "spec", "securityContext", "supplementalGroups"]),
        Argument::None,
    ),
    ("ka.req.service.ports", Place::Each(&["requestObject", "spec", "ports"]), Argument::Index),
    (
        "ka.req.pod.volumes.hostpath",
        Place::Each(&["requestObject", "spec", "volumes", "hostPath", "path"]),
        Argument::Index,
    ),
    (
        "ka.req.pod.volumes.flexvolume_driver",
        Place::Each(&["requestObject", "spec", "volumes", "flexVolume", "driver"]),
        Argument::Index,
    ),
    ("ka.req.pod.volumes.volume_type", Place::VolumeTypes, Argument::Index),
    // Falco looks these up among the rules of a role, where they never are.
    ("ka.sourceips", Place::Rules("sourceIPs"), Argument::Index),
];

/// Fields whose argument is a key.
const KEYED: &[(&str, Place)] = &[
    ("ka.uri.param", Place::UriParam),
    ("ka.req.binding.subject.has_name", Place::HasSubject),
    ("ka.req.volume.hostpath", Place::HasHostPath),
];

fn table() -> &'static HashMap<String, Row> {
    static TABLE: OnceLock<HashMap<String, Row>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for &(name, place) in TEXTS {
            table.insert(name.to_owned(), Row { place, list: false, argument: Argument::None });
        }
        for &(name, place, argument) in LISTS {
            table.insert(name.to_owned(), Row { place, list: true, argument });
        }
        for &(name, place) in KEYED {
            table.insert(name.to_owned(), Row { place, list: false, argument: Argument::Key });
        }
        for list in &POD {
            // Ephemeral containers have no ports of the host.
            let ports = *list != "ephemeralContainers";
            for &(name, part) in CONTAINER.iter().filter(|(_, part)| ports || *part != Container::HostPort) {
                let row = Row { place: Place::Container(list, part), list: true, argument: Argument::Index };
                table.insert(format!("ka.req.pod.{list}.{name}"), row);
            }
        }
        table
    })
}

/// The field of a name.
pub(in crate::event) fn find(name: &str) -> Option<Row> {
    table().get(name).copied()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hundred_fields() {
        let expected = super::TEXTS.len() + super::LISTS.len() + super::KEYED.len() + 3 * super::CONTAINER.len() - 1;
        assert_eq!(super::table().len(), expected, "no name twice");
        assert_eq!(super::table().len(), 100);
    }
}
