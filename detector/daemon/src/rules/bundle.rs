//! Rules from a server: a `tar.gz` of rules files with a signature by [minisign](https://jedisct1.github.io/minisign/).
//!
//! One command on one machine (`minisign -Sm rules.tar.gz`, and a copy to any web server) rolls out rules to all hosts
//! that ask for them. A host takes a bundle only if it is signed with the key that its configuration names, is not
//! older than the one it has, and all rules load with it. Then the bundle is kept on disk, so that the next start needs
//! no server. The server's ETag says whether there is anything new, so asking costs next to nothing.

use crate::cli::Options;
use crate::config::Loaded;
use crate::config::settings::RulesBundle;
use crate::rules::{RuleFiles, is_yaml};
use flate2::read::GzDecoder;
use minisign_verify::{PublicKey, Signature};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use ureq::Agent;

/// How long the server may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What a bundle may weigh, packed and unpacked, and how many files it may hold.
const MOST_BYTES: u64 = 32 << 20;
const MOST_UNPACKED: u64 = 128 << 20;
const MOST_FILES: usize = 10_000;

/// Rules files, by name.
pub(crate) type Files = Vec<(PathBuf, Vec<u8>)>;

/// Asks the server for a new bundle, and keeps it if all is well with it. Whether there is a new one is returned.
///
/// # Errors
/// When the server does not answer, or what it has is not to be taken: one sentence that says why.
pub(crate) fn refresh(options: &Options, loaded: &Loaded) -> Result<bool, String> {
    let settings = &loaded.config.rules_bundle;
    let etag_file = settings.cache.join("etag");
    let agent = agent(settings)?;
    // Without a bundle on the disk, the one that the server has is new whatever its tag.
    let known = if settings.cache.join("bundle").is_file() { std::fs::read_to_string(&etag_file).ok() } else { None };
    let Some((bundle, etag)) = fetch(&agent, &settings.url, known.as_deref())? else { return Ok(false) };
    let signature = fetch(&agent, &format!("{}.minisig", settings.url), None)?;
    let (signature, _) = signature.ok_or_else(|| format!("{}.minisig has not changed?", settings.url))?;
    let signature = String::from_utf8(signature).map_err(|_| "the signature is no text".to_owned())?;
    let kept = seal(&signature, &bundle);
    let (files, made) = open(settings, &kept)?;
    if let Ok(before) = std::fs::read(settings.cache.join("bundle"))
        && let Ok((_, known)) = open(settings, &before)
        && made < known
    {
        return Err(format!("{} is older than the bundle at hand, and is not taken", settings.url));
    }
    // What would not load is not kept: the next start must not fail for it. But it is not asked for again either.
    let sound = RuleFiles::with_bundle(loaded, files)
        .and_then(|found| found.load(options, &loaded.config).check(&loaded.config))
        .map_err(|fatal| format!("{} is signed, but its rules do not load: {fatal}", settings.url));
    std::fs::create_dir_all(&settings.cache).map_err(|error| format!("{}: {error}", settings.cache.display()))?;
    if sound.is_ok() {
        write(&settings.cache.join("bundle"), &kept)?;
    }
    if sound.is_ok() || settings.cache.join("bundle").is_file() {
        write(&etag_file, etag.unwrap_or_default().as_bytes())?;
    }
    sound.map(|()| true)
}

/// The rules files of the bundle on the disk.
///
/// # Errors
/// When there is none, or its signature is not right.
pub(crate) fn cached(settings: &RulesBundle) -> Result<Files, String> {
    let path = settings.cache.join("bundle");
    let bytes = std::fs::read(&path).map_err(|error| format!("no bundle at {}: {error}", path.display()))?;
    open(settings, &bytes).map(|(files, _)| files)
}

fn agent(settings: &RulesBundle) -> Result<Agent, String> {
    let mut config =
        Agent::config_builder().user_agent("peregrine").timeout_global(Some(TIMEOUT)).http_status_as_error(false);
    if settings.url.starts_with("https:") {
        config = config.tls_config(settings.tls.for_sinks().for_http().map_err(|error| error.to_string())?);
    }
    Ok(config.build().into())
}

type Fetched = (Vec<u8>, Option<String>);

/// The body and its tag; `None` if it is still what the known tag stands for.
fn fetch(agent: &Agent, url: &str, known: Option<&str>) -> Result<Option<Fetched>, String> {
    let mut request = agent.get(url);
    if let Some(tag) = known.filter(|tag| !tag.is_empty()) {
        request = request.header("if-none-match", tag);
    }
    let mut answer = request.call().map_err(|error| format!("{url}: {error}"))?;
    match answer.status().as_u16() {
        304 => return Ok(None),
        200 => {}
        status => return Err(format!("{url} answers with status {status}")),
    }
    let etag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
    Ok(Some((body.map_err(|error| format!("{url}: {error}"))?, etag)))
}

/// Signature and bundle as one file, so that one never stands without the other.
fn seal(signature: &str, bundle: &[u8]) -> Vec<u8> {
    let length = (signature.len() as u64).to_le_bytes();
    [&length[..], signature.as_bytes(), bundle].concat()
}

/// Checks the signature, and gives the files and when they were signed.
fn open(settings: &RulesBundle, sealed: &[u8]) -> Result<(Files, u64), String> {
    let damaged = || "the kept bundle is damaged".to_owned();
    let (length, rest) = sealed.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (signature, bundle) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let signature = std::str::from_utf8(signature).map_err(|_| damaged())?;
    let key = settings.public_key.trim();
    let key = if key.contains('\n') { PublicKey::decode(key) } else { PublicKey::from_base64(key) };
    let key = key.map_err(|error| format!("rules_bundle.public_key: {error}"))?;
    let signature = Signature::decode(signature).map_err(|error| format!("the signature: {error}"))?;
    key.verify(bundle, &signature, false).map_err(|error| format!("the bundle is not signed with our key: {error}"))?;
    let made = signature.trusted_comment().split_ascii_whitespace().find_map(|word| {
        let number = word.strip_prefix("timestamp:")?;
        number.parse().ok()
    });
    Ok((unpack(&settings.url, bundle)?, made.unwrap_or(0)))
}

/// The rules files in a bundle, in the order of their names.
fn unpack(url: &str, bundle: &[u8]) -> Result<Files, String> {
    let fault = |error: std::io::Error| format!("the bundle cannot be unpacked: {error}");
    let mut archive = tar::Archive::new(GzDecoder::new(bundle).take(MOST_UNPACKED));
    let mut files: Files = Vec::new();
    for entry in archive.entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        let path = entry.path().map_err(fault)?.into_owned();
        // Nothing is written under these names, they only stand in messages; but who names such a file is up to no good.
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(format!("the bundle holds a file with the name '{}'", path.display()));
        }
        if !entry.header().entry_type().is_file() || !is_yaml(&path) {
            continue;
        }
        if files.len() >= MOST_FILES {
            return Err(format!("the bundle holds more than {MOST_FILES} files"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(fault)?;
        files.push((Path::new(url).join(path), bytes));
    }
    if files.is_empty() {
        return Err("the bundle holds no rules files".into());
    }
    files.sort();
    Ok(files)
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| format!("{}: {error}", path.display()))
}
