//! Live events as a [`Source`].

use crate::config::{Block, Builder, Config, Toctou};
use crate::generated::ENTERS;
use crate::loaded::{DISPATCHER, ENTER, Loaded};
use crate::losses::Losses;
use crate::merge::{Merge, Ready};
use crate::plan::{CPU_BITS, Carried, LeftOut, PlanMode, Verified};
use crate::stats::{CPU_STATS_SIZE, CpuStats, ProgramStats};
use crate::{Error, Refused, Result, Selection, features, iterators, stats, sys};
use libbpf_rs::{Link, MapCore as _, MapFlags, MapHandle};
use scap::plan::Plan;
use scap::schema::SyscallCode;
use scap::{Event, HostState, Next, Source, SourceStats, procfs};
use std::io::ErrorKind;
use std::os::fd::{AsFd as _, AsRawFd as _, IntoRawFd as _};
use std::time::Duration;

/// The sleep of a source that has read everything, after many events.
const FIRST_WAIT: Duration = Duration::from_micros(500);
/// The longest sleep while events are rare. Longer sleeps cost less: a wake-up costs as much as a dozen events.
const BUSY_WAIT: Duration = Duration::from_millis(10);
/// The part of a ring below which the sleep is doubled.
const FEW: usize = 64;
/// Tracepoints that can be selected, and the program of each.
const TRACEPOINTS: [(SyscallCode, &str); 6] = [
    (SyscallCode::SCHED_PROCESS_EXIT, "procexit_1_e"),
    (SyscallCode::SCHED_SWITCH, "schedswitch_6_e"),
    (SyscallCode::SIGNAL_DELIVER, "signaldeliver_e"),
    (SyscallCode::PAGE_FAULT_USER, "page_fault_user_e"),
    (SyscallCode::PAGE_FAULT_KERNEL, "page_fault_kernel_e"),
    (SyscallCode::EXECVE, "exec_done"),
];
/// The limitation without the privilege to read other users' processes.
const UNSEEN: &str = "CAP_SYS_PTRACE is missing: executables, working directories and file descriptors of other users' running \
                      processes stay unknown";
const UNREAD: &str = "CAP_SYS_PTRACE is missing: environments of other users' running processes stay unknown";
/// The limitation where the kernel has none of the requested tracepoints.
const UNTRACED: &str = "tracefs shows no tracepoints of calls: arguments of open and connect are not recorded at \
                        entry, so a program may change them during the call";
/// The program that sees the creation of child processes.
const FAMILY_FORK: &str = "family_fork";

/// An attached program.
#[derive(Debug)]
struct Attached {
    program: &'static str,
    /// Detaches the program on drop, and closes the perf event of a tracepoint's program.
    _link: Link,
}

/// The running probe: returns the events of this host, the oldest first.
#[derive(Debug)]
pub struct BpfSource {
    // The links are dropped before the programs.
    attached: Vec<Attached>,
    rings: Merge,
    losses: Losses,
    plan: Carried,
    loaded: Loaded,
    block: Block,
    /// The number of this process in the initial pid namespace.
    own: u32,
    settings: Config,
    settings_map: MapHandle,
    stats_map: MapHandle,
    host: HostState,
    report: procfs::Report,
    by_iterators: bool,
    /// Limitations of the initial state.
    host_notes: Vec<String>,
    notes: Vec<String>,
    delivered: u64,
    malformed: u64,
    wait: Duration,
    /// Bytes that arrived since the last sleep.
    came: usize,
}

impl Builder {
    /// Opens, loads and starts the probe.
    ///
    /// # Errors
    /// If the host cannot run the probe.
    pub fn open(self) -> Result<BpfSource> {
        self.prepare()?.load()?.attach()
    }
}

impl Loaded {
    /// Creates the rings and attaches the programs: the last phase.
    ///
    /// # Errors
    /// If a ring cannot be created or the dispatcher cannot be attached.
    pub fn attach(self) -> Result<BpfSource> {
        let rings = self.make_rings()?;
        let boot_time = sys::boot_time();
        // Without the program the two numbers are the same, unless this process is in another pid namespace.
        let own = iterators::own_process(&self).unwrap_or_else(std::process::id);
        let block = Block::new(&self.builder.settings, boot_time, own, self.builder.toctou != Toctou::Off);
        BpfSource::start(self, rings, block, own)
    }
}

impl BpfSource {
    pub(crate) fn start(loaded: Loaded, rings: Merge, block: Block, own: u32) -> Result<Self> {
        let settings = loaded.builder.settings;
        let mut source = Self {
            attached: Vec::new(),
            rings,
            losses: Losses::new(loaded.builder.report_drops),
            settings_map: loaded.map(".data.settings")?,
            stats_map: loaded.map("stats")?,
            plan: Carried::new(&loaded)?,
            loaded,
            block,
            own,
            settings,
            host: HostState::default(),
            report: procfs::Report::default(),
            by_iterators: false,
            host_notes: Vec::new(),
            notes: Vec::new(),
            delivered: 0,
            malformed: 0,
            wait: FIRST_WAIT,
            came: 0,
        };
        if settings.only_children {
            let family = source.loaded.map("family")?;
            family.update(&own.to_ne_bytes(), &[1], MapFlags::ANY).map_err(Error::bpf("entering this process"))?;
        }
        source.store_settings()?;
        source.attach_wanted()?;
        // Only now, so that changes during the reading are among the events.
        source.read_host()?;
        Ok(source)
    }

    /// Reads the initial state: by iterators where they are available, else from `/proc`.
    fn read_host(&mut self) -> Result<()> {
        let builder = &self.loaded.builder;
        let Some(config) = &builder.proc_scan else { return Ok(()) };
        let told = match builder.iterators.then(|| iterators::scan(&self.loaded, &builder.host_root, config)) {
            Some(Ok(snapshot)) => Some(snapshot),
            Some(Err(error)) => {
                self.host_notes.push(format!("the initial state was read from /proc: {error}"));
                None
            }
            None => None,
        };
        self.by_iterators = told.is_some();
        let snapshot = match told {
            Some(snapshot) => snapshot,
            None => procfs::scan(&builder.host_root, config).map_err(Error::Host)?,
        };
        (self.host, self.report) = (snapshot.host, snapshot.report);
        if !features::sees_processes() {
            self.host_notes.push(if self.by_iterators { UNREAD } else { UNSEEN }.into());
        }
        self.notes.extend_from_slice(&self.host_notes);
        Ok(())
    }

    /// Returns the counts and limitations of the initial state.
    pub fn report(&self) -> &procfs::Report {
        &self.report
    }

    /// Returns whether the threads and file descriptors of the initial state came from BPF iterators, not from `/proc`.
    pub fn is_by_iterators(&self) -> bool {
        self.by_iterators
    }

    /// Sleeps: the fewer events arrived lately, the longer.
    fn rest(&mut self, most: Duration) {
        let few = self.came < self.loaded.builder.ring_size / FEW;
        let longest = most.min(self.loaded.builder.max_wait);
        self.wait = if few { (self.wait * 2).min(longest) } else { FIRST_WAIT.min(longest) };
        self.came = 0;
        std::thread::sleep(self.wait);
    }

    fn store_settings(&mut self) -> Result<()> {
        let mut bytes = self.block.bytes();
        bytes.resize(self.settings_map.value_size() as usize, 0);
        self.settings_map
            .update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY)
            .map_err(Error::bpf("storing the probe's settings"))
    }

    /// Returns the current settings.
    pub fn config(&self) -> &Config {
        &self.settings
    }

    /// Changes settings while events are read; they apply from the next call of any process.
    ///
    /// # Errors
    /// If the kernel rejects them.
    pub fn set(&mut self, settings: Config) -> Result<()> {
        let toctou = self.loaded.builder.toctou != Toctou::Off;
        self.settings = settings;
        self.block = Block::new(&settings, self.block.boot_time, self.own, toctou);
        self.store_settings()?;
        self.attach_wanted()
    }

    /// Changes the selection while events are read.
    ///
    /// # Errors
    /// If the kernel rejects it.
    pub fn select(&mut self, selection: Selection) -> Result<()> {
        self.set(Config { selection, ..self.settings })
    }

    /// Replaces the plan of events that are left out in the kernel; it applies from the next call of any process.
    ///
    /// # Errors
    /// If arguments are recorded at entry ([`Toctou::Tracepoints`], [`Toctou::Hook`]): without the exit of a call, its entry
    /// would be taken for that of another. If the kernel rejects the plan. Then everything passes.
    pub fn set_plan(&mut self, mode: PlanMode, plan: Plan) -> Result<()> {
        if mode != PlanMode::Off && !matches!(self.guard(), Toctou::Off | Toctou::Exit) {
            self.plan.set(PlanMode::Off, Plan::everything(), || 0)?;
            return Err(Error::Plan(self.guard().to_string()));
        }
        let boot_time = self.block.boot_time;
        self.plan.set(mode, plan, || boot_time + sys::boot_clock())
    }

    /// Returns the use of the plan.
    pub fn plan_mode(&self) -> PlanMode {
        self.plan.mode()
    }

    /// Returns the result of [`PlanMode::Verify`] since the plan was set.
    pub fn verified(&self) -> &Verified {
        self.plan.verified()
    }

    /// Returns the numbers of events that the plan left out since the start, of those calls and tests that left out any.
    /// They are neither drops nor among the events that were seen.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.plan.left_out()
    }

    /// Returns the programs that the kernel rejected at load; their events are missing.
    pub fn refused(&self) -> &[Refused] {
        self.loaded.refused()
    }

    /// Returns the other limitations, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns how arguments are protected against changes during a call: the result of [`Toctou::Auto`], in one line
    /// by [`Display`](std::fmt::Display).
    pub fn guard(&self) -> Toctou {
        self.loaded.builder.toctou
    }

    /// Returns the probe's programs.
    pub fn programs(&self) -> Vec<crate::Program> {
        self.loaded.programs()
    }

    fn wanted(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let selection = &self.settings.selection;
        let has = |code| selection.contains(code);
        let exec = has(SyscallCode::EXECVE) || has(SyscallCode::EXECVEAT);
        let mut wanted: Vec<(&'static str, Option<&'static str>)> = Vec::new();
        if self.block.interest.iter().any(|byte| *byte != 0) {
            wanted.push((DISPATCHER, None));
        }
        for (code, program) in TRACEPOINTS {
            if has(code) || (code == SyscallCode::EXECVE && exec) {
                wanted.push((program, None));
            }
        }
        if self.settings.only_children {
            wanted.push((FAMILY_FORK, None));
        }
        if self.settings.io_uring && self.block.interest.iter().any(|byte| *byte != 0) {
            wanted.extend(self.loaded.io_uring.iter().map(|program| (*program, None)));
        }
        match self.loaded.builder.toctou {
            Toctou::Off | Toctou::Exit => {}
            Toctou::Auto | Toctou::Tracepoints => {
                for (program, tracepoint, code) in ENTERS {
                    if has(SyscallCode(code)) {
                        wanted.push((program, Some(tracepoint)));
                    }
                }
            }
            Toctou::Hook => {
                if ENTERS.into_iter().any(|(.., code)| has(SyscallCode(code))) {
                    wanted.push((ENTER, None));
                }
            }
        }
        wanted
    }

    /// Attaches the selected programs and detaches the others.
    fn attach_wanted(&mut self) -> Result<()> {
        let wanted = self.wanted();
        self.attached.retain(|have| wanted.iter().any(|(program, _)| *program == have.program));
        self.notes.clear();
        let mut untraced = false;
        for (name, tracepoint) in wanted {
            if self.attached.iter().any(|have| have.program == name) {
                continue;
            }
            let loaded = &self.loaded.object;
            let Some(program) = loaded.progs_mut().find(|program| program.name() == name && program.autoload()) else {
                self.notes.push(format!("the program {name} was not loaded: its events are missing"));
                continue;
            };
            let attached = match tracepoint {
                None => program.attach().map_err(Error::bpf(format!("attaching {name}"))),
                Some(path) => sys::tracepoint_id(path, self.loaded.builder.toctou == Toctou::Tracepoints)
                    .and_then(sys::tracepoint_event)
                    .map_err(Error::io(format!("the tracepoint {path}")))
                    .and_then(|event| {
                        let link = program.attach_perf_event(event.as_raw_fd());
                        let link = link.map_err(Error::bpf(format!("attaching {name}")))?;
                        // From here on the link owns the event.
                        let _ = event.into_raw_fd();
                        Ok(link)
                    }),
            };
            match attached {
                Ok(link) => self.attached.push(Attached { program: name, _link: link }),
                Err(error) if name == DISPATCHER => return Err(error),
                Err(Error::Io { source, .. }) if tracepoint.is_some() && source.kind() == ErrorKind::NotFound => {
                    untraced = true;
                }
                Err(error) => self.notes.push(error.to_string()),
            }
        }
        if self.settings.io_uring && self.loaded.io_uring.is_empty() {
            self.notes
                .push("requests through io_uring are not reported: this kernel has no suitable tracepoints".into());
        }
        if untraced {
            self.notes.push(UNTRACED.into());
        }
        self.notes.extend_from_slice(&self.host_notes);
        Ok(())
    }

    /// Returns the counters of each CPU.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn cpu_stats(&self) -> Result<Vec<CpuStats>> {
        counters(&self.stats_map)
    }

    /// Makes the next events those that report the drops since the last report: for a caller that is about to stop.
    pub fn report_drops(&mut self) {
        self.losses.hasten();
    }

    /// Returns the time of boot, in nanoseconds since 1970, that is added to the probe's clock in the times of events.
    pub fn boot_time(&self) -> u64 {
        self.block.boot_time
    }

    /// Returns the bytes that wait in the rings.
    pub fn pending(&self) -> u64 {
        self.rings.pending()
    }

    /// Returns the cost of each program so far. The kernel counts a program that was jumped to as part of the one that
    /// jumped.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn program_stats(&self) -> Result<Vec<ProgramStats>> {
        let mut out = Vec::new();
        for program in self.loaded.object.progs().filter(libbpf_rs::Program::autoload) {
            // /proc shows the programs of this process without further privileges.
            let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
            let text = std::fs::read_to_string(&path).map_err(Error::io(path))?;
            let number = |key: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
                line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0)
            };
            out.push(ProgramStats {
                name: program.name().to_string_lossy().into_owned(),
                runs: number("run_cnt"),
                nanoseconds: number("run_time_ns"),
                verified_instructions: u32::try_from(number("verified_insns")).unwrap_or(u32::MAX),
            });
        }
        Ok(out)
    }
}

fn counters(map: &MapHandle) -> Result<Vec<CpuStats>> {
    let values = map
        .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
        .map_err(Error::bpf("reading the probe's counters"))?
        .unwrap_or_default();
    Ok(values.iter().map(|value| CpuStats::parse(value.get(..CPU_STATS_SIZE).unwrap_or(value))).collect())
}

impl Source for BpfSource {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        let horizon = self.rings.horizon();
        if self.losses.is_due(horizon) {
            let stats = &self.stats_map;
            self.losses.look(horizon, || counters(stats).unwrap_or_default());
            let ts = self.rings.time();
            if self.losses.has_news() {
                return Ok(self.losses.report(ts, horizon).map_or(Next::Idle, Next::Event));
            }
        }
        let boot_time = self.block.boot_time;
        let ring = loop {
            match self.rings.next(|| boot_time + sys::boot_clock()) {
                Ready::Ring(ring) => break ring,
                Ready::Soon => self.rest(BUSY_WAIT),
                Ready::Empty => {
                    self.rest(Duration::MAX);
                    return Ok(Next::Idle);
                }
            }
        };
        let record = self.rings.record(ring);
        self.came += record.len();
        // The probe writes the number of the CPU behind the event.
        let (event, cpu) = record.split_last_chunk::<2>().unwrap_or((record, &[0, 0]));
        let cpu = u16::from_ne_bytes(*cpu);
        match Event::parse(cpu & CPU_BITS, 0, event) {
            Ok(event) => {
                self.delivered += 1;
                if self.plan.mode() == PlanMode::Verify {
                    self.plan.verify(&event, cpu & !CPU_BITS);
                }
                Ok(Next::Event(event))
            }
            Err(_) => {
                self.malformed += 1;
                Ok(Next::Idle)
            }
        }
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        let cpus = self.cpu_stats().unwrap_or_default();
        let mut total = stats::sum(&cpus, self.delivered);
        total.unknown = self.malformed;
        total
    }

    fn is_live(&self) -> bool {
        true
    }

    fn watermark(&self) -> u64 {
        self.rings.time()
    }
}
