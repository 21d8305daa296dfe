//! Files for an API server: the kubeconfig of the webhook, and an audit policy.

/// Audit policy for the published rules and for ours: bodies where rules inspect them, never those of secrets.
pub(crate) const POLICY: &str = include_str!("policy.yaml");

/// Returns the file for `--audit-webhook-config-file` of an API server that reaches the webhook at `url`.
pub(crate) fn kubeconfig(url: &str) -> String {
    // As JSON, the address cannot end the string that contains it; YAML reads both.
    let url = serde_json::Value::from(url);
    format!(
        "# For an API server: --audit-webhook-config-file=THIS --audit-policy-file=POLICY --audit-webhook-batch-max-wait=5s\n\
         apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: peregrine\n\
         \x20 cluster:\n\
         \x20   server: {url}\n\
         \x20   # For https with a certificate of one's own:\n\
         \x20   # certificate-authority: /etc/kubernetes/pki/peregrine-ca.crt\n\
         contexts:\n\
         - name: webhook\n\
         \x20 context:\n\
         \x20   cluster: peregrine\n\
         \x20   user: api-server\n\
         current-context: webhook\n\
         users:\n\
         - name: api-server\n\
         \x20 user: {{}}\n"
    )
}
