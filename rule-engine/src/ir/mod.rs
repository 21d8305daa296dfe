//! The parts of a compiled condition: expressions over fields, shared boolean nodes over atoms, and instructions.
//!
//! The floor between the compiler ([`lower`](crate::lower)), which builds these, and the bytecode machine
//! ([`vm`](crate::vm)), which reads them. This module does not depend on how a condition was written or how it is
//! evaluated.

pub(crate) mod expr;
pub(crate) mod node;
pub(crate) mod op;
pub(crate) mod print;
