//! Correlations in rule files: their syntax, the errors in them, and their alerts.

mod changes;

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::{AlertKind, Config, Runner};
use peregrine_rule_engine::event::record::{Record, RecordSchema};
use peregrine_rule_engine::event::{Kind, Value};
use peregrine_rule_engine::load::{Loaded, Loader, Sources};
use peregrine_rule_engine::output::{Format, Priority};
use peregrine_rule_engine::ruleset::{self, Matching, Selection, Selector};

const SECOND: u64 = 1_000_000_000;

fn schema(source: &str) -> RecordSchema {
    RecordSchema::new(source, ["login", "exec", "open", "exit"])
        .field("user.name", Kind::CharBuf)
        .field("proc.pid", Kind::Int64)
        .field("proc.name", Kind::CharBuf)
        .field("fd.port", Kind::Port)
        .field_with("proc.args", Kind::CharBuf, |info| info.list = true)
        .field("net.ip", Kind::IpAddr)
}

/// The rules that the correlations below name.
const RULES: &str = "
- list: shells
  items: [bash, zsh]
- macro: shell
  condition: proc.name in (shells)
- rule: Failed login
  desc: d
  condition: evt.type = login and proc.name = failed
  output: failed (user=%user.name)
  priority: notice
  source: host
  building_block: true
- rule: Login
  desc: d
  condition: evt.type = login and proc.name = good
  output: login (user=%user.name port=%fd.port)
  priority: info
  source: host
- rule: Any shell
  desc: d
  condition: evt.type = exec and shell
  output: shell (name=%proc.name)
  priority: debug
  source: host
";

fn load(text: &str) -> (Loader, Loaded) {
    let sources = Sources::new().with(schema("host")).with(schema("other"));
    let mut loader = Loader::new(sources);
    let text = format!("{RULES}{text}");
    let loaded = loader.load([("rules.yaml", text.as_bytes())]);
    (loader, loaded)
}

fn runner_with(text: &str, config: &Config) -> Runner<RecordSchema> {
    let (loader, loaded) = load(text);
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    let rules = loader.into_sources().build(loaded.into_rules(), config).expect("rules");
    rules.source::<RecordSchema>("host").expect("the source").runner()
}

fn runner(text: &str) -> Runner<RecordSchema> {
    let evaluation = ruleset::Config::default().matching(Matching::All);
    runner_with(text, &Config::default().evaluation(evaluation))
}

/// Feeds an event of a type at a second, with fields.
fn feed(
    runner: &mut Runner<RecordSchema>,
    (number, second): (u64, f64),
    event_type: &str,
    fields: &[(&str, Value<'_>)],
) -> Vec<String> {
    let rules = std::sync::Arc::clone(runner.rules());
    let mut event: Record<'_> = rules.schema().record(event_type).at(number, (second * 1e9) as u64);
    for (name, value) in fields {
        event = event.with(name, *value);
    }
    let mut alerts = Vec::new();
    runner.process_record(&event, &mut alerts);
    alerts
}

trait ProcessRecord {
    fn process_record(&mut self, event: &Record<'_>, alerts: &mut Vec<String>);
}

impl ProcessRecord for Runner<RecordSchema> {
    fn process_record(&mut self, event: &Record<'_>, alerts: &mut Vec<String>) {
        self.try_process(event, |alert| {
            let kind = if alert.kind() == AlertKind::Correlation { "correlation" } else { "rule" };
            alerts.push(format!("{kind} {}: {}", alert.rule(), String::from_utf8_lossy(alert.message())));
        })
        .expect("an event of this schema");
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Bytes(text.as_bytes())
}

const BURST: &str = "
- correlation: Guessed password
  desc: d
  type: temporal_ordered
  rules:
    - correlation burst
    - rule: Login
      as: login
  group-by: [user.name]
  timespan: 30s
  output: >
    %correlation.name: guessed (user=%login.user.name port=%login.fd.port keys=%correlation.user.name
    steps=%correlation.count span=%correlation.span tries=%step1.count)
  priority: CRITICAL
  source: host
  tags: [b, a]
- correlation: correlation burst
  desc: d
  type: event_count
  rules: [Failed login]
  group-by: user.name
  timespan: 10s
  condition: {gte: 3}
  output: burst (user=%user.name first=%first.user.name n=%correlation.count)
  priority: WARNING
  source: host
";

/// Correlations are resolved with the last file: macros of an earlier file that only their steps name are in use.
#[test]
fn a_macro_that_only_a_step_names_is_in_use() {
    let first = "
- macro: opened
  condition: evt.type = open
- macro: idle
  condition: evt.type = exit
- correlation: Open then exit
  desc: d
  type: temporal_ordered
  source: host
  group-by: [proc.pid]
  timespan: 10s
  rules:
    - {as: open, condition: opened and proc.pid > 0}
    - {as: exit, condition: evt.type = exit}
  output: done
  priority: notice
";
    let mut loader = Loader::new(Sources::new().with(schema("host")));
    let loaded = loader.load([("first.yaml", first.as_bytes()), ("last.yaml", RULES.as_bytes())]);
    let shown = loaded.render(Style::default());
    assert!(loaded.is_successful(), "{shown}");
    assert!(shown.contains("in macro 'idle'") && !shown.contains("in macro 'opened'"), "{shown}");
}

#[test]
fn a_chain_over_a_building_block() {
    let mut runner = runner(BURST);
    let mut all = Vec::new();
    for second in 0..3 {
        let fields = [("user.name", text("eve")), ("proc.name", text("failed"))];
        all.extend(feed(&mut runner, (second, second as f64), "login", &fields));
        let fields = [("user.name", text("bob")), ("proc.name", text("failed"))];
        all.extend(feed(&mut runner, (second + 10, second as f64), "login", &fields[..usize::from(second < 2) * 2]));
    }
    // The building block raises no alert; the inner correlation does.
    assert_eq!(all, ["correlation correlation burst: burst (user=eve first=eve n=3)"]);
    let fields = [("user.name", text("bob")), ("proc.name", text("good")), ("fd.port", Value::U64(22))];
    assert_eq!(feed(&mut runner, (20, 4.0), "login", &fields), ["rule Login: login (user=bob port=22)"]);
    let fields = [("user.name", text("eve")), ("proc.name", text("good")), ("fd.port", Value::U64(22))];
    assert_eq!(
        feed(&mut runner, (21, 5.0), "login", &fields),
        [
            "rule Login: login (user=eve port=22)",
            "correlation Guessed password: Guessed password: guessed (user=eve port=22 keys=eve steps=2 span=30s tries=3)",
        ]
    );
}

const SEQUENCE: &str = "
- correlation: Shell reads
  desc: d
  type: temporal_ordered
  rules:
    - as: shell
      condition: evt.type = exec and shell
    - as: read
      condition: evt.type = open
  until: evt.type = exit
  group-by: [proc.pid]
  timespan: 1m
  output: \"%shell.proc.name (pid=%shell.proc.pid) read for %read.user.name, last %user.name at %correlation.last\"
  priority: ERROR
  source: host
";

#[test]
fn inline_steps_use_macros_and_raise_no_alerts_of_their_own() {
    let mut runner = runner(SEQUENCE);
    let pid = |pid: i64| ("proc.pid", Value::I64(pid));
    let none: [&str; 0] = [];
    assert_eq!(feed(&mut runner, (1, 1.0), "exec", &[pid(7), ("proc.name", text("cat"))]), none);
    assert_eq!(
        feed(&mut runner, (2, 2.0), "exec", &[pid(7), ("proc.name", text("bash"))]),
        ["rule Any shell: shell (name=bash)"]
    );
    assert_eq!(feed(&mut runner, (3, 3.0), "open", &[pid(8), ("user.name", text("eve"))]), none);
    assert_eq!(
        feed(&mut runner, (4, 4.0), "open", &[pid(7), ("user.name", text("eve"))]),
        ["correlation Shell reads: bash (pid=7) read for eve, last eve at 1970-01-01T00:00:04.000000000Z"]
    );
    // `until` ends it.
    feed(&mut runner, (5, 5.0), "exec", &[pid(7), ("proc.name", text("zsh"))]);
    feed(&mut runner, (6, 6.0), "exit", &[pid(7)]);
    assert_eq!(feed(&mut runner, (7, 7.0), "open", &[pid(7), ("user.name", text("eve"))]), none);
}

#[test]
fn with_the_first_match_only_members_are_evaluated_still() {
    // Both rules match the event; the one that comes second is the member.
    let rules = "
- rule: Before
  desc: d
  condition: evt.type = open
  output: before
  priority: debug
  source: host
- rule: Second
  desc: d
  condition: evt.type = open and proc.pid = 1
  output: second
  priority: debug
  source: host
- correlation: Two
  desc: d
  type: event_count
  rules: [Second]
  timespan: 10s
  condition: {gte: 2}
  output: two
  priority: debug
  source: host
";
    let mut runner = runner_with(rules, &Config::default());
    let open = |runner: &mut Runner<RecordSchema>, at: u64| {
        feed(runner, (at, at as f64), "open", &[("proc.pid", Value::I64(1))])
    };
    assert_eq!(open(&mut runner, 1), ["rule Before: before"]);
    assert_eq!(open(&mut runner, 2), ["rule Before: before", "correlation Two: two"]);
}

#[test]
fn the_json_of_an_alert_has_its_steps() {
    let rules = BURST.replace("[Failed login]", "[Failed login]\n  exceptions: []");
    let mut runner = runner(&rules);
    let schema = std::sync::Arc::clone(runner.rules());
    let mut found = Vec::new();
    for (number, second) in [(5, 0), (6, 1), (7, 2)] {
        let event = schema.schema().record("login").at(number, second * SECOND);
        let event = event.with("user.name", text("eve")).with("proc.name", text("failed"));
        let take = |alert: peregrine_rule_engine::engine::Alert<'_>| {
            let (mut now, format) = (Vec::new(), Format::new("h").json(true));
            alert.write(&format, &mut now);
            // The kept values say the same.
            assert_eq!(alert.to_owned().render(&format)[..], now[..]);
            assert_eq!((alert.event_number(), alert.time()), (7, 2 * SECOND));
            assert_eq!((alert.priority(), alert.source()), (Priority::Warning, "host"));
            assert_eq!(alert.to_owned().kind(), AlertKind::Correlation);
            assert_eq!(alert.to_owned().source(), "host");
            found.push(String::from_utf8(now).expect("UTF-8"));
        };
        runner.try_process(&event, take).expect("an event of this schema");
    }
    let step = |number: u64, second: u64| {
        format!(
            "{{\"evt.num\":{number},\"output_fields\":{{\"user.name\":\"eve\"}},\"rule\":\"Failed login\",\
             \"step\":\"step1\",\"time\":\"1970-01-01T00:00:0{second}.000000000Z\"}}"
        )
    };
    let expected = format!(
        "{{\"hostname\":\"h\",\"output\":\"00:00:02.000000000: Warning burst (user=eve first=eve n=3)\",\
         \"output_fields\":{{\"correlation.count\":3,\"evt.time\":2000000000,\"first.user.name\":\"eve\",\
         \"user.name\":\"eve\"}},\"priority\":\"Warning\",\"rule\":\"correlation burst\",\"source\":\"host\",\
         \"steps\":[{},{},{}],\"tags\":[],\"time\":\"1970-01-01T00:00:02.000000000Z\"}}",
        step(5, 0),
        step(6, 1),
        step(7, 2)
    );
    assert_eq!(found, [expected]);
}

#[test]
fn correlations_across_two_sources() {
    let rules = "
- correlation: Both
  desc: d
  type: temporal_ordered
  rules:
    - as: here
      condition: evt.type = open
      source: host
    - as: there
      condition: evt.type = login
      source: other
  group-by: [who]
  aliases: {who: {here: user.name, there: proc.name}}
  timespan: 10s
  output: both (%here.user.name %there.proc.name %correlation.who)
  priority: debug
  source: other
";
    let (loader, loaded) = load(rules);
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
    let mut host = rules.source::<RecordSchema>("host").expect("a source").runner();
    let mut other = rules.source::<RecordSchema>("other").expect("a source").runner();
    let open = |host: &mut Runner<RecordSchema>| feed(host, (1, 1.0), "open", &[("user.name", text("eve"))]);
    let login = |other: &mut Runner<RecordSchema>| feed(other, (1, 2.0), "login", &[("proc.name", text("eve"))]);
    open(&mut host);
    assert!(login(&mut other).is_empty(), "each runner has its own partial matches");
    assert!(other.join(&host));
    assert_eq!(login(&mut other), ["correlation Both: both (eve eve eve)"]);
}

#[test]
fn a_reload_keeps_unchanged_parts() {
    let mut before = runner(SEQUENCE);
    let pid = ("proc.pid", Value::I64(7));
    feed(&mut before, (1, 1.0), "exec", &[pid, ("proc.name", text("bash"))]);
    // Another name of the rule before it, another output, and one more correlation: the sequence is the same.
    let changed = SEQUENCE.replace("read for", "reads for") + BURST;
    for (rules, expected) in [(changed, 1), (SEQUENCE.replace("1m", "2m"), 0)] {
        let mut after = runner(&rules);
        after.adopt(&before);
        let found = feed(&mut after, (2, 2.0), "open", &[pid, ("user.name", text("eve"))]);
        assert_eq!(found.len(), expected, "{found:?}");
    }
}

/// Names of steps, and how often each was evaluated.
fn evaluated(runner: &Runner<RecordSchema>) -> Vec<(String, u64)> {
    let profile = runner.profiled().expect("a profile");
    let steps =
        profile.rules.iter().filter_map(|row| Some((row.rule.split_once('\u{1}')?.1.to_owned(), row.evaluated)));
    steps.collect()
}

#[test]
fn a_step_is_evaluated_only_while_a_partial_match_waits_for_it() {
    // Conditions that are left to be evaluated for each event: nothing else rules them out.
    let rules = SEQUENCE.replace("evt.type = open\n", "evt.type = open and user.name != proc.name\n");
    let rules = rules.replace("until: evt.type = exit", "until: evt.type = exit and user.name != proc.name");
    let mut runner = runner(&rules);
    runner.profile();
    let pid = |pid: i64| ("proc.pid", Value::I64(pid));
    let user = ("user.name", text("eve"));
    let (bash, cat) = (("proc.name", text("bash")), ("proc.name", text("cat")));
    for number in 0..5 {
        feed(&mut runner, (number, 1.0), "open", &[pid(7), user, cat]);
        feed(&mut runner, (number, 1.0), "exit", &[pid(7), user, cat]);
    }
    let of = |runner: &Runner<RecordSchema>, step: &str| {
        evaluated(runner).into_iter().find(|(name, _)| name == step).map(|(_, count)| count)
    };
    assert_eq!([of(&runner, "read"), of(&runner, "step3")], [Some(0), Some(0)], "{:?}", evaluated(&runner));
    // A process begins, and another ends: both steps are evaluated, and one matches.
    feed(&mut runner, (10, 2.0), "exec", &[pid(7), bash]);
    feed(&mut runner, (11, 2.0), "exit", &[pid(8), user, cat]);
    assert_eq!(feed(&mut runner, (12, 2.0), "open", &[pid(7), user, cat]).len(), 1);
    assert_eq!([of(&runner, "read"), of(&runner, "step3")], [Some(1), Some(1)]);
    // Nothing waits after the match.
    feed(&mut runner, (13, 3.0), "open", &[pid(7), user, cat]);
    assert_eq!(of(&runner, "read"), Some(1));
    // What has expired is not waited for, though no event of a first step shows it.
    feed(&mut runner, (14, 4.0), "exec", &[pid(7), bash]);
    feed(&mut runner, (14, 40.0), "login", &[pid(7), user, cat]);
    feed(&mut runner, (15, 70.0), "open", &[pid(7), user, cat]);
    let before = of(&runner, "read");
    feed(&mut runner, (16, 70.5), "open", &[pid(7), user, cat]);
    assert_eq!(of(&runner, "read"), before);
}

/// With the index, steps are evaluated on demand; without it, always.
#[test]
fn alerts_are_the_same_whether_steps_are_evaluated_on_demand_or_always() {
    let mut rules = SEQUENCE.to_owned() + BURST;
    // More rules than fit in a word of the index, some with a prefilter.
    for number in 0..40 {
        let (kind, name) = (["open", "exec", "login", "exit"][number % 4], number % 3);
        rules += &format!(
            "- correlation: more {number}\n  desc: d\n  type: temporal_ordered\n  rules:\n    \
             - {{as: a, condition: evt.type = {kind} and proc.name = n{name}}}\n    \
             - {{as: b, condition: evt.type = open and user.name startswith u{name}, missing: {}}}\n    \
             - {{as: c, condition: '(evt.type = open or evt.type = exit) and proc.name != user.name'}}\n  \
             until: evt.type = login and user.name = u9\n  group-by: [proc.pid]\n  timespan: {}s\n  \
             output: more %a.proc.name %c.evt.num\n  priority: debug\n  source: host\n",
            number % 5 == 0,
            1 + number % 7,
        );
    }
    let with = |index: bool| {
        let evaluation = ruleset::Config::default().matching(Matching::All).index(index);
        runner_with(&rules, &Config::default().evaluation(evaluation))
    };
    let (mut on_demand, mut always) = (with(true), with(false));
    let mut seed = 7u64;
    let mut random = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let (names, users) = (["n0", "n1", "n2", "bash", "failed", "good"], ["u0", "u1", "u2", "u9", "n1", "eve"]);
    let (mut second, mut alerts) = (1.0, 0);
    for number in 0..6_000 {
        // Some events are a little late, and sometimes nothing happens for long.
        second += if random(200) == 0 { 9.0 } else { random(100) as f64 / 200.0 };
        let at = second - if random(10) == 0 { 0.4 } else { 0.0 };
        let kind = ["open", "exec", "login", "exit"][random(4) as usize];
        let fields = [
            ("proc.pid", Value::I64(random(4) as i64)),
            ("proc.name", text(names[random(6) as usize])),
            ("user.name", text(users[random(6) as usize])),
        ];
        let found = feed(&mut on_demand, (number, at), kind, &fields);
        assert_eq!(found, feed(&mut always, (number, at), kind, &fields), "event {number}");
        alerts += found.iter().filter(|alert| alert.starts_with("correlation")).count();
    }
    assert!(alerts > 500, "{alerts}");
    let counters = |runner: &Runner<RecordSchema>| runner.correlation_stats().0;
    assert_eq!(counters(&on_demand), counters(&always));
}

#[test]
fn selections_and_priorities_switch_correlations() {
    let tried = |selections: Vec<Selection>, priority: Priority| {
        let evaluation = ruleset::Config::default().matching(Matching::All);
        let mut runner =
            runner_with(BURST, &Config::default().evaluation(evaluation).selections(selections).priority(priority));
        let mut all = Vec::new();
        for second in 0..3 {
            let fields = [("user.name", text("eve")), ("proc.name", text("failed"))];
            all.extend(feed(&mut runner, (second, second as f64), "login", &fields));
        }
        let fields = [("user.name", text("eve")), ("proc.name", text("good"))];
        all.extend(feed(&mut runner, (9, 4.0), "login", &fields));
        all.iter().map(|alert| alert.split(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let (burst, outer, login) = ("correlation correlation burst", "correlation Guessed password", "rule Login");
    assert_eq!(tried(Vec::new(), Priority::Debug), [burst, login, outer]);
    let off = |name: &str| vec![Selection { rules: Selector::Name(name.to_owned()), enable: false }];
    assert_eq!(tried(off("Guessed password"), Priority::Debug), [burst, login]);
    // Members of others are evaluated, and raise no alert.
    assert_eq!(tried(off("correlation burst"), Priority::Debug), [login, outer]);
    assert_eq!(tried(off("Failed login"), Priority::Debug), [login]);
}

/// Replaces `from` in a valid correlation, and returns the code, the message, the marked words and the hint of the
/// first error.
fn refused(whole: &str, from: &str, to: &str) -> (String, String, String) {
    assert!(whole.contains(from), "{from}");
    let changed = whole.replace(from, to);
    let (_, loaded) = load(&changed);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|found| found.is_error()).collect();
    let [error] = &errors[..] else { panic!("{to}: {}", loaded.render(Style::default())) };
    let words = error.spot.map(|spot| {
        let file = format!("{RULES}{changed}");
        file.chars().skip(spot.start).take(spot.end - spot.start).collect::<String>()
    });
    (error.message.clone(), words.unwrap_or_default(), error.hint.clone().unwrap_or_default())
}

#[test]
fn errors_have_a_place_and_a_hint() {
    let mut wrong = Vec::new();
    let burst = &BURST[BURST.find("- correlation: correlation burst").expect("it is there")..];
    for (whole, from, to, message, words, hint) in [
        (
            burst,
            "[Failed login]",
            "[Failed logins]",
            "There is no rule or correlation 'Failed logins'",
            "Failed logins",
            "`Failed login`",
        ),
        (burst, "[Failed login]", "['evt.type = open']", "There is no rule", "'evt.type = open'", "- as: NAME"),
        (
            burst,
            "[Failed login]",
            "[Failed login, Failed login]",
            "'Failed login' is named twice",
            "Failed login",
            "once",
        ),
        (burst, "[Failed login]", "[]", "no rules", "correlation burst", "under `rules`"),
        (
            burst,
            "[Failed login]",
            "[correlation burst]",
            "cycle: correlation burst -> correlation burst",
            "correlation burst",
            "cannot contain itself",
        ),
        (burst, "event_count", "event_cont", "Unknown type of correlation 'event_cont'", "event_cont", "`event_count`"),
        (burst, "event_count", "value_sum", "Unknown type", "value_sum", "`value_count`"),
        (burst, "event_count", "sequence", "Unknown type", "sequence", "`temporal_ordered`"),
        (burst, "event_count", "temporal", "never true: there are 1 rules", "gte", "one comparison"),
        (burst, "event_count", "value_count", "has no field to count", "value_count", "`field:"),
        (
            burst,
            "event_count",
            "value_count\n  field: proc.args",
            "'proc.args' is a list, whose values cannot be counted",
            "proc.args",
            "one value",
        ),
        (burst, "event_count", "event_count\n  field: fd.port", "counts no field", "fd.port", "value_count"),
        (burst, "event_count", "event_count\n  window: tumbling", "Correlations have no 'window'", "window", "slide"),
        (
            burst,
            "event_count",
            "event_count\n  until: evt.type = exit",
            "Only sequences have missing steps and `until`",
            "evt.type = exit",
            "temporal_ordered",
        ),
        (burst, "  timespan: 10s\n", "", "no mapping for key 'timespan'", "correlation burst", "`timespan: 30s`"),
        (burst, "10s", "10", "Invalid timespan '10'", "10", "`10s`"),
        (burst, "10s", "1.5s", "Invalid timespan", "1.5s", "`1500ms`"),
        (burst, "10s", "1M", "Invalid timespan", "1M", "no fixed length"),
        (burst, "  condition: {gte: 3}\n", "", "A count has no condition", "correlation burst", "gte"),
        (burst, "{gte: 3}", "{gte: many}", "'many' is not a count", "many", "whole number"),
        (burst, "{gte: 3}", "{gte: 3, lt: 2}", "never true", "gte", "one comparison"),
        (burst, "{gte: 3}", "{neq: 3}", "Unknown comparison 'neq'", "neq", "`eq`"),
        (burst, "{gte: 3}", "a and not b", "is not a mapping", "a and not b", "missing: true"),
        (burst, "user.name\n  timespan", "user.nmae\n  timespan", "no field 'user.nmae'", "user.nmae", "`user.name`"),
        (burst, "user.name\n  timespan", "proces\n  timespan", "no field 'proces'", "proces", "`process`"),
        (
            burst,
            "user.name\n  timespan",
            "process\n  timespan",
            "Events of source 'host' have no process",
            "process",
            "group-by",
        ),
        (burst, "%first.user.name", "%first.user.nmae", "is not a field of step 'step1'", "burst (", "`user.name`"),
        (burst, "%first.user.name", "%frist.user.name", "neither a field nor one of a step", "burst (", "`first`"),
        (burst, "%correlation.count", "%correlation.number", "A correlation has no 'number'", "burst (", "count"),
        (burst, "%correlation.count", "%toupper(user.name)", "not followed by a field", "burst (", "no transformers"),
        (burst, "WARNING", "WARNIN", "Invalid priority", "WARNIN", "`Warning`"),
        (
            BURST,
            "rule: Login",
            "rule: Login\n      missing: true\n    - rule: Any shell\n      as: last",
            "'last' is reserved",
            "last",
            "a different name",
        ),
        (
            BURST,
            "[user.name]",
            "[proc.pid]",
            "Correlation 'correlation burst' has no key 'proc.pid'",
            "proc.pid",
            "[user.name]",
        ),
        (
            BURST,
            "%step1.count",
            "%Login.user.name",
            "names rule 'Login', and not its step 'login'",
            "%correlation.name",
            "`as:`, or write %login.user.name",
        ),
        (
            BURST,
            "%step1.count",
            "%step1.proc.pid",
            "has no 'proc.pid' in outputs of others",
            "%correlation.name",
            "it has user.name, count",
        ),
        (SEQUENCE, "- as: shell", "- as: read", "Two steps are called 'read'", "read", "a different name"),
        (SEQUENCE, "- as: shell", "- as: a.b", "cannot be the name of a step", "a.b", "letters"),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      missing: true",
            "first step of a sequence cannot be missing",
            "evt.type",
            "follows another step",
        ),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      fork: true",
            "Correlations have no 'fork'",
            "fork",
            "each branch",
        ),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      group_by: [proc.pid]",
            "A step has no key 'group_by'",
            "group_by",
            "`group-by`",
        ),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      rule: Login",
            "both 'rule' and 'condition'",
            "Login",
            "another rule",
        ),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      group-by: [user.name]",
            "they are never equal",
            "proc.pid",
            "one type",
        ),
        (
            SEQUENCE,
            "- as: shell",
            "- as: shell\n      group-by: [proc.pid, user.name]",
            "has 1 parts",
            "proc.pid",
            "part by part",
        ),
        (SEQUENCE, "exec and shell", "exec and shel", "shel", "shel", "`shell`"),
        (SEQUENCE, "exec and shell", "exec and proc.nmae = x", "proc.nmae", "proc.nmae", "`proc.name`"),
        (
            SEQUENCE,
            "group-by",
            "condition: {gte: 2}\n  group-by",
            "A sequence has no condition",
            "gte",
            "leave `condition` out",
        ),
        (
            SEQUENCE,
            "group-by: [proc.pid]",
            "group-by: [who]\n  aliases: {who: {shell: proc.pid}}",
            "Alias 'who' has no field for 'read'",
            "who",
            "`read: FIELD`",
        ),
        (
            SEQUENCE,
            "group-by: [proc.pid]",
            "group-by: [who]\n  aliases: {who: {shel: proc.pid}}",
            "names 'shel', which is not under `rules`",
            "shel",
            "`shell`",
        ),
    ] {
        let (found, at, helped) = refused(whole, from, to);
        if !(found.contains(message) && at.contains(words) && helped.contains(hint)) {
            wrong.push(format!("{to}: {found} | {at:?} | {helped:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the tables in docs/correlation.md that are about rule files, beside those that other tests show: S20, S21,
/// S60, S62 and S63 in `errors_have_a_place_and_a_hint`, S61 in `cycles_and_depth`, E59 in `one_step_is_not_a_sequence`,
/// E22 in `correlation_sources.rs`. E60 is about pipes, which there are none of.
#[test]
fn constructs_of_other_engines_are_errors_with_a_hint() {
    let burst = &BURST[BURST.find("- correlation: correlation burst").expect("it is there")..];
    for (row, whole, from, to, message, hint) in [
        ("E48, E49", SEQUENCE, "- as: read", "- as: read\n      fork: true", "no 'fork'", "each branch"),
        ("E50, E51", SEQUENCE, "- as: read", "- as: read\n      runs: 3", "no 'runs'", "write the step several times"),
        ("S23", burst, "type: event_count", "type: event_count\n  window: tumbling", "no 'window'", "slide"),
        ("S24", burst, "type: event_count", "type: event_count\n  gap: 3s", "'gap'", ""),
        ("S31", burst, "type: event_count", "type: value_sum\n  field: fd.port", "'value_sum'", "`value_count`"),
        ("S34, S35", burst, "{gte: 3}", "ra and rb and not rc", "is not a mapping", "missing: true"),
        (
            "S48",
            SEQUENCE,
            "  until: evt.type = exit",
            "  condition: {gte: 2}",
            "has no condition",
            "leave `condition` out",
        ),
    ] {
        let (found, _, helped) = refused(whole, from, to);
        assert!(found.contains(message) && helped.contains(hint), "{row}: {found} | {helped}");
    }
}

/// S64: an outer alert names its own steps; those of the inner one are in the alert of that.
#[test]
fn an_outer_alert_has_its_own_steps() {
    let mut runner = runner(BURST);
    let failed = [("user.name", text("eve")), ("proc.name", text("failed"))];
    (0..3).for_each(|at| drop(feed(&mut runner, (at, at as f64), "login", &failed)));
    let rules = std::sync::Arc::clone(runner.rules());
    let good = rules.schema().record("login").at(9, 4 * SECOND).with("user.name", text("eve"));
    let mut found = Vec::new();
    let take = |alert: peregrine_rule_engine::engine::Alert<'_>| {
        let mut json = Vec::new();
        alert.write(&Format::new("h").json(true), &mut json);
        if alert.rule() == "Guessed password" {
            found.push(String::from_utf8(json).expect("UTF-8"));
        }
    };
    runner.try_process(&good.with("proc.name", text("good")), take).expect("an event of this schema");
    let [json] = &found[..] else { panic!("{found:?}") };
    assert_eq!(json.matches("\"evt.num\":").count(), 2, "{json}");
    assert!(json.contains("\"evt.num\":2,\"output_fields\":{\"user.name\":\"eve\",\"count\":3}"), "{json}");
    assert!(json.contains("\"rule\":\"correlation burst\"") && json.contains("\"evt.num\":9"), "{json}");
}

#[test]
fn one_step_is_not_a_sequence() {
    let one = SEQUENCE.replace("    - as: read\n      condition: evt.type = open\n", "").replace("%read.", "%shell.");
    let (message, _, hint) = refused(&one, "1m", "1m");
    assert!(message.contains("one step is a rule") && hint.contains("add a step"), "{message} {hint}");
}

#[test]
fn cycles_and_depth() {
    let link = |name: usize, inner: &str| {
        format!(
            "- correlation: c{name}\n  desc: d\n  type: event_count\n  rules: [{inner}]\n  timespan: 10s\n  \
             condition: {{gte: 2}}\n  output: o\n  priority: debug\n  source: host\n"
        )
    };
    let errors = |text: &str| {
        let (_, loaded) = load(text);
        loaded
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .map(|found| found.message.clone())
            .collect::<Vec<_>>()
    };
    let chain = |count: usize| {
        let links = (0..count).map(|at| link(at, &if at == 0 { "Login".to_owned() } else { format!("c{}", at - 1) }));
        // The order of definition is free.
        let mut links: Vec<String> = links.collect();
        links.reverse();
        links.concat()
    };
    assert_eq!(errors(&chain(8)), [""; 0]);
    let names = "c8 -> c7 -> c6 -> c5 -> c4 -> c3 -> c2 -> c1 -> c0";
    assert_eq!(errors(&chain(9)), [format!("Correlations name correlations more than 8 deep: {names}")]);
    // The place is the name in the outermost one, whichever of its members is too deep.
    let deep = chain(9);
    let (message, words, hint) = refused(&deep, "rules: [c7]", "rules: [Login, c0, c7]");
    assert!(message.ends_with(names) && hint.contains("leave one of these out"), "{message} {hint}");
    assert_eq!(words, "c7");
    let cycle = link(0, "c2") + &link(1, "c0") + &link(2, "Login, c1");
    assert_eq!(errors(&cycle), ["Correlations form a cycle: c0 -> c2 -> c1 -> c0"]);
}

#[test]
fn a_disabled_rule_is_warned_of() {
    let (_, loaded) =
        load(&format!("{BURST}\n- rule: Failed login\n  override: {{enabled: replace}}\n  enabled: false\n"));
    assert!(loaded.is_successful());
    let found: Vec<_> = loaded.diagnostics.iter().filter(|found| found.message.contains("is disabled")).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("building_block")));
}

#[test]
fn an_unknown_source_leaves_a_correlation_out() {
    let (_, loaded) = load(&SEQUENCE.replace("source: host", "source: hots"));
    assert!(loaded.is_successful());
    assert!(loaded.render(Style::default()).contains("did you mean `host`?"));
    assert!(loaded.resolved.correlations.is_empty());
}
