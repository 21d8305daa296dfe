//! The plugins are the examples, because a package has one library and each plugin must be one.
