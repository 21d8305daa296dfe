//! The programs in the kernel, and the alerts about what they deny.

use crate::alerts::{Alerts, internal};
use crate::clock::now;
use crate::config::settings::{Config, ResponseMode};
use crate::metrics::telemetry::ResponseCounts;
use crate::response::{RULE, protected};
use crate::rules::slot::Slot;
use crate::token_bucket::TokenBucket;
use crate::{Fatal, host, log};
use bpf::deny::{self, Denial, Denials};
use peregrine_response::own_processes;
use rule_engine::deny as rules;
use rule_engine::output::Priority;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Alerts about denials per second, and at once; more are counted.
const ALERTS: (f64, f64) = (10.0, 50.0);

/// The denials that are in force.
pub(crate) struct Denier {
    active: Option<Denials>,
    rules: Vec<String>,
    /// Denials that were not reported by programs that are gone.
    lost: u64,
    counts: Arc<Mutex<ResponseCounts>>,
    alerts: TokenBucket,
    suppressed: u64,
}

impl Denier {
    /// Starts what rules deny; nothing if none does.
    ///
    /// # Errors
    ///
    /// If the kernel does not run programs, or rejects them.
    pub(crate) fn start(
        plan: Option<rules::Plan>,
        config: &Config,
        counts: Arc<Mutex<ResponseCounts>>,
    ) -> Result<Self, Fatal> {
        let (rate, most) = ALERTS;
        let alerts = TokenBucket::new(rate, most);
        let mut denier = Self { active: None, rules: Vec::new(), lost: 0, counts, alerts, suppressed: 0 };
        denier.apply(plan, config)?;
        Ok(denier)
    }

    /// Replaces what is denied. The new programs are in force before the old ones end.
    fn apply(&mut self, plan: Option<rules::Plan>, config: &Config) -> Result<Option<Denials>, Fatal> {
        let Some(plan) = plan else {
            self.rules = Vec::new();
            return Ok(self.active.take());
        };
        let names = plan.rules.clone();
        let dry_run = config.response.mode == ResponseMode::DryRun;
        let started = Denials::start(&in_kernel(plan, config)).map_err(|error| Fatal(format!("response: {error}")))?;
        let what = names.join(", ");
        if dry_run {
            log::notice(format!("the kernel reports what it would deny (response.mode: dry_run): {what}"));
        } else {
            log::notice(format!("the kernel denies: {what}"));
        }
        self.rules = names;
        Ok(self.active.replace(started))
    }

    /// Reports denials and follows reloads, until the end.
    pub(crate) fn run(mut self, slot: &Slot, alerts: &Alerts, end: &AtomicBool) {
        loop {
            let more = || !end.load(Ordering::SeqCst) && !slot.has_denials();
            match self.active.take() {
                Some(denials) => {
                    self.watch(&denials, more, alerts);
                    self.active = Some(denials);
                }
                None => {
                    while more() {
                        std::thread::sleep(std::time::Duration::from_millis(50));
                    }
                }
            }
            if end.load(Ordering::SeqCst) {
                return;
            }
            if let Some((plan, config)) = slot.take_denials() {
                let before = std::mem::take(&mut self.rules);
                self.rules.clone_from(&before);
                match self.apply(plan, &config) {
                    // What the programs before have denied meanwhile, with the names of their rules.
                    Ok(Some(old)) => {
                        let new = std::mem::replace(&mut self.rules, before);
                        self.watch(&old, || false, alerts);
                        self.rules = new;
                        self.lost += old.counts().lost;
                    }
                    Ok(None) => {}
                    Err(why) => {
                        log::error(format!("what the kernel denies stays as it was: {why}"));
                        let text = format!("{RULE}. What the kernel denies stays as it was after a reload: {why}");
                        alerts.send_own(&internal(RULE, Priority::Critical, now(), text));
                    }
                }
            }
        }
    }

    fn watch(&mut self, denials: &Denials, more: impl Fn() -> bool, alerts: &Alerts) {
        let boot = bpf::boot_time();
        let watched = denials.watch(more, |denial| self.report(&denial, boot, alerts));
        if let Err(error) = watched {
            log::error(format!("denials cannot be reported: {error}"));
        }
        let lost = denials.counts().lost + self.lost;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.set("deny_lost", lost);
    }

    fn report(&mut self, denial: &Denial, boot: u64, alerts: &Alerts) {
        let (time, at) = (boot.saturating_add(denial.time), now());
        let outcome = if denial.dry_run { "would_deny" } else { "denied" };
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).count(outcome, at.saturating_sub(time));
        if !self.alerts.claim(at) {
            self.suppressed += 1;
            return;
        }
        let rule = self.rules.get(denial.rule as usize).map_or("", String::as_str);
        let object = match denial.address {
            Some((ip, port)) => format!("{ip} port {port}"),
            None if denial.target.is_empty() => denial.object.clone(),
            None => format!("{} to {}", denial.object, denial.target),
        };
        let verb = if denial.dry_run { "would have been denied" } else { "denied" };
        let text = format!(
            "{RULE}. {} {object} of process {} ({}) for rule '{rule}': {verb}",
            denial.hook.name(),
            denial.pid,
            denial.exe
        );
        let priority = if denial.dry_run { Priority::Notice } else { Priority::Critical };
        let own = internal(RULE, priority, time, text)
            .with_field("action", format!("deny {}", denial.hook.name()))
            .with_field("outcome", outcome)
            .with_field("rule", rule.to_owned())
            .with_field("object", object)
            .with_field("proc.pid", i64::from(denial.pid))
            .with_field("proc.ppid", i64::from(denial.ppid))
            .with_field("thread.tid", i64::from(denial.tid))
            .with_field("proc.name", denial.comm.as_str())
            .with_field("proc.exepath", denial.exe.as_str())
            .with_field("user.uid", i64::from(denial.uid))
            .with_field("container.id", denial.container.as_str())
            .with_field("cgroup", denial.cgroup);
        let more = std::mem::take(&mut self.suppressed);
        alerts.send_own(&if more > 0 { own.with_field("suppressed", more) } else { own });
    }
}

/// Returns a plan in the words of the programs in the kernel.
fn in_kernel(plan: rules::Plan, config: &Config) -> deny::Plan {
    let mut to = deny::Plan::default();
    to.dry_run = config.response.mode == ResponseMode::DryRun;
    let proc = Path::new("/").join(host::host_root()).join("proc");
    let mut exempt: Vec<u32> = own_processes(&proc).into_iter().filter_map(|pid| u32::try_from(pid).ok()).collect();
    // The first process, then the program and its nearest ancestors.
    exempt.retain(|pid| *pid != 1);
    exempt.truncate(15);
    exempt.insert(0, 1);
    to.exempt = exempt;
    to.protected = protected(config).executables().map(|path| path.as_bytes().to_vec()).collect();
    to.rules = plan.rules;
    to.hooks = plan.hooks.into_iter().map(hook).collect();
    to
}

fn hook(from: rules::HookPlan) -> deny::HookPlan {
    use rules::Call;
    let mut to = deny::HookPlan::new(match from.call {
        Call::Exec => deny::Hook::Exec,
        Call::Open => deny::Hook::Open,
        Call::Connect => deny::Hook::Connect,
        Call::Rename => deny::Hook::Rename,
        Call::Unlink => deny::Hook::Unlink,
        Call::Rmdir => deny::Hook::Rmdir,
        Call::Link => deny::Hook::Link,
        Call::Bpf => deny::Hook::Bpf,
        Call::Ptrace => deny::Hook::Ptrace,
    });
    to.tests = from.tests.into_iter().map(|any| any.into_iter().map(test).collect()).collect();
    let clause = |one: &rules::Alternative| deny::Clause { all: one.all, none: one.none, rule: one.rule };
    to.clauses = from.alternatives.iter().map(clause).collect();
    to
}

fn place(from: rules::Place) -> deny::Place {
    match from {
        rules::Place::Exe => deny::Place::Exe,
        rules::Place::Object => deny::Place::Object,
        rules::Place::Target => deny::Place::Target,
    }
}

fn test(from: rules::Test) -> deny::Test {
    match from {
        rules::Test::Path(at, path) => deny::Test::Path(place(at), path),
        rules::Test::Below(at, path) => deny::Test::Below(place(at), path),
        rules::Test::Last(at, path) => deny::Test::Last(place(at), path),
        rules::Test::Comm(name) => deny::Test::Comm(name),
        rules::Test::ParentComm(name) => deny::Test::ParentComm(name),
        rules::Test::Uid(uid) => deny::Test::Uid(uid),
        rules::Test::Container(id) => deny::Test::Container(id),
        rules::Test::Net(ip, bits) => deny::Test::Net(ip, bits),
        rules::Test::Port(port) => deny::Test::Port(port),
        rules::Test::Flag(flag) => deny::Test::Flag(match flag {
            rules::Flag::Memfd => deny::Flag::Memfd,
            rules::Flag::UpperLayer => deny::Flag::UpperLayer,
            rules::Flag::Read => deny::Flag::Read,
            rules::Flag::Write => deny::Flag::Write,
            rules::Flag::Directory => deny::Flag::Directory,
            rules::Flag::Address => deny::Flag::Address,
        }),
    }
}
