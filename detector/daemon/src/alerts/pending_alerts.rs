//! Alerts that wait for the metadata of their container.
//!
//! Only an alert waits, never an event: the values of the output are copied, and the event loop continues. When the
//! engine has answered, or after a short time, the alert is sent with what is known by then.

use crate::alerts::Alerts;
use bumpalo::Bump;
use peregrine_containers::Provider;
use rule_engine::engine::{Alert, Note, OwnedAlert, SourceRules};
use rule_engine::event::sinsp::SinspSchema;
use sinsp::config::ContainerPattern;
use sinsp::state::ContainerInfo;
use sinsp::{Inspector, Next};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Default for the longest time that an alert waits.
pub(crate) const MOMENT: Duration = Duration::from_secs(1);
/// Interval at which answers are checked while alerts wait.
const STEP: Duration = Duration::from_millis(10);
/// Maximum number of waiting alerts, and of those on their way there. Further alerts are sent without waiting.
const MOST: usize = 1024;

/// A waiting alert.
struct Pending {
    rules: Arc<SourceRules<SinspSchema>>,
    alert: OwnedAlert,
    container: Vec<u8>,
    owner: u32,
    until: Instant,
}

/// The input of the queue.
#[derive(Clone)]
pub(crate) struct Waiting {
    provider: Provider,
    sender: SyncSender<Pending>,
    /// The longest time that an alert waits.
    most: Duration,
}

/// The queue to the thread that sends waiting alerts.
pub(crate) struct Queue {
    provider: Provider,
    receiver: Receiver<Pending>,
}

/// Creates both ends of a queue in which an alert waits for at most `most`. [`Queue::run`] ends when all [`Waiting`]
/// are dropped, after everything has been sent.
pub(crate) fn queue(provider: Provider, most: Duration) -> (Waiting, Queue) {
    let (sender, receiver) = sync_channel(MOST);
    (Waiting { provider: provider.clone(), sender, most }, Queue { provider, receiver })
}

impl Waiting {
    /// Queues an alert if it has container fields and its container is being looked up. Returns false if the caller has
    /// to send it.
    pub(crate) fn take(
        &self,
        rules: &Arc<SourceRules<SinspSchema>>,
        alert: &Alert<'_>,
        event: &sinsp::Event<'_>,
        note: Option<&Note>,
    ) -> bool {
        let Some(thread) = event.thread() else { return false };
        let id = &thread.container_id;
        if id.is_empty()
            || event.state().container_of(thread).is_some()
            || !self.provider.is_pending(id, thread.container_owner)
        {
            return false;
        }
        if !alert.rule_id().is_some_and(|rule| rules.output_has(rule, is_told_by_engines)) {
            return false;
        }
        let (rules, container, owner) = (Arc::clone(rules), id.to_vec(), thread.container_owner);
        let mut alert = alert.to_owned();
        note.into_iter().for_each(|note| alert.add_note(note.clone()));
        let pending = Pending { rules, alert, container, owner, until: Instant::now() + self.most };
        self.sender.try_send(pending).is_ok()
    }
}

/// Returns whether a container engine provides the value of a field. The id and times are known without one.
fn is_told_by_engines(name: &str) -> bool {
    (name.starts_with("container.") || name.starts_with("k8s."))
        && !matches!(name, "container.id" | "container.start_ts" | "container.duration")
}

impl Queue {
    /// Sends each alert when it is complete or has waited long enough.
    pub(crate) fn run(self, alerts: &Alerts) {
        let mut waiting: Vec<Pending> = Vec::new();
        loop {
            let mut over = false;
            while !over && waiting.len() < MOST {
                let next = if waiting.is_empty() {
                    self.receiver.recv().map_err(|_| TryRecvError::Disconnected)
                } else {
                    self.receiver.try_recv()
                };
                match next {
                    Ok(pending) => waiting.push(pending),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => over = true,
                }
            }
            // In their order, unless an alert still has to wait.
            let now = Instant::now();
            let is_ready = |pending: &mut Pending| over || now >= pending.until || !self.is_pending(pending);
            let ready: Vec<Pending> = waiting.extract_if(.., is_ready).collect();
            ready.into_iter().for_each(|pending| self.send(pending, alerts));
            if over {
                return;
            }
            if !waiting.is_empty() {
                std::thread::sleep(STEP);
            }
        }
    }

    fn is_pending(&self, pending: &Pending) -> bool {
        self.provider.is_pending(&pending.container, pending.owner)
    }

    fn send(&self, mut pending: Pending, alerts: &Alerts) {
        if let Some(info) = self.provider.known(&pending.container, pending.owner) {
            fill(&mut pending.alert, &pending.rules, info);
        }
        alerts.send(&pending.alert.view(&Bump::new()));
    }
}

/// Fills in the container fields: evaluates them in a small state that has this container and nothing else.
fn fill(alert: &mut OwnedAlert, rules: &SourceRules<SinspSchema>, info: ContainerInfo) {
    const PREFIX: &str = "/waiting-";
    let trace = format!(
        "thread tid=1 pid=1 ptid=0 comm=\"x\" cgroups=[\"cpu={PREFIX}{}\"]\n1.0 tid=1 close res=0 fd=1\n",
        info.id
    );
    let Ok(trace) = scap::text::Trace::parse(&trace) else { return };
    let pattern = ContainerPattern::new(PREFIX, "");
    let mut config = sinsp::config::Config::default();
    config.container_patterns = vec![pattern];
    let mut inspector = Inspector::with_config(trace, config);
    // The state has this container only, whatever its owner.
    let mut info = info;
    info.owner = None;
    inspector.insert_container(info);
    if let Ok(Next::Event(from)) = inspector.next() {
        let Ok(_) = rules.refresh(alert, &from, is_told_by_engines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Config;
    use peregrine_sinks::Wait;
    use rule_engine::engine::Config as EngineConfig;
    use rule_engine::load::{Loader, Sources};
    use rule_engine::output::Format;
    use rule_engine::ruleset::RuleId;
    use sinsp::fields::Fields;

    const RULES: &[u8] = b"
- rule: Opened
  desc: d
  condition: evt.type=openat
  output: \"%fd.name by %proc.name in %container.name (%toupper(container.image.repository)) of %k8s.pod.name\"
  priority: WARNING
- rule: Plain
  desc: d
  condition: evt.type=openat
  output: \"%fd.name in %container.id\"
  priority: WARNING
";
    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    fn rules() -> Arc<SourceRules<SinspSchema>> {
        let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new())));
        let loaded = loader.load([("rules", RULES)]);
        loader.into_sources().build(loaded.into_rules(), &EngineConfig::default()).unwrap().source("syscall").unwrap()
    }

    fn info() -> ContainerInfo {
        let mut info = ContainerInfo::default();
        ID[..12].clone_into(&mut info.id);
        "web".clone_into(&mut info.name);
        "example.org/shop".clone_into(&mut info.image_repository);
        info.labels = vec![("io.kubernetes.pod.name".into(), "web-1".into())];
        info
    }

    #[test]
    fn missing_values_are_filled_in_and_others_stay() {
        let rules = rules();
        let trace = format!(
            "thread tid=7 pid=7 ptid=1 comm=\"cat\" cgroups=[\"cpu=/docker/{ID}\"]\n\
             2.0 tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/etc/shadow\" flags=O_RDONLY\n"
        );
        let mut inspector = Inspector::new(scap::text::Trace::parse(&trace).unwrap());
        let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
        let format = Format::new("h").json(true);
        let mut kept = Vec::new();
        rules.runner().process(&event, |alert| {
            let owned = alert.to_owned();
            let mut direct = Vec::new();
            alert.write(&format, &mut direct);
            assert_eq!(owned.render(&format), direct, "an owned alert is written as the alert is");
            kept.push(owned);
        });
        let mut kept = kept.remove(0);
        fill(&mut kept, &rules, info());
        let text = String::from_utf8(kept.render(&format).to_vec()).unwrap();
        assert!(text.contains("/etc/shadow by cat in web (EXAMPLE.ORG/SHOP) of web-1"), "{text}");
        assert!(text.contains(r#""container.image.repository":"example.org/shop""#), "{text}");
        assert!(text.contains(r#""fd.name":"/etc/shadow""#), "{text}");
        // Only alerts with fields from an engine are worth waiting for.
        let told = |id| rules.output_has(RuleId(id), is_told_by_engines);
        assert!(told(0) && !told(1));
    }

    #[test]
    fn alerts_leave_when_the_engine_has_answered_or_the_moment_is_over() {
        use axum::{Router, routing::get};
        use peregrine_containers::{Config as Engines, Containers, Engine, Kind};
        let folder = tempfile::tempdir().unwrap();
        let (socket, out) = (folder.path().join("docker.sock"), folder.path().join("alerts"));
        // An engine that answers on request of the test.
        let told = Arc::new(tokio::sync::Notify::new());
        let wait = Arc::clone(&told);
        let answer = async move || {
            wait.notified().await;
            format!(r#"{{"Id": "{ID}", "Name": "/web", "Config": {{"Image": "example.org/shop:1"}}}}"#)
        };
        let router = Router::new().route("/containers/{id}/json", get(answer));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        let engines = vec![Engine::new(Kind::Docker, socket)];
        let mut settings = Engines::default();
        (settings.engines, settings.timeout) = (engines, Duration::from_secs(60));
        let containers = Containers::start(settings, |_| {}).unwrap();
        let mut config = Config::default();
        config.outputs.file.enabled = true;
        config.outputs.file.filename.clone_from(&out);
        let alerts = Alerts::new(&config, "h", Wait::ForRoom).unwrap();
        let rules = rules();
        let trace = format!(
            "thread tid=7 pid=7 ptid=1 comm=\"cat\" cgroups=[\"cpu=/docker/{ID}\"]\n\
             2.0 tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/etc/shadow\" flags=O_RDONLY\n"
        );
        let trace = scap::text::Trace::parse(&trace).unwrap();
        let mut inspector = Inspector::builder(trace).containers(containers.provider()).build();
        let (waiting, queue) = queue(containers.provider(), Duration::from_secs(60));
        std::thread::scope(|scope| {
            scope.spawn(|| queue.run(&alerts));
            let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
            let mut taken = Vec::new();
            rules.runner().process(&event, |alert| taken.push(waiting.take(&rules, &alert, &event, None)));
            assert_eq!(taken, [true], "the alert waits, the event has not");
            told.notify_one();
            while containers.provider().is_pending(&ID.as_bytes()[..12], 0) {
                std::thread::sleep(STEP);
            }
            // Dropping the queue would send it too.
            while std::fs::read(&out).is_ok_and(|text| text.is_empty()) {
                std::thread::sleep(STEP);
            }
            drop(waiting);
        });
        alerts.close();
        let text = std::fs::read_to_string(out).unwrap();
        assert!(text.contains("by cat in web (EXAMPLE.ORG/SHOP)"), "{text}");
    }
}
