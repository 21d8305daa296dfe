//! Queries of container engines, and delivery of the results into the state.

use crate::config::settings::Config;
use crate::names::CONTAINER_PLUGIN;
use crate::signals::Signals;
use crate::{Fatal, log};
use peregrine_containers::{Answer, Config as Engines, Containers, Engine, EngineState, Health, Kind, Provider};
use scap::Source;
use serde_json::Value as Json;
use sinsp::Inspector;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Maximum number of results that the event loop has not taken yet. The engines wait then.
const RESULTS: usize = 1024;

/// The active engines, and results that the event loop has not taken yet.
#[derive(Debug)]
pub(crate) struct Lookup {
    containers: Containers,
    answers: Mutex<Receiver<Answer>>,
}

impl Lookup {
    /// Starts to query the engines of the configuration, or those at their default sockets, below `root`.
    ///
    /// # Errors
    ///
    /// If the configuration is invalid, or the thread cannot be started.
    pub(crate) fn start(config: &Config, root: &Path, signals: &Signals) -> Result<Self, Fatal> {
        let (sender, answers) = sync_channel(RESULTS);
        let signals = signals.clone();
        let told = move |answer| {
            // Nobody receives results any more when the program ends.
            let _ = sender.send(answer);
            signals.raise();
        };
        let settings = settings(config, root)?;
        let containers = Containers::start_with(settings, told, |engine| report(&engine))
            .map_err(|error| Fatal(format!("containers: {error}")))?;
        Ok(Self { containers, answers: Mutex::new(answers) })
    }

    /// Returns the metadata provider for an inspector.
    #[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only a live source has containers to look up"))]
    pub(crate) fn provider(&self) -> Provider {
        self.containers.provider()
    }

    /// Returns whether an event is a query of this program to an engine: a connection, made by the thread that queries.
    /// Rules about connections to engines are about everybody else's.
    pub(crate) fn is_own_query(&self, event: &sinsp::Event<'_>) -> bool {
        let raw = event.raw();
        self.containers.tid() == Some(raw.tid()) && raw.code() == scap::EventCode::CONNECT_X
    }

    /// Returns the state of the engines.
    pub(crate) fn engines(&self) -> Vec<EngineState> {
        self.containers.engines()
    }

    /// Puts the results into the state.
    pub(crate) fn take<S: Source>(&self, inspector: &mut Inspector<S>) {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(answer) = answers.try_recv() {
            if let Some(info) = answer.info {
                inspector.insert_container(info);
            }
        }
    }
}

/// Logs that the health of an engine has changed.
fn report(state: &EngineState) {
    let Engine { kind, socket, .. } = &state.engine;
    let engine = format!("container engine {} at {}", kind.name(), socket.display());
    match &state.health {
        Health::Connected => log::info(format!("{engine}: connected")),
        // Most hosts do not have all of them.
        Health::Absent => log::debug(format!("{engine}: not running")),
        Health::Denied => log::warning(format!(
            "{engine}: permission denied, so that its containers have no names and images; a socket in the runtime \
             directory of a user requires the capability CAP_DAC_OVERRIDE"
        )),
        Health::Unresponsive => log::warning(format!("{engine}: no answer in time; it is tried again")),
        Health::Failed(error) => log::warning(format!("{engine}: {error}; it is tried again")),
        _ => {}
    }
}

/// Returns the sockets of the engines that are queried.
pub(crate) fn sockets(config: &Config, root: &Path) -> Vec<PathBuf> {
    settings(config, root)
        .map(|settings| settings.engines.into_iter().map(|engine| engine.socket).collect())
        .unwrap_or_default()
}

/// Parses the settings of Falco's plugin: `label_max_len`, and `enabled` and `sockets` of each engine.
fn settings(config: &Config, root: &Path) -> Result<Engines, Fatal> {
    let fault = |text: String| Fatal(format!("plugin {CONTAINER_PLUGIN}: {text}"));
    let mut usual = Engines::default();
    usual.engines = Engines::default_sockets(root);
    usual.users = Some(root.join("run/user"));
    usual.proc = root.join("proc");
    let plugins = config.selected_plugins();
    let Some(plugin) = plugins.into_iter().find(|plugin| plugin.name == CONTAINER_PLUGIN) else { return Ok(usual) };
    let init: Json = match plugin.init_config.0.trim() {
        "" => return Ok(usual),
        text => serde_json::from_str(text).map_err(|error| fault(format!("init_config: {error}")))?,
    };
    let mut settings = Engines::default();
    settings.proc = root.join("proc");
    if let Some(length) = init.get("label_max_len") {
        let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
        settings.label_length = length.ok_or_else(|| fault("init_config.label_max_len must be a number".into()))?;
    }
    let kinds = [Kind::Docker, Kind::Podman, Kind::Cri, Kind::Containerd];
    for (name, kind) in kinds.map(|kind| (kind.name(), kind)) {
        let engine = init.pointer(&format!("/engines/{name}"));
        let key = |key: &str| engine.and_then(|engine| engine.get(key));
        if key("enabled").is_some_and(|enabled| *enabled == Json::Bool(false)) {
            continue;
        }
        match key("sockets").and_then(Json::as_array).filter(|sockets| !sockets.is_empty()) {
            Some(sockets) => {
                for socket in sockets {
                    let socket = socket
                        .as_str()
                        .ok_or_else(|| fault(format!("init_config.engines.{name}.sockets must be a list of paths")))?;
                    let socket = socket.trim_start_matches("unix://").trim_start_matches('/');
                    settings.engines.push(Engine::new(kind, root.join(socket)));
                }
            }
            None => {
                let usual = Engines::default_sockets(root).into_iter().filter(|engine| engine.kind == kind);
                settings.engines.extend(usual);
                if kind == Kind::Podman {
                    settings.users = Some(root.join("run/user"));
                }
            }
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{InitConfig, Plugin};

    #[test]
    fn engines_are_those_of_the_plugin() {
        let engines = |init: &str| {
            let plugin =
                Plugin { name: CONTAINER_PLUGIN.into(), init_config: InitConfig(init.into()), ..Plugin::default() };
            let config = Config { plugins: vec![plugin], ..Config::default() };
            settings(&config, Path::new("/host")).map(|settings| (settings.engines, settings.label_length))
        };
        let (all, length) = engines("").unwrap();
        assert!(all.len() >= 6 && length == 100);
        assert!(all.iter().all(|engine| engine.socket.starts_with("/host/run")));
        let (some, length) = engines(
            r#"{"label_max_len": 7, "engines": {"docker": {"sockets": ["/a.sock", "unix:///b.sock"]},
                "podman": {"enabled": false}, "cri": {"enabled": true}}}"#,
        )
        .unwrap();
        let docker: Vec<_> = some
            .iter()
            .filter(|engine| engine.kind == Kind::Docker)
            .map(|engine| engine.socket.display().to_string())
            .collect();
        assert_eq!(docker, ["/host/a.sock", "/host/b.sock"]);
        assert!(some.iter().all(|engine| engine.kind != Kind::Podman) && length == 7);
        assert!(
            some.iter().any(|engine| engine.kind == Kind::Cri)
                && some.iter().any(|engine| engine.kind == Kind::Containerd)
        );
        for (init, part) in [
            ("{", "init_config"),
            (r#"{"label_max_len": "x"}"#, "label_max_len"),
            (r#"{"engines": {"cri": {"sockets": [1]}}}"#, "cri"),
        ] {
            assert!(engines(init).unwrap_err().to_string().contains(part), "{init}");
        }
    }
}
