//! Compiles loaded rules: the last step of loading.

use super::LoadedRule;
use super::correlate::Correlating;
use crate::engine::{Compiled, CompiledRules, Config};
use crate::output::{ExtraField, Output, Priority, TemplateError};
use crate::resolve::sources::{Source, Sources};
use crate::ruleset::{Capture, Rule, Selection, Selector};

impl Sources {
    /// Compiles the rules of a load. The rules of each source own its schema.
    ///
    /// # Errors
    /// If a source has no field for the time of its events, or no source has a field of a key.
    pub fn build(self, rules: Vec<LoadedRule>, config: &Config) -> Result<CompiledRules, TemplateError> {
        build(self, rules, config)
    }
}

fn build(sources: Sources, rules: Vec<LoadedRule>, config: &Config) -> Result<CompiledRules, TemplateError> {
    let (mut rows, correlations) = sources.into_all();
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
        };
        let capture = loaded.capture.then_some(Capture { milliseconds });
        let (enabled, building_block) = (loaded.enabled, loaded.building_block);
        let responses = loaded.responses.into();
        let rule = Rule { enabled, capture, building_block, responses, ..Rule::new(output) };
        row.builder.add(rule, loaded.condition);
    }
    let mut correlating = Correlating::new(correlations, &mut rows);
    correlating.select(config)?;
    for Source { schema, builder } in &mut rows {
        for selection in &config.selections {
            builder.select(selection);
        }
        builder.select(&Selection { rules: Selector::Below(config.priority), enable: false });
        correlating.mark(schema.names().source(), builder);
    }
    let correlations = correlating.finish(&rows, config);
    let mut sets = Vec::with_capacity(rows.len());
    // The first error about each field that no source has had yet.
    let mut unknown: Option<Vec<(&str, TemplateError)>> = None;
    for Source { mut schema, builder } in rows {
        let (mut compiled, missing) =
            Compiled::new(schema.names_mut(), config, |schema| builder.build(schema, config.evaluation))?;
        match &mut unknown {
            None => unknown = Some(missing),
            Some(unknown) => unknown.retain(|(name, _)| missing.iter().any(|(other, _)| other == name)),
        }
        compiled.correlations.clone_from(&correlations);
        sets.push(schema.own(compiled));
    }
    match unknown.into_iter().flatten().next() {
        Some((_, error)) => Err(error),
        None => Ok(CompiledRules::new(sets)),
    }
}
