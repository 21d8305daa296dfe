//! The stateful inspector: threads, descriptors, users, containers, and the fields that rules name.
