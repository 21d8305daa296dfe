//! The server that receives alerts with what is proposed about them.

use crate::config::settings::ResponseWebhook;
use crate::protect::capabilities;
use peregrine_response::{Action, Post, Proposal};
use peregrine_sinks::{Error, Http, HttpConfig, Message, Sink};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A server, by the HTTP client of the outputs.
#[derive(Debug)]
pub(super) struct Server {
    http: Http,
    /// Whether the thread that posts has to drop capabilities first.
    drops: bool,
}

impl Server {
    /// Prepares the client. It connects with the first proposal.
    pub(super) fn new(settings: &ResponseWebhook, confined: bool) -> Result<Self, Error> {
        let config = HttpConfig {
            headers: settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            tls: settings.tls.for_sinks(),
            timeout: Duration::from_secs(settings.timeout_seconds.into()),
            ..HttpConfig::new(&settings.url)
        };
        Ok(Self { http: Http::new(config)?, drops: confined })
    }
}

impl Post for Server {
    /// Once: what is proposed too late is worth nothing.
    fn post(&mut self, proposal: &Proposal) -> Result<(), String> {
        if std::mem::take(&mut self.drops) {
            // As the threads of outputs; if the kernel refuses, it posts as before.
            let _ = capabilities::keep(capabilities::OF_THE_OUTPUTS);
        }
        self.http.deliver(&[Message::new(0, body(proposal))]).map_err(|failure| failure.to_string())
    }
}

/// Returns the alert and what is proposed, as JSON.
fn body(proposal: &Proposal) -> Vec<u8> {
    let proposed = match &proposal.action {
        Action::Webhook(proposed) => proposed.as_deref(),
        action => Some(action),
    };
    let process = proposal.process.as_ref().map(|process| {
        json!({"pid": process.pid, "start_ns": process.start, "exe": process.exe, "cgroup": process.cgroup,
            "container": process.container})
    });
    let told = json!({
        "rule": &*proposal.rule,
        "evt.num": proposal.event,
        "time_ns": proposal.time,
        "action": proposed.map(Action::name),
        "target": proposed.and_then(Action::scope).map(peregrine_response::Scope::name),
        "process": process.unwrap_or(Json::Null),
    });
    // The alert is JSON already.
    [b"{\"alert\":", &proposal.alert[..], b",\"proposal\":", told.to_string().as_bytes(), b"}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_response::{Process, Scope};
    use std::sync::Arc;

    fn proposal(action: Action) -> Proposal {
        let rule = "R".into();
        let alert = "{}".into();
        Proposal { rule, event: 9, time: 11, process: None, action, uncertain: false, alert }
    }

    #[test]
    fn a_server_that_does_not_answer_is_given_up() {
        // Connections are accepted by the kernel; nobody reads.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let settings = ResponseWebhook { url, timeout_seconds: 1, ..ResponseWebhook::default() };
        let start = std::time::Instant::now();
        let why = Server::new(&settings, false).unwrap().post(&proposal(Action::Webhook(None))).unwrap_err();
        assert!(why.contains("timeout"), "{why}");
        assert!((1..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }

    /// The outputs have the tests of certificates; a setting that was not passed on would be found here.
    #[test]
    fn certificates_are_those_of_the_outputs() {
        use crate::config::settings::Tls;
        let of = |tls: Tls| {
            let url = "https://localhost/".to_owned();
            Server::new(&ResponseWebhook { url, tls, ..ResponseWebhook::default() }, false).map(|_| ())
        };
        let any = || Tls { ca_path: "/no/certificates".into(), ..Tls::default() };
        assert!(of(Tls { insecure: true, ..any() }).is_ok());
        for (tls, named) in [
            (any(), "/no/certificates"),
            (Tls { ca_cert: "/no/ca.pem".into(), ..any() }, "/no/ca.pem"),
            (
                Tls { insecure: true, client_cert: "/no/c.crt".into(), client_key: "/no/c.key".into(), ..any() },
                "/no/c.",
            ),
        ] {
            let why = of(tls).unwrap_err().to_string();
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn a_body_has_the_alert_and_the_proposal() {
        let process = Process { pid: 7, start: 3, exe: "/a\"b".into(), cgroup: "/c".into(), container: String::new() };
        let kill = Action::Webhook(Some(Arc::new(Action::Kill(Scope::Tree))));
        let alert = r#"{"rule":"R"}"#;
        let mut proposal = Proposal { process: Some(process), alert: alert.into(), ..proposal(kill) };
        let sent: Json = serde_json::from_slice(&body(&proposal)).unwrap();
        let process = json!({"pid": 7, "start_ns": 3, "exe": "/a\"b", "cgroup": "/c", "container": ""});
        let told =
            json!({"rule": "R", "evt.num": 9, "time_ns": 11, "action": "kill", "target": "tree", "process": process});
        assert_eq!(sent, json!({"alert": {"rule": "R"}, "proposal": told}));
        (proposal.action, proposal.process) = (Action::Webhook(None), None);
        let sent: Json = serde_json::from_slice(&body(&proposal)).unwrap();
        assert!(sent["proposal"]["action"].is_null() && sent["proposal"]["process"].is_null(), "{sent}");
    }
}
