//! The files of `packaging/` fit the programs: paths, options, settings, metrics, privileges.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::{peregrine, root};
use serde_json::Value as Json;

fn packaging(name: &str) -> PathBuf {
    root().join("packaging").join(name)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

#[track_caller]
fn good(output: &Output, what: &str) -> String {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// Returns the documents of a YAML file, as JSON.
fn yaml(path: &Path) -> Vec<Json> {
    let text = read(path);
    text.split("\n---\n").map(|part| serde_saphyr::from_str(part).expect("YAML")).collect()
}

/// Returns the documents of every manifest in `kustomization.yaml`, which must list all manifests.
fn manifests() -> Vec<Json> {
    let folder = packaging("kubernetes");
    let listed = &yaml(&folder.join("kustomization.yaml"))[0]["resources"];
    let listed: BTreeSet<String> =
        listed.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name").to_owned()).collect();
    let files = std::fs::read_dir(&folder).expect("the folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let there: BTreeSet<String> = names.filter(|name| name != "kustomization.yaml").collect();
    assert_eq!(listed, there);
    listed.iter().flat_map(|name| yaml(&folder.join(name))).collect()
}

fn of_kind<'m>(manifests: &'m [Json], kind: &str) -> Vec<&'m Json> {
    manifests.iter().filter(|manifest| manifest["kind"] == kind).collect()
}

/// Checks a configuration with `--dry-run`, with the default rules at their installed path.
#[track_caller]
fn dry_run(text: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let etc = dir.path().join("etc");
    std::fs::create_dir_all(etc.join("rules.d")).expect("a folder");
    for (from, to) in [
        (root().join("detector/daemon/rules/peregrine_rules.yaml"), "peregrine_rules.yaml"),
        (packaging("peregrine_rules.local.yaml"), "peregrine_rules.local.yaml"),
    ] {
        std::fs::copy(from, etc.join(to)).expect("copied");
    }
    let rules = of_kind(&manifests(), "ConfigMap")[1]["data"].clone();
    for (name, text) in rules.as_object().expect("files") {
        std::fs::write(etc.join("rules.d").join(name), text.as_str().expect("text")).expect("written");
    }
    let config = dir.path().join("falco.yaml");
    std::fs::write(&config, text.replace("/etc/peregrine", &etc.display().to_string())).expect("written");
    let ran = peregrine(["-c", &config.display().to_string(), "--dry-run"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let complaint =
        ran.err.lines().find(|line| line.contains("unknown key") || line.to_lowercase().contains("warning"));
    assert_eq!(complaint, None);
}

#[test]
fn the_configuration_is_valid() {
    dry_run(&read(packaging("falco.yaml")));
}

#[test]
fn the_configuration_of_the_cluster_is_valid() {
    let manifests = manifests();
    let maps = of_kind(&manifests, "ConfigMap");
    dry_run(maps[0]["data"]["falco.yaml"].as_str().expect("text"));
}

/// Returns the capabilities in a text, each without `CAP_`.
fn capabilities<'t>(words: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    words.map(|word| word.trim_start_matches("CAP_").to_owned()).collect()
}

#[test]
fn unit_image_and_pods_have_the_same_privileges() {
    let unit = read(packaging("systemd/peregrine.service"));
    let bounds = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("a bounding set");
    let unit = capabilities(bounds.split(' '));
    let image = read(packaging("container/Containerfile"));
    let image = capabilities(image.split("--cap-add ").skip(1).filter_map(|rest| rest.split_whitespace().next()));
    let manifests = manifests();
    let daemon_sets = of_kind(&manifests, "DaemonSet");
    let container = &daemon_sets[0]["spec"]["template"]["spec"]["containers"][0];
    let pods = &container["securityContext"]["capabilities"];
    assert_eq!(pods["drop"], serde_json::json!(["ALL"]));
    let pods = capabilities(pods["add"].as_array().expect("a list").iter().filter_map(Json::as_str));
    assert!(unit.contains("BPF") && unit.len() == 4, "{unit:?}");
    // The unit has Nice= and LimitMEMLOCK=, which need no capabilities.
    let more = ["SYS_NICE", "SYS_RESOURCE"].map(str::to_owned);
    let all: BTreeSet<String> = unit.iter().cloned().chain(more).collect();
    assert_eq!((&image, &pods), (&all, &all));
}

#[test]
fn references_in_manifests_exist() {
    let manifests = manifests();
    let daemon_set = of_kind(&manifests, "DaemonSet")[0];
    let pod = &daemon_set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let names = |list: &Json| -> BTreeSet<String> {
        let list = list.as_array().expect("a list");
        list.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
    let maps: BTreeSet<&str> =
        of_kind(&manifests, "ConfigMap").iter().filter_map(|map| map["metadata"]["name"].as_str()).collect();
    let used =
        pod["volumes"].as_array().expect("a list").iter().filter_map(|volume| volume["configMap"]["name"].as_str());
    assert_eq!(used.collect::<BTreeSet<_>>(), maps);
    let account = of_kind(&manifests, "ServiceAccount")[0];
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
    assert_eq!(of_kind(&manifests, "RoleBinding")[0]["subjects"][0]["name"], account["metadata"]["name"]);
    let namespace = &of_kind(&manifests, "Namespace")[0]["metadata"]["name"];
    for manifest in manifests.iter().filter(|manifest| manifest["kind"] != "Namespace") {
        assert_eq!(&manifest["metadata"]["namespace"], namespace, "{}", manifest["kind"]);
    }
    assert_eq!(daemon_set["spec"]["selector"]["matchLabels"], daemon_set["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(pod["hostPID"], true);

    // The port, the paths and the file are those of the configuration in the pod.
    let config = of_kind(&manifests, "ConfigMap")[0]["data"]["falco.yaml"].as_str().expect("text");
    let config: Json = serde_saphyr::from_str(config).expect("YAML");
    let port = &config["webserver"]["listen_port"];
    assert_eq!(&container["ports"][0]["containerPort"], port);
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["path"], config["webserver"]["k8s_healthz_endpoint"]);
    }
    let annotations = &daemon_set["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], port.to_string());
    let args = container["args"].as_array().expect("a list");
    let mounts = container["volumeMounts"].as_array().expect("a list");
    let config = mounts.iter().find(|mount| mount["name"] == "config").expect("the configuration");
    assert_eq!(args[1], format!("{}/falco.yaml", config["mountPath"].as_str().expect("a path")));
    let image = read(packaging("container/Containerfile"));
    assert!(image.contains(&format!("peregrine:{}", env!("CARGO_PKG_VERSION"))));
    assert_eq!(container["image"], format!("peregrine:{}", env!("CARGO_PKG_VERSION")));
    let host_root = container["env"].as_array().expect("a list").iter().find(|row| row["name"] == "HOST_ROOT");
    assert_eq!(host_root.map(|row| &row["value"]), Some(&Json::from("/host")));
    assert!(image.contains("ENV HOST_ROOT=/host\n"));
}

#[test]
fn the_image_copies_the_installed_files() {
    let image = read(packaging("container/Containerfile"));
    let made = install();
    let copied = image.lines().filter_map(|line| line.strip_prefix("COPY --from=build ")).flat_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        words[..words.len() - 1].to_vec()
    });
    let mut count = 0;
    for path in copied {
        let path = path.strip_prefix("/out/").expect("what was installed");
        assert!(made.path().join(path).exists(), "{path}");
        count += 1;
    }
    assert_eq!(count, 3);
    assert!(image.contains("make install PREFIX=/usr SYSCONFDIR=/etc DESTDIR=/out\n"));
}

/// Runs `make install` with the programs under test, into a separate folder.
fn install() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let programs = Path::new(env!("CARGO_BIN_EXE_peregrine")).parent().expect("a folder");
    let done = Command::new("make")
        .current_dir(root())
        .args(["--silent", "install", "PREFIX=/usr", "SYSCONFDIR=/etc"])
        .arg(format!("BUILT={}", programs.display()))
        .arg(format!("GENERATED={}", dir.path().join("generated").display()))
        .arg(format!("DESTDIR={}", dir.path().display()))
        .output()
        .expect("make");
    good(&done, "make install");
    dir
}

/// Cargo runs make for libraries such as libbpf, which would install themselves to the same place.
#[test]
fn where_to_install_is_not_for_the_libraries_that_cargo_builds() {
    let dir = tempfile::tempdir().expect("a folder");
    let (cargo, seen) = (dir.path().join("cargo"), dir.path().join("seen"));
    std::fs::write(&cargo, format!("#!/bin/sh\nenv > {}\nexit 3\n", seen.display())).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&cargo, mode).expect("a mode");
    for folder in [root(), root().join("bindings-c")] {
        let done = Command::new("make")
            .current_dir(&folder)
            .args(["install", "PREFIX=/nowhere", "SYSCONFDIR=/nowhere", "LIBDIR=/nowhere", "DESTDIR=/nowhere"])
            .arg(format!("CARGO={}", cargo.display()))
            .output()
            .expect("make");
        assert!(!done.status.success(), "{}", folder.display());
        let seen = read(&seen);
        assert!(seen.contains("PATH=") && !seen.contains("/nowhere"), "{}: {seen}", folder.display());
        // Without them, the defaults.
        let done = Command::new("make").current_dir(&folder).args(["-n", "install", "BUILT=x"]).output().expect("make");
        assert!(good(&done, "make -n").contains("/usr/local"), "{}", folder.display());
    }
}

#[test]
fn make_installs_a_whole_service() {
    let made = install();
    let path = |name: &str| made.path().join(name);
    for name in [
        "usr/bin/peregrine",
        "usr/bin/pscap",
        "etc/peregrine/falco.yaml",
        "etc/peregrine/peregrine_rules.yaml",
        "etc/peregrine/peregrine_rules.local.yaml",
        "etc/peregrine/rules.d/README",
        "usr/lib/systemd/system/peregrine.service",
        "usr/share/bash-completion/completions/peregrine",
        "usr/share/zsh/site-functions/_pscap",
        "usr/share/fish/vendor_completions.d/peregrine.fish",
        "usr/share/peregrine/peregrine.json",
    ] {
        assert!(path(name).exists(), "{name}");
    }
    // A page for each program and for each command of pscap.
    let commands = Command::new(env!("CARGO_BIN_EXE_pscap")).arg("--help").output().expect("pscap");
    let commands = good(&commands, "pscap --help");
    let commands = commands.split("Commands:\n").nth(1).expect("commands").lines().take_while(|line| !line.is_empty());
    let mut pages = 0;
    let names = commands.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    for command in names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help") {
        assert!(path(&format!("usr/share/man/man1/pscap-{command}.1.gz")).exists(), "{command}");
        pages += 1;
    }
    assert!(pages >= 7, "{pages}");
    if !testkit::GROFF.is_met() {
        testkit::skip(&testkit::GROFF, testkit::GROFF.missing);
    } else {
        for page in std::fs::read_dir(path("usr/share/man/man1")).expect("pages") {
            let page = page.expect("a page").path();
            let shown = Command::new("sh")
                .args(["-c", "gunzip -c \"$0\" | groff -k -man -Tutf8 -ww -z", &page.display().to_string()])
                .output()
                .expect("groff");
            good(&shown, &page.display().to_string());
            assert_eq!(String::from_utf8_lossy(&shown.stderr), "", "{}", page.display());
        }
    }
    let script = path("usr/share/bash-completion/completions/peregrine");
    let asked = "source \"$0\"; COMP_WORDS=(peregrine --dry); COMP_CWORD=1; _peregrine peregrine --dry peregrine; \
                 echo \"${COMPREPLY[@]}\"";
    let said = Command::new("bash").args(["-c", asked]).arg(script).output().expect("bash");
    assert_eq!(good(&said, "completion").trim(), "--dry-run");
    // Edited files stay; the default rules are replaced.
    std::fs::write(path("etc/peregrine/falco.yaml"), "mine").expect("written");
    let again = Command::new("make")
        .current_dir(root())
        .args(["--silent", "install", "PREFIX=/usr", "SYSCONFDIR=/etc"])
        .arg(format!("BUILT={}", path("usr/bin").display()))
        .arg(format!("GENERATED={}", path("generated").display()))
        .arg(format!("DESTDIR={}", path("second").display()))
        .output()
        .expect("make");
    good(&again, "make install");
    assert_eq!(read(path("etc/peregrine/falco.yaml")), "mine");
}

#[test]
fn the_unit_is_valid_and_restricted() {
    testkit::need!(SYSTEMD);
    let made = install();
    // The program has to exist for the check; here it is in another place.
    let unit = read(made.path().join("usr/lib/systemd/system/peregrine.service"));
    assert!(unit.contains("ExecStart=/usr/bin/peregrine -c /etc/peregrine/falco.yaml\n"));
    let unit = unit.replace("/usr/bin/peregrine", &made.path().join("usr/bin/peregrine").display().to_string());
    let path = made.path().join("peregrine.service");
    std::fs::write(&path, unit).expect("written");
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("it runs");
    good(&verified, "verify");
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
    // Out of 10 (27 is 2.7): the page says why each finding stays.
    let rated = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=27"])
        .arg(&path)
        .output()
        .expect("it runs");
    let rated = good(&rated, "security");
    let page = read(root().join("docs/install.md")).replace("\\|", "|");
    let mut findings = 0;
    for line in rated.lines().filter_map(|line| line.strip_prefix("✗ ")) {
        let name = line.split_whitespace().next().expect("a name");
        assert!(page.contains(&format!("`{name}`")), "docs/install.md does not give a reason for {name}");
        findings += 1;
    }
    assert!(findings > 10, "{rated}");
}

#[test]
fn the_debian_package_has_existing_files() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root().join("examples/Cargo.toml"))
        .output()
        .expect("cargo");
    let metadata: Json = serde_json::from_str(&good(&said, "cargo metadata")).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "peregrine-examples").expect("this package");
    let deb = &package["metadata"]["deb"];
    let made = install();
    let folder = root().join("examples");
    let mut targets = BTreeSet::new();
    for asset in deb["assets"].as_array().expect("assets") {
        let (from, to) = (asset[0].as_str().expect("a path"), asset[1].as_str().expect("a path"));
        let name = from.rsplit('/').next().expect("a name");
        if let Some(program) = from.strip_prefix("target/dist/") {
            assert!(made.path().join("usr/bin").join(program).exists(), "{from}");
        } else if let Some(generated) = from.strip_prefix("../target/package/") {
            let generated = made.path().join("generated").join(generated.rsplit_once('/').expect("a folder").0);
            assert!(std::fs::read_dir(generated).expect("what was generated").count() > 0, "{from}");
        } else {
            assert!(folder.join(from).exists(), "{from}");
        }
        targets.insert(format!("/{to}{name}"));
    }
    let kept: BTreeSet<String> = deb["conf-files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|path| path.as_str().expect("a path").to_owned())
        .collect();
    let etc: BTreeSet<String> = targets.iter().filter(|path| path.starts_with("/etc/")).cloned().collect();
    assert_eq!(kept, etc);
    assert!(
        folder.join(deb["systemd-units"]["unit-scripts"].as_str().expect("a path")).join("peregrine.service").exists()
    );
}

/// Returns the names of metrics in a text, by their common prefix.
fn metrics(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("falcosecurity_") {
        let name = text[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        names.insert(name.to_owned());
    }
    names
}

#[test]
fn the_dashboard_queries_existing_metrics() {
    let dashboard: Json = serde_json::from_str(&read(packaging("grafana/peregrine.json"))).expect("JSON");
    let mut asked = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "two panels of one number");
        let targets = panel["targets"].as_array();
        assert!(panel["type"] == "row" || targets.is_some_and(|targets| !targets.is_empty()), "{}", panel["title"]);
        for target in targets.into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            assert_eq!(query.matches('(').count(), query.matches(')').count(), "{query}");
            asked.extend(metrics(query));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        asked.extend(metrics(variable["query"].as_str().expect("a query")));
    }
    assert!(asked.len() > 15, "{asked:?}");

    let dir = tempfile::tempdir().expect("a folder");
    let port = common::port();
    let rules = root().join("detector/daemon/rules/peregrine_rules.yaml");
    // Rules are counted once they match, and without a driver an audit event makes one match.
    let rule =
        "- rule: r\n  desc: d\n  condition: ka.verb exists\n  output: o\n  priority: notice\n  source: k8s_audit\n";
    let (own, event) = (dir.path().join("own.yaml"), dir.path().join("event.json"));
    std::fs::write(&own, rule).expect("written");
    std::fs::write(&event, r#"{"kind":"Event","auditID":"1","verb":"get"}"#).expect("written");
    let plugin = format!("plugins: [{{name: k8saudit, library_path: x.so, open_params: {}}}]\n", event.display());
    // The settings of the packages, except for that and a separate port.
    let config = read(packaging("falco.yaml"))
        .replace("kind: modern_ebpf", "kind: nodriver")
        .replace("listen_port: 8765", &format!("listen_port: {port}"))
        .replace("  - /etc/peregrine/peregrine_rules.yaml\n", &format!("  - {}\n", rules.display()))
        .replace("  - /etc/peregrine/peregrine_rules.local.yaml\n", &format!("  - {}\n", own.display()))
        .replace("  - /etc/peregrine/rules.d\n", "");
    let path = dir.path().join("falco.yaml");
    std::fs::write(&path, config + &plugin).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["-c", &path.display().to_string(), "-o", "load_plugins[]=k8saudit"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let start = Instant::now();
    let missing = loop {
        let answer = ureq::get(format!("http://127.0.0.1:{port}/metrics")).call();
        let served = answer.and_then(|mut answer| answer.body_mut().read_to_string()).map(|text| metrics(&text));
        let missing: Vec<String> = asked.difference(&served.unwrap_or_default()).cloned().collect();
        if missing.is_empty() || start.elapsed() > Duration::from_secs(30) {
            break missing;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    // It has no other way to end.
    child.kill().expect("killed");
    child.wait().expect("a child");
    assert!(missing.is_empty(), "not served: {missing:?}");
}

#[test]
fn scripts_pass_shellcheck() {
    testkit::need!(SHELLCHECK);
    for script in ["generate", "debian/check"] {
        let checked = Command::new("shellcheck").arg(packaging(script)).output().expect("it runs");
        good(&checked, script);
    }
}
