//! Turns for other tasks in long joins: between their batches, the engine itself would give none.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};

/// Wraps joins that may have far more rows than their inputs, so that a query that nobody waits for ends.
#[derive(Debug)]
pub(crate) struct Turns;

impl PhysicalOptimizerRule for Turns {
    fn name(&self) -> &'static str {
        "turns_in_joins"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            if plan.is::<NestedLoopJoinExec>() || plan.is::<CrossJoinExec>() {
                return Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>));
            }
            Ok(Transformed::no(plan))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
