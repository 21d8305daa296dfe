//! Rules from a server: a `tar.gz` of rules files with a signature by [minisign](https://jedisct1.github.io/minisign/).
//!
//! One command on one host (`minisign -Sm rules.tar.gz`, and a copy to any web server) distributes rules to all hosts
//! that fetch them. A host accepts a bundle only if it is signed with the key in its configuration, is not older than
//! the current one, and all its rules load. The bundle is then kept on disk, so that the next start does not need the
//! server. The server's ETag shows whether there is a new bundle, so a check costs next to nothing.
//!
//! The newest time of signing that was ever accepted is also kept beside the directory of the bundle, so that removing that
//! directory does not open the way for an old bundle.
//!
//! A time of signing that has not come yet is rejected: with it, every later bundle would be older. Since the signature
//! says who made a bundle, it may come from another server than that of the URL, but never over http instead of https.

use crate::cli::Options;
use crate::clock::now;
use crate::config::Loaded;
use crate::config::settings::RulesBundle;
use crate::log;
use crate::plugins::Plugins;
use crate::rules::{RuleFiles, is_yaml};
use flate2::read::GzDecoder;
use minisign_verify::{PublicKey, Signature};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use ureq::http::Uri;
use ureq::{Agent, ResponseExt};

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a bundle, packed and unpacked, and maximum number of its files.
const MOST_BYTES: u64 = 32 << 20;
const MOST_UNPACKED: u64 = 128 << 20;
const MOST_FILES: usize = 10_000;
/// Seconds that the clock of the signer may be ahead.
const AHEAD: u64 = 24 * 60 * 60;

/// Rules files, by name.
pub(crate) type Files = Vec<(PathBuf, Vec<u8>)>;

/// Fetches a new bundle from the server, and keeps it if it is valid. Returns whether there is a new one.
///
/// # Errors
///
/// If the server does not respond, or its bundle is rejected: one sentence that says why.
pub(crate) fn refresh(options: &Options, loaded: &Loaded) -> Result<bool, String> {
    let settings = &loaded.config.rules_bundle;
    let (etag_file, rejected) = (settings.cache.join("etag"), settings.cache.join("rejected"));
    let agent = agent(settings)?;
    // Without a bundle on disk, the server's bundle is new whatever its tag.
    let known = if settings.cache.join("bundle").is_file() { std::fs::read_to_string(&etag_file).ok() } else { None };
    let Some(Fetched { body: bundle, etag, host }) = fetch(&agent, &settings.url, known.as_deref())? else {
        // What did not load then is not fetched again, and does not load now.
        return std::fs::read_to_string(&rejected).map_or(Ok(false), Err);
    };
    let signature = fetch(&agent, &format!("{}.minisig", settings.url), None)?;
    let signature = signature.ok_or_else(|| format!("unexpected status 304 for {}.minisig", settings.url))?;
    let signature = String::from_utf8(signature.body).map_err(|_| "the signature is not text".to_owned())?;
    let kept = seal(&signature, &bundle);
    let (files, made) = open(settings, &kept)?;
    let latest = now() / 1_000_000_000 + AHEAD;
    if made > latest {
        let time =
            jiff::Timestamp::from_second(made.cast_signed()).map_or_else(|_| made.to_string(), |time| time.to_string());
        return Err(format!(
            "{} is signed with a time in the future, {time}, and was rejected; sign it again with a clock that is right",
            settings.url
        ));
    }
    let current = signed_at(settings);
    // An earlier version accepted times in the future.
    let newest = [current, newest(settings)].into_iter().flatten().filter(|known| *known <= latest).max();
    if newest.is_some_and(|newest| made < newest) {
        let than = if current.is_some() { "the current bundle" } else { "one that was accepted before" };
        return Err(format!("{} is older than {than}, and was rejected", settings.url));
    }
    // A bundle that does not load is not kept: the next start must not fail because of it. But it is not fetched again.
    let sound = RuleFiles::with_bundle(loaded, files)
        .and_then(|found| found.load(options, &loaded.config, &*Plugins::of(&loaded.config)?).check())
        .map_err(|fatal| format!("{} has a valid signature, but its rules do not load: {fatal}", settings.url));
    std::fs::create_dir_all(&settings.cache).map_err(|error| format!("{}: {error}", settings.cache.display()))?;
    match &sound {
        Ok(()) => {
            write(&settings.cache.join("bundle"), &kept)?;
            // A directory that cannot be written has none, and then the bundle itself is the only evidence.
            if let Err(why) = write(&newest_file(settings), made.to_string().as_bytes()) {
                log::warning(format!("rules_bundle: cannot remember the time of the newest bundle: {why}"));
            }
            // It need not exist.
            let _ = std::fs::remove_file(&rejected);
        }
        Err(why) => write(&rejected, why.as_bytes())?,
    }
    if sound.is_ok() || settings.cache.join("bundle").is_file() {
        write(&etag_file, etag.unwrap_or_default().as_bytes())?;
    }
    if let (Ok(()), Some(host)) = (&sound, host) {
        log::notice(format!("rules_bundle: {} redirected to {host}, whose bundle has a valid signature", settings.url));
    }
    sound.map(|()| true)
}

/// Returns the rules files of the bundle on disk.
///
/// # Errors
///
/// If there is none, or its signature is invalid.
pub(crate) fn cached(settings: &RulesBundle) -> Result<Files, String> {
    let path = settings.cache.join("bundle");
    let bytes = std::fs::read(&path).map_err(|error| format!("no bundle at {}: {error}", path.display()))?;
    open(settings, &bytes).map(|(files, _)| files)
}

/// Returns when the bundle on disk was signed, in seconds since 1970; `None` if there is none that is valid.
pub(crate) fn signed_at(settings: &RulesBundle) -> Option<u64> {
    let sealed = std::fs::read(settings.cache.join("bundle")).ok()?;
    verify(settings, &sealed).ok().map(|(_, made)| made)
}

/// Returns the file with the newest time of signing that was accepted: beside the directory of the bundle.
fn newest_file(settings: &RulesBundle) -> PathBuf {
    let mut name = settings.cache.clone().into_os_string();
    name.push(".newest");
    name.into()
}

/// Returns the newest time of signing that was accepted, if it is known.
fn newest(settings: &RulesBundle) -> Option<u64> {
    std::fs::read_to_string(newest_file(settings)).ok()?.trim().parse().ok()
}

fn agent(settings: &RulesBundle) -> Result<Agent, String> {
    let encrypted = settings.url.starts_with("https:");
    let config = Agent::config_builder()
        .user_agent("peregrine")
        .timeout_global(Some(TIMEOUT))
        .https_only(encrypted)
        .http_status_as_error(false)
        .build();
    settings.tls.for_sinks().agent(config, encrypted).map_err(|error| error.to_string())
}

/// Response of a server.
struct Fetched {
    body: Vec<u8>,
    etag: Option<String>,
    /// Host that it came from, if not from that of the URL.
    host: Option<String>,
}

/// Returns the response; `None` if the server still has the version with the known tag.
fn fetch(agent: &Agent, url: &str, known: Option<&str>) -> Result<Option<Fetched>, String> {
    let mut request = agent.get(url);
    if let Some(tag) = known.filter(|tag| !tag.is_empty()) {
        request = request.header("if-none-match", tag);
    }
    let mut answer = request.call().map_err(|error| match error {
        ureq::Error::RequireHttpsOnly(to) => format!("{url} redirects to {to}, which is not encrypted"),
        error => format!("{url}: {error}"),
    })?;
    match answer.status().as_u16() {
        304 => return Ok(None),
        200 => {}
        status => return Err(format!("{url} returned status {status}")),
    }
    let etag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let host = |uri: &Uri| uri.host().map(str::to_owned);
    let (from, asked) = (host(answer.get_uri()), url.parse().ok().and_then(|url| host(&url)));
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
    let body = body.map_err(|error| format!("{url}: {error}"))?;
    Ok(Some(Fetched { body, etag, host: from.filter(|from| Some(from) != asked.as_ref()) }))
}

/// Joins signature and bundle in one file, so that neither exists without the other.
fn seal(signature: &str, bundle: &[u8]) -> Vec<u8> {
    let length = (signature.len() as u64).to_le_bytes();
    [&length[..], signature.as_bytes(), bundle].concat()
}

/// Verifies the signature. Returns the files and when they were signed.
fn open(settings: &RulesBundle, sealed: &[u8]) -> Result<(Files, u64), String> {
    let (bundle, made) = verify(settings, sealed)?;
    Ok((unpack(&settings.url, bundle)?, made))
}

/// Verifies the signature. Returns the packed bundle and when it was signed.
fn verify<'s>(settings: &RulesBundle, sealed: &'s [u8]) -> Result<(&'s [u8], u64), String> {
    let damaged = || "the bundle on disk is damaged".to_owned();
    let (length, rest) = sealed.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (signature, bundle) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let signature = std::str::from_utf8(signature).map_err(|_| damaged())?;
    let key = settings.public_key.trim();
    let key = if key.contains('\n') { PublicKey::decode(key) } else { PublicKey::from_base64(key) };
    let key = key.map_err(|error| format!("rules_bundle.public_key: {error}"))?;
    let signature = Signature::decode(signature).map_err(|error| format!("the signature: {error}"))?;
    key.verify(bundle, &signature, false)
        .map_err(|error| format!("the bundle is not signed with rules_bundle.public_key: {error}"))?;
    let made = signature.trusted_comment().split_ascii_whitespace().find_map(|word| {
        let number = word.strip_prefix("timestamp:")?;
        number.parse().ok()
    });
    Ok((bundle, made.unwrap_or(0)))
}

/// Returns the rules files in a bundle, sorted by name.
fn unpack(url: &str, bundle: &[u8]) -> Result<Files, String> {
    let fault = |error: std::io::Error| format!("the bundle cannot be unpacked: {error}");
    let mut archive = tar::Archive::new(GzDecoder::new(bundle).take(MOST_UNPACKED));
    let mut files: Files = Vec::new();
    for entry in archive.entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        let path = entry.path().map_err(fault)?.into_owned();
        // The names are used in messages only, and nothing is written to them; but such a name is a sign of an attack.
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(format!("the bundle has a file with the invalid name '{}'", path.display()));
        }
        if !entry.header().entry_type().is_file() || !is_yaml(&path) {
            continue;
        }
        if files.len() >= MOST_FILES {
            return Err(format!("the bundle has more than {MOST_FILES} files"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(fault)?;
        files.push((Path::new(url).join(path), bytes));
    }
    if files.is_empty() {
        return Err("the bundle has no rules files".into());
    }
    files.sort();
    Ok(files)
}

/// Writes a file atomically.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| format!("{}: {error}", path.display()))
}
