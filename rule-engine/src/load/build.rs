//! Loaded rules to compiled ones: the last step of loading.

use super::LoadedRule;
use crate::engine::{Compiled, CompiledRules, Settings};
use crate::output::{ExtraField, Output, Priority, Template, TemplateError, Writer};
use crate::resolve::sources::{Source, Sources};
use crate::ruleset::{Capture, Rule, Selection, Selector};

impl Sources {
    /// Compiles the rules of a load. The rules of each source own its schema.
    ///
    /// # Errors
    /// If a source has no field for the time of its events, or no source has a field of a key.
    pub fn build(self, rules: Vec<LoadedRule>, settings: &Settings) -> Result<CompiledRules, TemplateError> {
        build(self, rules, settings)
    }
}

fn build(sources: Sources, rules: Vec<LoadedRule>, settings: &Settings) -> Result<CompiledRules, TemplateError> {
    let mut rows = sources.into_all();
    for loaded in rules {
        let Some(row) = rows.iter_mut().find(|row| row.schema.names().source() == loaded.source) else { continue };
        let priority = Priority::ALL.get(usize::from(loaded.priority)).copied().unwrap_or(Priority::Debug);
        let milliseconds = (loaded.capture_duration > 0).then_some(loaded.capture_duration);
        let extra = loaded.extra.into_iter();
        let output = Output {
            rule: loaded.name,
            priority,
            source: loaded.source,
            tags: loaded.tags,
            message: loaded.template,
            extra: extra.map(|(field, template)| ExtraField { key: field.name, template, raw: field.raw }).collect(),
            key: None,
        };
        let capture = loaded.capture.then_some(Capture { milliseconds });
        row.builder.add(Rule { output, enabled: loaded.enabled, capture }, loaded.condition);
    }
    let mut sets = Vec::with_capacity(rows.len());
    // The first complaint about each field that no source has had yet.
    let mut unknown: Vec<(&str, TemplateError)> = Vec::new();
    for (place, Source { mut schema, mut builder }) in rows.into_iter().enumerate() {
        let mut keys = Vec::with_capacity(settings.keys.len());
        for key in &settings.keys {
            let mut text = String::new();
            for field in &key.fields {
                match Template::parse(&format!("%{field}"), schema.names_mut()) {
                    Ok(_) => {
                        // The values of two fields do not run into each other.
                        text.push_str(&format!("%{field}\u{1}"));
                        unknown.retain(|(name, _)| name != field);
                    }
                    Err(error) if place == 0 => unknown.push((field, error)),
                    Err(_) => {}
                }
            }
            keys.push(if text.is_empty() { Template::default() } else { Template::parse(&text, schema.names_mut())? });
        }
        for rule in builder.rules_mut() {
            let key = settings.keys.iter().position(|key| key.rules.selects(rule));
            rule.output.key = key.map(|place| keys[place].clone());
        }
        for selection in &settings.selections {
            builder.select(selection);
        }
        builder.select(&Selection { rules: Selector::Below(settings.priority), enable: false });
        let writer = Writer::new(settings.format.clone(), schema.names_mut())?;
        let also = settings.also.clone().map(|format| Writer::new(format, schema.names_mut())).transpose()?;
        let rules = builder.build(schema.names(), settings.options);
        sets.push(schema.own(Compiled { rules, writer, also }));
    }
    if let Some((_, error)) = unknown.into_iter().next() {
        return Err(error);
    }
    Ok(CompiledRules::new(sets))
}
