//! Captures that a match starts: the state of the host, the event that matched, and those that follow.
//!
//! As in Falco, a capture continues until its deadline, which every further match may extend, or until the file has its
//! maximum size. The next match starts another file. A user who can make a rule match could fill the disk that way, so that
//! all files of a day together have a limit, too. Time is that of the events, so that a replay captures the same.

use crate::alerts::internal;
use crate::clock::now;
use crate::config::settings::{Capture as Settings, CaptureMode};
use crate::log;
use peregrine_plugin_host::PluginEvent;
use rule_engine::engine::OwnedAlert;
use rule_engine::output::Priority;
use rule_engine::ruleset::Rule;
use scap::HostState;
use scap::savefile::{Compression, Writer};
use std::fs::File;
use std::path::{Path, PathBuf};

const MILLISECOND: u64 = 1_000_000;

/// The rule of the alert about a full file.
const FULL: &str = "Falco internal: capture size limit reached";

/// The rule of the alert about captures that are not written until the day is over.
const DAY_FULL: &str = "Peregrine internal: capture limit of the day reached";
const DAY: u64 = 24 * 60 * 60 * 1_000 * MILLISECOND;

/// Writes captures.
#[derive(Debug)]
pub(crate) struct Recorder<'c> {
    settings: &'c Settings,
    /// When the capture ends, in event time. Matches extend it even while there is no capture.
    deadline: u64,
    /// Whether a match of this event starts a capture.
    wanted: bool,
    at_work: Option<AtWork>,
    day: Day,
}

/// The bytes written in the last 24 hours.
#[derive(Debug, Default)]
struct Day {
    /// When they began, in event time.
    since: u64,
    /// Bytes of the finished files.
    stored: u64,
    is_full: bool,
}

#[derive(Debug)]
struct AtWork {
    writer: Writer<File>,
    /// The number of the last description of a container in the file.
    described: u64,
    path: PathBuf,
}

impl<'c> Recorder<'c> {
    /// Creates the recorder; `None` if captures are disabled.
    pub(crate) fn new(settings: &'c Settings) -> Option<Self> {
        settings.enabled.then_some(Self { settings, deadline: 0, wanted: false, at_work: None, day: Day::default() })
    }

    /// Notes that a rule matched an event of this time.
    pub(crate) fn matched(&mut self, rule: Option<&Rule>, time: u64) {
        let capture = rule.and_then(|rule| rule.capture);
        let own = capture.and_then(|capture| capture.milliseconds);
        let milliseconds = own.unwrap_or(self.settings.default_duration);
        self.deadline = self.deadline.max(time.saturating_add(u64::from(milliseconds) * MILLISECOND));
        self.wanted |= self.settings.mode == CaptureMode::AllRules || capture.is_some();
    }

    /// Writes an event after its evaluation. Returns the limit if the file has become too large.
    #[inline]
    pub(crate) fn take(&mut self, event: &sinsp::Event<'_>) -> Option<Limit> {
        if self.at_work.is_none() && !self.wanted {
            return None;
        }
        self.write(event)
    }

    #[cold]
    fn write(&mut self, event: &sinsp::Event<'_>) -> Option<Limit> {
        if std::mem::take(&mut self.wanted) && self.at_work.is_none() {
            self.begin(event.ts(), event.num(), |path| begin(path, event));
        }
        let AtWork { writer, described, .. } = self.at_work.as_mut()?;
        let mut write = || {
            if event.state().last_description() != *described {
                let ts = event.ts();
                *described = event.state().export_containers(*described, ts, |container| writer.write(container))?;
            }
            writer.write(&event.raw())
        };
        let written = write();
        self.written(event.ts(), written)
    }

    /// Writes an event of a plugin after its evaluation, as [`take`](Self::take). There is no state of a host.
    pub(crate) fn take_of_plugin(&mut self, event: PluginEvent<'_>) -> Option<Limit> {
        if self.at_work.is_none() && !self.wanted {
            return None;
        }
        if std::mem::take(&mut self.wanted) && self.at_work.is_none() {
            self.begin(event.time(), event.number(), |path| {
                let mut writer = Writer::create(path, &HostState::default(), Compression::Gzip)?;
                let mut dumped = Ok(());
                event.source().dump(event.time(), &mut |own| {
                    if dumped.is_ok() {
                        dumped = writer.write(own);
                    }
                });
                dumped?;
                Ok((writer, 0))
            });
        }
        let AtWork { writer, .. } = self.at_work.as_mut()?;
        let written = match scap::Event::parse(0, 0, event.bytes()) {
            Ok(raw) => writer.write(&raw),
            // It was checked when the plugin returned it.
            Err(_) => Ok(()),
        };
        self.written(event.time(), written)
    }

    /// Checks what was written of an event, and the limits.
    fn written(&mut self, time: u64, written: scap::Result<()>) -> Option<Limit> {
        let at_work = self.at_work.as_mut()?;
        if let Err(error) = written {
            log::error(format!("capture {}: {error}", at_work.path.display()));
            self.at_work = None;
            return None;
        }
        let (stored, most) = (at_work.writer.stored(), self.settings.max_file_size_mb << 20);
        let (today, most_today) = (self.day.stored.saturating_add(stored), self.settings.max_daily_size_mb << 20);
        if most_today > 0 && today > most_today {
            self.finish();
            self.day.is_full = true;
            return Some(Limit { megabytes: self.settings.max_daily_size_mb, stored: today, is_of_day: true });
        }
        if most > 0 && stored > most {
            self.finish();
            return Some(Limit { megabytes: self.settings.max_file_size_mb, stored, is_of_day: false });
        }
        self.is_over(time);
        None
    }

    /// Ends the capture if its deadline has passed.
    pub(crate) fn is_over(&mut self, time: u64) {
        if self.at_work.is_some() && time >= self.deadline {
            self.finish();
        }
    }

    /// Starts a file with an event of this time and number; `create` returns the writer, and the number of the last
    /// description of a container in it.
    fn begin(&mut self, time: u64, number: u64, create: impl FnOnce(&Path) -> scap::Result<(Writer<File>, u64)>) {
        if time >= self.day.since.saturating_add(DAY) {
            self.day = Day { since: time, ..Day::default() };
        }
        if self.day.is_full {
            return;
        }
        let path = PathBuf::from(format!("{}_{time:020}_{number:020}.scap", self.settings.path_prefix));
        match create(&path) {
            Ok((writer, described)) => {
                log::info(format!("started capture {}", path.display()));
                self.at_work = Some(AtWork { writer, described, path });
            }
            Err(error) => log::error(format!("capture {}: {error}", path.display())),
        }
    }

    /// Ends the capture.
    pub(crate) fn finish(&mut self) {
        self.deadline = 0;
        if let Some(AtWork { writer, path, .. }) = self.at_work.take() {
            let events = writer.events();
            self.day.stored = self.day.stored.saturating_add(writer.stored());
            match writer.finish() {
                Ok(_) => log::info(format!("finished capture {} with {events} events", path.display())),
                Err(error) => log::error(format!("capture {}: {error}", path.display())),
            }
        }
    }
}

/// Creates a capture that begins with the state after an event.
fn begin(path: &Path, event: &sinsp::Event<'_>) -> scap::Result<(Writer<File>, u64)> {
    let mut writer = Writer::create(path, &event.state().export(), Compression::Gzip)?;
    event.state().export_users(event.ts(), |user| writer.write(user))?;
    let described = event.state().export_containers(0, event.ts(), |container| writer.write(container))?;
    event.state().export_extension(event.ts(), |own| writer.write(own))?;
    Ok((writer, described))
}

/// A file that has become too large, or all files of a day.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    megabytes: u64,
    stored: u64,
    is_of_day: bool,
}

impl Limit {
    /// Sends the alert about it.
    pub(crate) fn tell(&self, send: impl FnOnce(&OwnedAlert)) {
        let (rule, priority, setting) = if self.is_of_day {
            (DAY_FULL, Priority::Warning, "max_daily_size_mb")
        } else {
            (FULL, Priority::Informational, "max_file_size_mb")
        };
        let text = format!("{rule}. Configured limit: {} MB.", self.megabytes);
        let own = internal(rule, priority, now(), text)
            .with_field(setting, self.megabytes)
            .with_field("written_bytes", self.stored);
        send(&own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rule_engine::output::{Output, Template};
    use rule_engine::ruleset::Capture;
    use sinsp::{Inspector, Next};
    use std::fmt::Write;

    fn rule(capture: Option<Capture>) -> Rule {
        let mut rule = Rule::new(Output::new("R", Priority::Warning, "syscall", Template::default()));
        rule.capture = capture;
        rule
    }

    /// Passes each event of a trace to the recorder; `matched` returns which rule matches it.
    fn run(settings: &Settings, trace: &str, mut matched: impl FnMut(u64) -> Option<Rule>) -> Vec<Limit> {
        let mut recorder = Recorder::new(settings).unwrap();
        let mut inspector = Inspector::new(scap::text::Trace::parse(trace).unwrap());
        let mut limits = Vec::new();
        while let Next::Event(event) = inspector.next().unwrap() {
            if let Some(rule) = matched(event.num()) {
                recorder.matched(Some(&rule), event.ts());
            }
            limits.extend(recorder.take(&event));
        }
        recorder.finish();
        limits
    }

    fn settings(folder: &tempfile::TempDir) -> Settings {
        let path_prefix = folder.path().join("c").display().to_string();
        Settings { enabled: true, path_prefix, default_duration: 1000, ..Settings::default() }
    }

    /// Returns the number of events in each of the files, in their order.
    fn files(folder: &tempfile::TempDir) -> Vec<usize> {
        let mut paths: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let count = |path: &PathBuf| {
            let mut inspector = Inspector::new(scap::savefile::Reader::open(path).unwrap());
            let mut count = 0;
            inspector.for_each(|_| count += 1).unwrap();
            count
        };
        paths.iter().map(count).collect()
    }

    #[test]
    fn further_matches_extend_a_capture_and_later_ones_start_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut trace = "thread tid=7 pid=7 ptid=1 comm=\"x\"\n".to_owned();
        for second in 1..=10 {
            writeln!(trace, "{second}.0 tid=7 close res=0 fd=9").unwrap();
        }
        let own = Capture::new(Some(2000));
        let limits = run(&settings(&folder), &trace, |number| match number {
            // Two seconds by its own duration, extended to the fifth by a rule that starts none.
            2 => Some(rule(Some(own))),
            4 => Some(rule(None)),
            8 => Some(rule(Some(Capture::new(None)))),
            _ => None,
        });
        assert_eq!((limits, files(&folder)), (vec![], vec![4, 2]));
    }

    #[test]
    fn a_replay_knows_the_containers_that_were_known() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        let mut recorder = Recorder::new(&settings).unwrap();
        let id = |digit: &str| digit.repeat(64);
        let trace = format!(
            "thread tid=7 pid=7 ptid=1 cgroups=[\"cpu=/docker/{}\"]\nthread tid=8 pid=8 ptid=1 cgroups=[\"cpu=/docker/{}\"]\n\
             1.0 tid=7 close res=0 fd=9\n1.1 tid=8 close res=0 fd=9\n1.2 tid=8 close res=0 fd=9\n",
            id("a"),
            id("b")
        );
        let mut inspector = Inspector::new(scap::text::Trace::parse(&trace).unwrap());
        let describe = |digit: &str, image: &str| {
            let mut info = sinsp::state::ContainerInfo::default();
            (info.id, info.image) = (digit.repeat(12), image.into());
            info
        };
        inspector.insert_container(describe("a", "shop:1"));
        for described in [None, None, Some(describe("b", "shop:2"))] {
            // An engine answers while the capture runs.
            described.into_iter().for_each(|info| inspector.insert_container(info));
            let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
            recorder.matched(Some(&rule(Some(Capture::new(None)))), event.ts());
            assert_eq!(recorder.take(&event), None);
        }
        recorder.finish();
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let mut inspector = Inspector::new(scap::savefile::Reader::open(path).unwrap());
        let mut images = Vec::new();
        let image = |event: &sinsp::Event<'_>| {
            let container = event.state().container_of(event.thread()?)?;
            Some(container.image.clone())
        };
        inspector.for_each(|event| images.push(image(&event))).unwrap();
        assert_eq!(images, [Some("shop:1".to_owned()), None, Some("shop:2".to_owned())]);
    }

    /// Returns 500 writes of 4,000 random bytes each, which cannot be compressed.
    fn noise() -> String {
        let mut trace = "thread tid=7 pid=7 ptid=1 comm=\"x\"\n".to_owned();
        let mut noise = 1u64;
        for _ in 0..500 {
            trace.push_str("tid=7 write res=4000 data=b\"");
            for _ in 0..4000 {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                write!(trace, "\\x{:02x}", noise >> 56).unwrap();
            }
            trace.push_str("\" fd=9 size=4000\n");
        }
        trace
    }

    /// A user without privileges may make a rule match as often as he likes.
    #[test]
    fn the_files_of_a_day_have_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut trace = noise();
        trace.push_str("+82800s tid=7 close res=0 fd=9\n+7200s tid=7 close res=0 fd=9\n");
        let settings = Settings { max_daily_size_mb: 1, default_duration: 1, ..settings(&folder) };
        let mut every = 0;
        let limits = run(&settings, &trace, |_| {
            every += 1;
            Some(rule(Some(Capture::new(None))))
        });
        assert_eq!(every, 502);
        // Reported once, although all events match.
        assert!(limits.len() == 1 && limits[0].is_of_day && limits[0].stored > 1 << 20, "{limits:?}");
        let mut told = Vec::new();
        limits[0].tell(|own| told.push(own.to_string()));
        let text = "Warning Peregrine internal: capture limit of the day reached. Configured limit: 1 MB. (max_daily_size_mb=1 ";
        assert!(told[0].contains(text), "{told:?}");
        // Nothing more on that day; the next one has its own.
        let counts = files(&folder);
        assert!(counts.iter().sum::<usize>() < 400, "{counts:?}");
        assert_eq!(counts.last(), Some(&1), "{counts:?}");
        let size: u64 =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(size < 1 << 21, "{size} bytes");
    }

    #[test]
    fn a_file_that_is_too_large_ends_with_an_alert() {
        let folder = tempfile::tempdir().unwrap();
        let trace = noise();
        let settings = Settings { max_file_size_mb: 1, default_duration: u32::MAX, ..settings(&folder) };
        let limits = run(&settings, &trace, |number| (number == 1).then(|| rule(Some(Capture::new(None)))));
        assert!(limits.len() == 1 && limits[0].megabytes == 1 && limits[0].stored > 1 << 20, "{limits:?}");
        let counts = files(&folder);
        assert!(counts.len() == 1 && counts[0] < 500, "{counts:?}");
        let mut told = Vec::new();
        limits[0].tell(|own| told.push(own.to_string()));
        let [told] = told.as_slice() else { panic!("{told:?}") };
        let text =
            "Informational Falco internal: capture size limit reached. Configured limit: 1 MB. (max_file_size_mb=1 ";
        assert!(told.contains(text), "{told}");
    }
}
