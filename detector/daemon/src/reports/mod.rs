//! Reports that the detector prints: lists, versions, validation, explanations, plans, profiles, results of rule tests.

pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod rule_tests;
pub(crate) mod support;
pub(crate) mod validate;
pub(crate) mod version;
