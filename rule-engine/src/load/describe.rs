//! What rules, macros and lists are made of: the answer to `-L` and `-l`, as Falco gives it.
