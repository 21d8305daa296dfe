//! Reports: lists, versions, schemas, descriptions; and exit codes.

mod common;

use common::{bundled, peregrine, replay, root};
use serde_json::Value as Json;
use std::path::Path;

fn json(args: &[&str]) -> Json {
    let ran = peregrine(args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", ran.out))
}

fn text(args: &[&str]) -> String {
    let ran = peregrine(args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    ran.out
}

#[test]
fn versions() {
    assert!(text(&["--version"]).contains("Schema version:  4.5.1"));
    let versions = json(&["--version", "-o", "json_output=true"]);
    assert_eq!(versions["engine_version"], "63");
    assert_eq!(versions["engine_version_semver"], "0.63.0");
    assert_eq!(versions["plugin_versions"]["container"], "0.7.1");
}

/// Runs a program whose output nobody reads: the other ends of both pipes are closed before it starts.
fn unread(program: &str, args: &[&str]) -> Option<i32> {
    let [(_, output), (_, errors)] = [std::io::pipe().expect("a pipe"), std::io::pipe().expect("a pipe")];
    let mut command = std::process::Command::new(program);
    command.args(args).stdin(std::process::Stdio::null()).stdout(output).stderr(errors);
    command.status().expect("it runs").code()
}

#[test]
fn readers_that_are_gone_are_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("rules.yaml");
    let rule = "- rule: r\n  desc: d\n  condition: evt.tpe = open and (((\n  output: '%no.field'\n  priority: X\n";
    std::fs::write(&broken, rule.repeat(100)).expect("the rules");
    let broken = broken.to_str().expect("UTF-8");
    let capture = root().join("testdata/captures/procs.scap");
    let capture = capture.to_str().expect("UTF-8");
    let replayed = format!("engine.replay.capture_file={capture}");
    for (args, code) in [
        (&["-V", broken][..], 1),
        (&["-r", broken], 1),
        (&["-V", broken, "-o", "json_output=true"], 1),
        (&["-c", "/no/such/file"], 1),
        (&["--no-such-option"], 1),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["--list"], 0),
        (&["--list-events"], 0),
        (&["-L"], 0),
        (&["-o", "engine.kind=replay", "-o", &replayed], 0),
    ] {
        assert_eq!(unread(env!("CARGO_BIN_EXE_peregrine"), args), Some(code), "peregrine {args:?}");
    }
    for (args, code) in [
        (&["read", capture][..], 0),
        (&["read", "/no/such/file"], 1),
        (&["read", capture, "proc.nose = a"], 1),
        (&["info", capture], 0),
        (&["fields"], 0),
        (&["events"], 0),
        (&["man"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["--no-such-option"], 2),
    ] {
        assert_eq!(unread(env!("CARGO_BIN_EXE_pscap"), args), Some(code), "pscap {args:?}");
    }
}

#[test]
fn fields() {
    let all = text(&["--list"]);
    assert!(all.contains("proc.name") && all.contains("Field Class:"));
    let names = text(&["--list", "-N"]);
    assert!(names.lines().any(|line| line == "fd.name") && names.lines().all(|line| !line.contains(' ')));
    assert_eq!(text(&["--list=syscall", "-N"]), names);
    assert!(text(&["--list", "--format", "markdown"]).contains("`proc.name` | CHARBUF | "));
    assert!(text(&["--list", "--markdown"]).contains("`proc.name` | CHARBUF | "));
    assert!(json(&["--list", "--format", "json"])["fieldclasses"].is_array());
    assert!(text(&["--list", "-v"]).contains("(Type: CHARBUF)"));
    assert!(text(&["--list", "-N", "-o", "static_fields={team: blue}"]).contains("static.team\n"));
    let audit = text(&["--list=k8s_audit", "-N"]);
    assert!(["evt.rawtime", "ka.target.name", "jevt.value"].iter().all(|name| audit.lines().any(|line| line == *name)));
    assert!(!audit.contains("proc.name") && !audit.contains("evt.type\n"));
    assert!(text(&["--list=k8s_audit", "-v"]).contains("(Type: CHARBUF) (LIST) The groups of the requesting user."));
    assert!(text(&["--list=k8s_audit", "--markdown"]).contains("`ka.user.groups` | LIST(CHARBUF) | "));
    let classes = json(&["--list=k8s_audit", "--format", "json"]);
    assert_eq!(classes["fieldclasses"][1]["fields"].as_array().map(Vec::len), Some(100));
    assert_eq!(classes["fieldclasses"][2]["event_sources"], serde_json::json!(["k8s_audit"]));
    assert_eq!(classes["fieldclasses"][2]["fields"][0]["argument"]["required"], true);
    assert_eq!(peregrine(["--list=no_such_source"]).code, 1);
}

#[test]
fn events_and_calls() {
    assert!(text(&["--list-events"]).contains("\n< openat(FD **fd**"));
    assert_eq!(json(&["--list-events", "--format", "json"])["schema_version"], "4.5.1");
    assert!(text(&["-i"]).contains("\n- read\n"));
}

#[test]
fn schemas() {
    assert_eq!(json(&["--config-schema"])["$ref"], "#/definitions/Config");
    assert_eq!(json(&["--rule-schema"])["type"], "array");
}

#[test]
fn rules_are_described() {
    assert!(text(&["-L"]).contains("\nSensitive credential file read                     A file with password hashes"));
    let one = json(&["-l", "Sensitive credential file read", "-o", "json_output=true"]);
    assert_eq!(one["rules"][0]["info"]["priority"], "Critical");
    assert_eq!(one["rules"].as_array().map(Vec::len), Some(1));
    let all = json(&["-L", "-o", "json_output=true"]);
    assert!(all["macros"].as_array().is_some_and(|macros| !macros.is_empty()));
    let ran = peregrine(["-l", "No such rule"]);
    assert!(ran.code == 1 && ran.err.contains("No such rule"), "{}", ran.err);
}

#[test]
fn old_rule_names_are_answered_with_new_ones() {
    let renamed = "rule 'Log erased' was renamed to 'Log file deleted or truncated'";
    for option in ["-l", "--explain-rule"] {
        let ran = peregrine([option, "Log erased"]);
        assert!(ran.code == 1 && ran.err.contains(renamed), "{option}: {}", ran.err);
    }
    let folder = tempfile::tempdir().expect("a directory");
    let changes = folder.path().join("changes.yaml");
    std::fs::write(&changes, "- rule: Log erased\n  condition: and proc.name != x\n  override: {condition: append}\n")
        .expect("written");
    let ran = peregrine(["-V", &changes.display().to_string()]);
    assert!(ran.code == 1 && ran.err.contains(&format!("= help: {renamed}")), "{}", ran.err);
    for (setting, key) in [
        ("rules[].disable.rule=Log erased", "rules[0].disable.rule: 'Log erased' matches no rule; "),
        ("rules[].enable.rule=Log era*", "rules[0].enable.rule: 'Log era*' matches no rule; "),
        (r#"noise_control.rules[]={"rule": "Log erased"}"#, "noise_control.rules[0].rule: 'Log erased' "),
        (
            r#"append_output[]={"match": {"rule": "Log erased"}, "extra_output": "x"}"#,
            "append_output[0].match.rule: 'Log erased' ",
        ),
    ] {
        let ran = peregrine(["--dry-run", "-o", "engine.kind=nodriver", "-o", setting]);
        assert_eq!(ran.code, 0, "{setting}: {}", ran.err);
        assert!(ran.err.contains(key) && ran.err.contains(renamed), "{setting}: {}", ran.err);
    }
    let ran = peregrine(["--dry-run", "-o", "engine.kind=nodriver", "-o", "rules[].disable.rule=Log file*"]);
    assert!(!ran.err.contains("renamed"), "{}", ran.err);
}

#[test]
fn support_and_the_rest() {
    let support = json(&["--support", "-o", "json_output=true"]);
    assert!(support["rules_files"][0]["variants"][0]["content"].as_str().is_some_and(|text| text.contains("- rule:")));
    assert!(support["system_info"]["release"].is_string() && support["cmdline"].is_string());
    assert!(text(&["--page-size"]).contains("bytes"));
    assert!(text(&["--list-plugins"]).contains("Name: container"));
    assert!(text(&["--plugin-info", "container"]).contains("Version: 0.7.1"));
    assert_eq!(peregrine(["--plugin-info", "other"]).code, 1);
    assert!(text(&["--help"]).contains("--list-events"));
}

#[test]
fn a_dry_run_checks_and_does_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let pid = folder.path().join("pid");
    let mut args = vec!["--dry-run".to_owned(), "-P".to_owned(), pid.display().to_string()];
    args.extend(replay(&bundled()));
    let ran = peregrine(&args);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    assert!(!pid.exists());
    args.remove(0);
    assert_eq!(peregrine(&args).code, 0);
    assert!(std::fs::read_to_string(&pid).expect("the pid file").parse::<u32>().is_ok());
}

/// A dry run finds what would stop a start, and says what it found whatever the log is set to.
#[test]
fn a_dry_run_fails_where_the_start_fails() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("falco.yaml");
    let run = |text: &str| {
        let engine = if text.contains("engine:") { "" } else { "engine: {kind: nodriver}\n" };
        let quiet = "log_stderr: false\nlog_syslog: false\n";
        std::fs::write(&path, format!("{quiet}{engine}{text}")).expect("written");
        let rules = root().join("detector/daemon/rules/peregrine_rules.yaml");
        let (config, rules) = (path.display().to_string(), rules.display().to_string());
        let args = ["-c", &config, "-r", &rules, "-M", "1"];
        (peregrine(args.into_iter().chain(["--dry-run"])), peregrine(args))
    };
    for (text, error) in [
        ("stdout_output: {enabled: false}\n", "Error: no output is enabled"),
        ("http_output: {enabled: true, url: 'https://h/', ca_cert: /no/such}\n", "cannot read /no/such"),
        (
            "stdout_output: {enabled: true}\nwebserver: {enabled: true, ssl_enabled: true, ssl_certificate: /no/pem}\n",
            "webserver: /no/pem",
        ),
        (
            "stdout_output: {enabled: true}\nengine: {kind: replay, replay: {capture_file: /no/such.scap}}\n",
            "cannot replay /no/such.scap",
        ),
    ] {
        let (dry, real) = run(text);
        assert!(dry.code == 1 && dry.err.contains(error), "{text}: {}", dry.err);
        let last = |err: &str| err.lines().last().map(str::to_owned);
        assert_eq!((real.code, last(&real.err)), (1, last(&dry.err)), "{text}");
    }
    let (dry, _) = run("stdout_output: {enabled: true}\n");
    assert!(dry.code == 0 && dry.err.contains("configuration and ") && dry.err.contains("are valid"), "{}", dry.err);
    // An unknown setting is not a reason to fail, but the configuration is not called valid.
    let (dry, real) = run("stdout_output: {enabled: true}\nmodern_bpf: {}\nstdout_outptu: {}\n");
    assert!(dry.code == 0 && dry.err.contains("the configuration has 2 problems"), "{}", dry.err);
    for err in [dry.err, real.err] {
        assert!(err.contains("modern_bpf: moved to engine.modern_ebpf"), "{err}");
        assert!(err.contains("stdout_outptu: unknown setting; did you mean 'stdout_output'?"), "{err}");
    }
}

/// An option of the command line is never ignored; without it the program might watch this host instead of a capture.
#[test]
fn a_misspelt_option_is_an_error() {
    for (option, error) in [
        ("engine.knd=replay", "-o engine.knd: engine.knd: unknown setting; did you mean 'kind'?"),
        ("engin.kind=replay", "unknown setting; did you mean 'engine'?"),
        ("modern_bpf.x=1", "moved to engine.modern_ebpf"),
        ("json_output=maybe", "json_output: expected true or false, found 'maybe'"),
        ("http_output={urll: x}", "did you mean 'url'?"),
        ("engine={kind: nodriver, kind: replay}", "is set twice"),
    ] {
        let ran = peregrine(["-o", "engine.kind=nodriver", "-M", "1", "-o", option]);
        assert!(ran.code == 1 && ran.err.contains(error) && !ran.err.contains("using the"), "{option}: {}", ran.err);
    }
    let ran = peregrine(["-o", "engine.kind=nodriver", "-M", "1", "-o", "rules_file=/no/such.yaml"]);
    assert!(ran.err.contains("is deprecated; use rules_files"), "{}", ran.err);
}

/// Rules for a built-in source say what to load.
#[test]
fn rules_of_a_source_that_is_not_loaded_have_help() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("rules.yaml");
    let rule = "- rule: A\n  desc: d\n  condition: ka.verb = get\n  output: x\n  priority: INFO\n  source: k8s_audit\n";
    let required = "- required_plugin_versions: [{name: k8saudit, version: 0.7.0}]\n";
    let option = "plugins[]={name: k8saudit}";
    for (text, code) in [(rule.to_owned(), 0), (format!("{required}{rule}"), 1)] {
        std::fs::write(&path, text).expect("written");
        let ran = peregrine(["-V", &path.display().to_string()]);
        assert!(
            ran.code == code
                && ran.err.contains(&format!("built in; load it with plugins in the configuration, or -o '{option}'")),
            "{}",
            ran.err
        );
        let ran = peregrine(["-V", &path.display().to_string(), "-o", option]);
        assert!(ran.code == 0 && !ran.err.contains("built in"), "{}", ran.err);
    }
}

/// Errors of rules have their own heading.
#[test]
fn an_error_has_one_heading() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("rules.yaml");
    std::fs::write(&path, "- rule: [\n").expect("written");
    let path = path.display().to_string();
    for args in [["-V", &path], ["-r", &path]] {
        let ran = peregrine(args.into_iter().chain(["-o", "engine.kind=nodriver"]));
        assert!(ran.code == 1 && ran.err.contains("error[") && !ran.err.contains("Error: "), "{}", ran.err);
    }
}

#[test]
fn sources_are_checked() {
    for args in [["--enable-source", "other"], ["--disable-source", "other"], ["--disable-source", "syscall"]] {
        let ran = peregrine(args.into_iter().chain(["-o", "engine.kind=nodriver"]));
        assert!(ran.code == 1 && ran.err.contains("source"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_directory_of_rules_is_read_in_order() {
    let folder = tempfile::tempdir().expect("a directory");
    let rule = |name: &str| {
        format!("- rule: {name}\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n")
    };
    std::fs::write(folder.path().join("20.yml"), rule("Second")).expect("written");
    std::fs::write(folder.path().join("10.yaml"), rule("First")).expect("written");
    std::fs::write(folder.path().join("README"), "no rules here: [").expect("written");
    let described = json(&["-L", "-r", &folder.path().display().to_string(), "-o", "json_output=true"]);
    let names: Vec<_> =
        described["rules"].as_array().expect("rules").iter().map(|rule| &rule["info"]["name"]).collect();
    assert_eq!(names, ["First", "Second"]);
}

#[test]
fn a_reader_that_closes_early_is_not_an_error() {
    let program = env!("CARGO_BIN_EXE_peregrine");
    let shell = format!("{program} --list-events | head -n 1; echo ${{PIPESTATUS[0]}}");
    let output = std::process::Command::new("bash").args(["-c", &shell]).output().expect("bash");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("\n0\n"), "{text}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
fn rules_are_tested() {
    let folder = root().join("testdata/rule-tests");
    let good = peregrine([Path::new("--test"), &folder.join("every-key.yaml"), Path::new("-v")]);
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{}", good.out);
    assert!(good.out.contains("ok  ") && good.out.ends_with(" passed, 0 failed\n"), "{}", good.out);

    let differ = folder.join("broken/alerts-differ.yaml");
    let bad = peregrine([Path::new("--test"), &differ]);
    assert_eq!(bad.code, 1);
    assert!(bad.out.contains(":16: none came\n      no alert of `A` (expected in line 19)\n"), "{}", bad.out);
    assert!(bad.err.contains("4 rule tests failed"), "{}", bad.err);

    let broken = folder.join("broken");
    let [test, option, json] = ["--test", "-o", "json_output=true"].map(Path::new);
    let ran = peregrine([test, &broken, test, &differ, option, json]);
    let report: Json = serde_json::from_str(&ran.out).expect(&ran.out);
    assert_eq!((ran.code, &report["passed"]), (1, &Json::from(0)));
    let tests = report["tests"].as_array().expect("tests");
    let fault = tests.iter().find(|test| test["file"].as_str().is_some_and(|file| file.ends_with("rule-unknown.yaml")));
    assert_eq!(fault.expect("the file")["error"], "there is no rule `Pasword hashes`");
}

#[test]
fn a_rule_is_explained() {
    let shown = text(&["--explain-rule", "Sensitive credential file read"]);
    for part in [
        "\ncondition, with its macros",
        "fd.name in (/etc/shadow, ",
        "\nevent types\n  asyncevent, open, openat, openat2\n",
        "for each event:",
        "atom    ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = json(&["--explain-rule", "Sensitive credential file read", "-o", "json_output=true"]);
    assert_eq!((&shown["enabled"], &shown["priority"]), (&Json::from(true), &Json::from("Critical")));
    assert!(shown["plans"][0]["code"].as_str().is_some_and(|code| code.contains("return")), "{shown}");

    let ran = peregrine(["--explain-rule", "Sensitive credental file read"]);
    assert!(ran.code == 1 && ran.err.contains("did you mean `Sensitive credential file read`?"), "{}", ran.err);
}

#[test]
fn the_plan_of_the_rules_is_shown() {
    let shown = text(&["--plan"]);
    assert!(shown.lines().any(|line| line.starts_with("close ") && line.contains(" failed ")), "{shown}");
    let shown = json(&["--plan", "-o", "json_output=true"]);
    let close = |row: &&Json| row["event_type"] == "close";
    let types = shown["types"].as_array().expect("types");
    assert_eq!(types.iter().find(close).expect("close")["left_out"], "failed");
}

#[test]
fn an_event_is_explained() {
    let with = |more: &[&str]| replay(&bundled()).into_iter().chain(more.iter().map(|arg| (*arg).to_owned())).collect();
    let all: Vec<String> = with(&["-o", "json_output=true", "-o", "append_output[]={\"extra_fields\": [\"evt.num\"]}"]);
    let ran = peregrine(&all);
    let alerts = common::alerts(&ran.out);
    let alert = alerts.iter().find(|alert| alert["rule"] == "Sensitive credential file read").expect(&ran.err);
    let number = alert["output_fields"]["evt.num"].to_string();

    let all: Vec<String> = with(&["--explain-event", &number, "-o", "json_output=true"]);
    let ran = peregrine(&all);
    let shown: Json = serde_json::from_str(&ran.out).expect(&ran.err);
    let rules = shown["rules"].as_array().expect("rules");
    let matching: Vec<_> = rules.iter().filter(|rule| rule["matches"] == true).map(|rule| &rule["rule"]).collect();
    assert_eq!(matching, ["Sensitive credential file read"]);
    assert!(rules.iter().all(|rule| rule["matches"] == false || rule["why"]["holds"] == true));

    let all: Vec<String> =
        with(&["--explain-event", &number, "--explain-rule", "Search for private keys or passwords"]);
    let ran = peregrine(&all);
    assert!(ran.out.contains("\nrule 'Search for private keys or passwords' has other event types: "), "{}", ran.out);
    assert!(ran.out.contains("false      evt.type in (execve, execveat)   [is open"), "{}", ran.out);
    let all: Vec<String> = with(&["--explain-event", "99999999"]);
    assert!(peregrine(&all).err.contains("event 99999999 not found"));
    assert!(peregrine(["--explain-event", "1"]).err.contains("engine.kind=replay"));
}

#[test]
fn costs_are_counted() {
    let mut args = replay(&bundled());
    args.push("--profile".to_owned());
    let ran = peregrine(&args);
    assert!(ran.out.contains(" events of types that rules evaluate\n") && ran.out.contains("  atoms\n"), "{}", ran.out);

    let folder = tempfile::tempdir().expect("a place");
    let path = folder.path().join("profile.json");
    args.pop();
    args.push(format!("--profile={}", path.display()));
    assert_eq!(peregrine(&args).code, 0);
    let profile: Json = serde_json::from_slice(&std::fs::read(&path).expect("a profile")).expect("JSON");
    let rules = profile["rules"].as_array().expect("rules");
    let hashes = rules.iter().find(|rule| rule["rule"] == "Sensitive credential file read").expect("the rule");
    let alerts =
        common::alerts(&peregrine(replay(&bundled()).iter().map(String::as_str).chain(["-o", "json_output=true"])).out);
    let count = alerts.iter().filter(|alert| alert["rule"] == "Sensitive credential file read").count();
    assert_eq!(hashes["matched"].as_u64(), Some(count as u64));
    let matchers = profile["matchers"].as_array().expect("matchers");
    assert!(matchers.iter().any(|matcher| matcher["searches"].as_u64() > Some(0) && matcher["atoms"].is_array()));
}
