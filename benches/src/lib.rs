//! Workloads shared by benchmarks.
