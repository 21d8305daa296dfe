//! The behaviour of two other engines, row by row, and ours: the numbers are those of the tables in
//! `docs/correlation.md`. E is the Python package eql, S is rsigma. Rows about the syntax of rule files are in
//! `tests/correlation_rules`.

use crate::script::Set;

fn set() -> Set {
    Set::default()
}

/// Rows of one set: the number, the events, the matches.
fn rows(set: &Set, rows: &[(&str, &str, &str)]) {
    for (row, fed, expected) in rows {
        assert_eq!(set.feed(fed), *expected, "{row}: {fed}");
    }
}

#[test]
fn sequences() {
    rows(
        &set().sequence("a b", "", "100"),
        &[
            ("E1", "A1@0 A2@1 B1@2", "[A2 B1]"),
            ("E2", "A1@0 A2@1 B1@2 B2@3", "[A2 B1]"),
            ("E3", "A1@0 B1@1 A2@2 B2@3", "[A1 B1] [A2 B2]"),
            ("E13", "B1@5 A1@5", "-"),
            ("E14", "A1@5 B1@5", "[A1 B1]"),
            ("S40", "A1@0 B1@1", "[A1 B1]"),
            ("S41", "B1@0 A1@1", "-"),
            ("S43", "A1@0 A2@1 B1@2", "[A2 B1]"),
        ],
    );
    rows(
        &set().sequence("a b c", "", "100"),
        &[
            ("E4", "A1@0 B1@1 A2@2 C1@3", "[A1 B1 C1]"),
            ("E5", "A1@0 B1@1 A2@2 B2@3 C1@4", "[A2 B2 C1]"),
            ("E6", "A1@0 B1@1 A2@2 C1@3 B2@4 C2@5", "[A1 B1 C1] [A2 B2 C2]"),
            ("E7", "A1@0 B1@1 B2@2 C1@3 C2@4", "[A1 B1 C1]"),
            ("S47", "A1@0 C1@1 B1@2 C2@3", "[A1 B1 C2]"),
        ],
    );
    rows(&set().sequence("a a", "", "100"), &[("E8", "A1@0 A2@1 A3@2 A4@3", "[A1 A2] [A2 A3] [A3 A4]")]);
    rows(
        &set().sequence("a a a", "", "100"),
        &[("E9", "A1@0 A2@1 A3@2 A4@3 A5@4", "[A1 A2 A3] [A2 A3 A4] [A3 A4 A5]")],
    );
    rows(&set().sequence("* b", "", "100"), &[("E10", "A1@0 B1@1 B2@2", "[A1 B1] [B1 B2]")]);
    rows(
        &set().sequence("* * c", "", "100"),
        &[("E11", "A1@0 B1@1 C1@2 C2@3 C3@4", "[A1 B1 C1] [B1 C1 C2] [C1 C2 C3]")],
    );
    rows(&set().sequence("* b c", "", "100"), &[("E12", "A1@0 B1@1 C1@2", "[A1 B1 C1]")]);
}

/// The order is that of the times, and of arrival where they are equal. Eql uses the order of arrival only, rsigma that
/// of the times only.
#[test]
fn order_and_late_events() {
    rows(
        &set().sequence("a b", "", "100"),
        &[
            ("E15, S45", "A1@5 B1@3", "-"),
            // A late first step is not seen behind its second.
            ("S44", "B1@5 A1@3", "-"),
            ("S46", "B1@5 A1@5", "-"),
            ("late, in order", "A1@5 C1@6 B1@5.5", "[A1 B1]"),
            ("late, the younger first step stays", "A1@5 A2@4 B1@6", "[A1 B1]"),
        ],
    );
    rows(&set().sequence("a b", "", "5"), &[("E16", "A1@50 B1@3", "-")]);
    // An event that is older than the timespan, and one second more, than the youngest of its group does not count.
    rows(&set().event_count("a", "", "10", 3), &[("S16", "A1@20 A2@0 A3@1 A4@2", "-")]);
    rows(
        &set().event_count("a", "", "10", 2),
        &[
            ("S17", "A1@0 A2@100 A3@1", "-"),
            ("late, in a window", "A1@0 A2@20 A3@19.5", "[A3 A2]"),
            ("late, with what is older", "A1@0 A2@10.5 A3@9.9", "[A1 A3]"),
        ],
    );
    rows(
        &set().temporal("a b", "", "10", 2),
        &[("S39", "A1@100 B1@3", "-"), ("late, in a window", "A1@100 B1@99", "[B1 A1]")],
    );
}

/// The time moves by more than a minute only if two events in a row say so.
#[test]
fn wrong_times() {
    rows(
        &set().sequence("a b", "", "100"),
        &[
            ("one event", "A1@0 X1@9000 B1@1", "[A1 B1]"),
            ("the last time that there is", "A1@0 X1@18446744073 B1@1", "[A1 B1]"),
            ("one, and one more later", "A1@0 X1@9000 C1@1 X2@9001 B1@2", "[A1 B1]"),
            ("two in a row", "A1@0 X1@9000 X2@9001 B1@1", "-"),
            ("two in a row, the earlier first", "A1@0 X1@9000 X2@9000000 B1@1", "-"),
            ("of two the earlier counts", "A1@0 X1@9000000 X2@101 B1@100", "[A1 B1]"),
            ("the first of all", "X1@9000000 A1@1 X2@50 X3@101 X4@102 B1@101", "[A1 B1]"),
            ("it is a step by its own time", "A1@0 C1@1 A2@9000 B1@1", "-"),
        ],
    );
    rows(
        &set().sequence("a b", "", "5"),
        &[
            ("after a pause, what begins it is kept", "X1@1 A1@100 B1@105", "[A1 B1]"),
            ("for its own time", "X1@1 A1@100 X2@104 X3@106.1 B1@105", "-"),
            ("after a pause, a wrong time", "X1@1 A1@100 X2@9000 B1@105", "[A1 B1]"),
        ],
    );
    rows(
        &set().sequence("a !b", "", "5"),
        &[
            ("up to a minute one event is enough", "A1@0 X1@60", "[A1]"),
            ("after a pause the second event", "A1@0 X1@60.1", "-"),
            ("after a pause the second event", "A1@0 X1@60.1 X2@60.1", "[A1]"),
            ("no silence but a wrong time", "A1@0 X1@9000 B1@1 X2@20", "-"),
        ],
    );
    rows(
        &set().event_count("a", "", "10", 2),
        &[
            ("one event", "A1@0 X1@9000 A2@1", "[A1 A2]"),
            ("after a pause", "X1@1 A1@100 X2@100 A2@110", "[A1 A2]"),
            ("its own group", "A1@0 A2@9000 A3@1 A4@2", "[A3 A4]"),
        ],
    );
}

#[test]
fn keys() {
    rows(
        &set().sequence("a b", "pid", "100"),
        &[
            ("E17", "A1@0:pid=1 B1@1:pid=1 B2@2:pid=1", "[A1 B1]"),
            ("E18", "A1@0:pid=1 A2@1:pid=2 B2@2:pid=2 B1@3:pid=1", "[A2 B2] [A1 B1]"),
            // An event that lacks a part of the key is ignored; eql and rsigma make one group of all of them.
            ("E21", "A1@0 B1@1", "-"),
            ("E23", "A1@0 B1@1:pid=1 A2@2:pid=1 B2@3:pid=1", "[A2 B2]"),
            ("E25", "A1@0:pid=1 B1@1:pid=\"1\"", "-"),
            ("E26", "A1@0:pid=1 B1@1:pid=1.0", "[A1 B1]"),
            ("E26, a truth is no number", "A1@0:pid=true B1@1:pid=1", "-"),
            ("E27", "A1@0:pid=[1,2] B1@1:pid=[1,2]", "[A1 B1]"),
            ("E27", "A1@0:pid=[1,2] B1@1:pid=2", "-"),
        ],
    );
    rows(
        &set().sequence("a b", "?pid", "100"),
        &[
            ("E21, E29", "A1@0 B1@1", "[A1 B1]"),
            ("E23", "A1@0 B1@1:pid=1 A2@2:pid=1 B2@3", "[A1 B2]"),
            ("E28", "A1@0:pid=\"\" B1@1", "-"),
        ],
    );
    rows(
        &set().sequence("a b", "pid,host", "100"),
        &[("E19", "A1@0:pid=1:host=x A2@1:pid=1:host=y B2@2:pid=1:host=y B1@3:pid=1:host=x", "[A2 B2] [A1 B1]")],
    );
    rows(&set().sequence("a/pid b/ppid", "", "100"), &[("E20", "A1@0:pid=1 B1@1:pid=2:ppid=1", "[A1 B1]")]);
    // Texts keep their case, as in rsigma; eql ignores it.
    rows(&set().sequence("a b", "user", "100"), &[("E24, S14", "A1@0:user=Bob B1@1:user=bob", "-")]);
    rows(
        &set().event_count("a", "u", "10", 2),
        &[
            ("S10", "A1@0:u=x A2@1:u=y A3@2:u=x A4@3:u=y", "[A1 A3] [A2 A4]"),
            ("S11", "A1@0 A2@1 A4@2", "-"),
            ("S13", "A1@0:u=1 A2@1:u=\"1\"", "-"),
            ("S13", "A1@0:u=1 A2@1:u=1.0", "[A1 A2]"),
            ("S14", "A1@0:u=Bob A2@1:u=bob", "-"),
            ("S15", "A1@0:u=[x,y] A2@1:u=x A3@2:u=[x,y]", "[A1 A3]"),
        ],
    );
    rows(&set().event_count("a", "?u", "10", 2), &[("S11", "A1@0 A2@1 A4@2", "[A1 A2]")]);
    rows(
        &set().event_count("a", "?u,?h", "10", 2),
        &[("S12", "A1@0:u=x A2@1:u=x A3@2:u=x:h=1 A4@3:u=x:h=1", "[A1 A2] [A3 A4]")],
    );
}

/// A tree of processes is a list of keys: the process itself first, then its ancestors.
#[test]
fn trees() {
    rows(
        &set().sequence("a b", "^tree", "100"),
        &[
            ("the process", "A1@0:tree=[5,1] B1@1:tree=[5,1]", "[A1 B1]"),
            ("a descendant", "A1@0:tree=[5,1] B1@1:tree=[7,6,5,1]", "[A1 B1]"),
            ("an ancestor", "A1@0:tree=[5,1] B1@1:tree=[1]", "-"),
            ("a sibling", "A1@0:tree=[5,1] B1@1:tree=[6,1]", "-"),
            (
                "the nearest",
                "A1@0:tree=[5,1] A2@1:tree=[6,5,1] B1@2:tree=[7,6,5,1] B2@3:tree=[8,5,1]",
                "[A2 B1] [A1 B2]",
            ),
            ("without lineage", "A1@0 B1@1", "-"),
        ],
    );
    rows(
        &set().event_count("a", "^tree", "100", 3),
        &[
            ("all descendants of the first", "A1@0:tree=[5,1] A2@1:tree=[6,5,1] A3@2:tree=[7,6,5,1]", "[A1 A2 A3]"),
            ("not those beside it", "A1@0:tree=[5,1] A2@1:tree=[6,1] A3@2:tree=[7,1]", "-"),
        ],
    );
    rows(
        &set().sequence("a b until u", "^tree", "100"),
        &[
            ("until, by a descendant", "A1@0:tree=[5,1] U1@1:tree=[6,5,1] B1@2:tree=[5,1]", "-"),
            ("until, beside it", "A1@0:tree=[5,1] U1@1:tree=[6,1] B1@2:tree=[5,1]", "[A1 B1]"),
        ],
    );
}

#[test]
fn maxspan() {
    rows(
        &set().sequence("a b", "", "5"),
        &[
            ("E30", "A1@0 B1@5", "[A1 B1]"),
            ("E31", "A1@0 B1@5.0001", "-"),
            // The unit is a nanosecond: nothing depends on the unit of a timestamp, as in E38.
            ("E38", "A1@0 B1@6", "-"),
        ],
    );
    rows(&set().sequence("a b c", "", "10"), &[("E32", "A1@0 B1@6 C1@12", "-"), ("S49", "A1@0 B1@6 A2@8 C1@12", "-")]);
    rows(
        &set().sequence("a b c", "", "5"),
        &[("E33", "A1@0 B1@1 A2@4 C1@5 C2@6", "[A1 B1 C1]"), ("E34", "A1@0 B1@1 A2@5 C1@8", "-")],
    );
    rows(&set().sequence("a b", "", "0"), &[("E35", "A1@0 B1@0", "[A1 B1]"), ("E35", "A1@0 B1@0.001", "-")]);
    // Parts of seconds count; eql cuts them off.
    rows(&set().sequence("a b", "", "0.5"), &[("E36", "A1@0 B1@0.4", "[A1 B1]"), ("E36", "A1@0 B1@0.6", "-")]);
    rows(&set().sequence("a b", "", "1.5"), &[("E37", "A1@0 B1@1.4", "[A1 B1]"), ("E37", "A1@0 B1@1.6", "-")]);
    rows(&set().sequence("a b", "", "5.0000001"), &[("E39", "A1@0 B1@5", "[A1 B1]")]);
}

#[test]
fn until() {
    rows(
        &set().sequence("a b until u", "pid", "100"),
        &[
            ("E40", "A1@0:pid=1 U1@1:pid=1 B1@2:pid=1", "-"),
            ("E41", "A1@0:pid=1 U1@1:pid=2 B1@2:pid=1", "[A1 B1]"),
            ("E41", "A1@0:pid=1 U1@1 B1@2:pid=1", "[A1 B1]"),
            ("E42", "A1@0:pid=1 U1@2:pid=1 B1@2:pid=1", "-"),
            ("E43", "A1@0:pid=1 B1@2:pid=1 U1@2:pid=1", "[A1 B1]"),
            ("E46", "A1@0:pid=1 U1@1:pid=1 A2@2:pid=1 B1@3:pid=1", "[A2 B1]"),
            ("late, before the first step", "A1@5:pid=1 U1@4:pid=1 B1@6:pid=1", "[A1 B1]"),
        ],
    );
    rows(
        &set().sequence("a b c until u", "pid", "100"),
        &[("E40", "A1@0:pid=1 B1@1:pid=1 U1@2:pid=1 C1@3:pid=1", "-")],
    );
    rows(&set().sequence("a b until b", "", "100"), &[("E44", "A1@0 B1@1", "-")]);
    rows(&set().sequence("a b until a", "", "100"), &[("E45", "A1@0 B1@1", "[A1 B1]")]);
    rows(&set().sequence("a/pid b/ppid until u/pid", "", "100"), &[("E47", "A1@0:pid=1 U1@1:pid=1 B1@2:ppid=1", "-")]);
}

/// A missing step looks at everything between its neighbours, as Elasticsearch says; eql requires an event in between.
#[test]
fn missing_steps() {
    rows(
        &set().sequence("a !b c", "", "5"),
        &[
            ("E52", "A1@0 C1@1", "[A1 C1]"),
            ("E53", "A1@0 X1@1 C1@2", "[A1 C1]"),
            ("E54", "A1@0 X1@1 B1@2 C1@3", "-"),
            ("E55", "A1@0 B1@1 X1@2 C1@3", "-"),
            ("E56", "A1@0 B1@1 C1@2", "-"),
            ("begins again", "A1@0 B1@1 A2@2 C1@3", "[A2 C1]"),
            ("before it", "B1@0 A1@1 C1@2", "[A1 C1]"),
            ("late, before it", "A1@5 B1@4 C1@6", "[A1 C1]"),
        ],
    );
    // Last: the match is complete when the timespan has passed.
    rows(
        &set().sequence("a !b", "", "5"),
        &[
            ("nothing happens", "A1@0 X1@6.1", "[A1]"),
            ("the span has not passed", "A1@0 X1@6", "-"),
            ("it happens", "A1@0 B1@5 X1@20", "-"),
            ("it happens too late", "A1@0 B1@5.5 X1@20", "[A1]"),
            ("it is late", "A1@0 X1@5.8 B1@4.9 X1@20", "-"),
            ("again", "A1@0 A2@1 X1@20", "[A2]"),
            ("each", "A1@0 X1@7 A2@8 X1@20", "[A1] [A2]"),
        ],
    );
    rows(
        &set().sequence("a b !c", "u", "5"),
        &[
            ("by key", "A1@0:u=x A2@0:u=y B1@1:u=x B2@1:u=y C1@2:u=x X1@9", "[A2 B2]"),
            ("from the first", "A1@0:u=x B1@4:u=x C1@6:u=x X1@9", "[A1 B1]"),
        ],
    );
    // Those that are due come in the order of their deadlines, before the matches of the event itself.
    rows(
        &set().sequence("a !b", "u", "5").sequence("a !b", "u", "4").event_count("d", "", "5", 1),
        &[("order", "A1@0:u=x A2@1:u=y D1@20", "1:[A1] 0:[A1] 1:[A2] 0:[A2] 2:[D1]")],
    );
}

/// Other forms of eql: `join` and `sample` are `temporal`.
#[test]
fn any_order() {
    let set = set().temporal("a b", "host", "100", 2);
    rows(
        &set,
        &[
            ("E57, E58", "B1@0:host=x A1@1:host=x A2@2:host=x B2@3:host=x", "[B1 A1] [A2 B2]"),
            ("S50", "A1@0:host=x B1@1:host=y B2@2:host=x", "[A1 B2]"),
        ],
    );
}

/// A match uses its events up, where rsigma matches again with every further event unless its action is `reset`.
#[test]
fn event_count() {
    rows(
        &set().event_count("a", "", "10", 3),
        &[
            ("S1, S8", "A1@0 A2@1 A3@2 A4@3 A5@4 A6@5", "[A1 A2 A3] [A4 A5 A6]"),
            ("S2", "A1@0 A2@6 A3@11 A4@12", "[A2 A3 A4]"),
            ("S9", "A1@0 A2@1 A3@2 A4@3 A5@7 A6@8", "[A1 A2 A3] [A4 A5 A6]"),
        ],
    );
    rows(
        &set().event_count("a", "", "10", 2),
        &[
            ("S3", "A1@0 A2@10", "[A1 A2]"),
            ("S3", "A1@0 A2@11", "-"),
            // Times are not cut.
            ("S4", "A1@0 A2@10.9", "-"),
            ("S4", "A1@0.9 A2@10.9", "[A1 A2]"),
            ("S5, S6", "A1@0 A2@1 A3@2 A4@3", "[A1 A2] [A3 A4]"),
            ("S23", "A1@8 A2@9 A3@11 A4@12", "[A1 A2] [A3 A4]"),
        ],
    );
    // Less than three are there with the first event: `lt: 3` is `gte: 1`.
    rows(&set().event_count("a", "", "10", 1), &[("S7", "A1@0 A2@1 A3@2", "[A1] [A2] [A3]")]);
    rows(&set().event_count("a b", "", "10", 3), &[("S19", "A1@0 B1@1 A2@2", "[A1 B1 A2]")]);
    rows(&set().event_count("a", "", "0", 2), &[("S22", "A1@0 A2@1", "-"), ("S22", "A1@1 A2@1", "[A1 A2]")]);
    // Every event has a time: undated events of a source have the time of their reading.
    rows(&set().event_count("a", "", "10", 2), &[("S18", "A1@0 A2@1 A3@1", "[A1 A2]")]);
    // Sessions by gaps are not offered: a window of the whole span is.
    rows(&set().event_count("a", "", "4", 3), &[("S24", "A1@0 A2@2 A3@4 A4@9", "[A1 A2 A3]")]);
}

#[test]
fn value_count() {
    rows(
        &set().value_count("a", "v", "", "10", 3),
        &[
            ("S25", "A1@0:v=1 A2@1:v=1 A3@2:v=2 A4@3:v=3 A5@4:v=3", "[A2 A3 A4]"),
            ("S26", "A1@0:v=1 A2@1 A3@2:v=2 A4@3", "-"),
            // A missing value is not a value; the null of JSON is a text.
            ("S27", "A1@0:v=1 A2@1:v=2 A3@2", "-"),
        ],
    );
    rows(
        &set().value_count("a", "v", "", "10", 2),
        &[
            // A list is one value, and the empty text is a value.
            ("S28", "A1@0:v=[1,2] A2@1:v=\"\"", "[A1 A2]"),
            ("S28", "A1@0:v=[1,2] A2@1:v=[1,2]", "-"),
            ("S29", "A1@0:v=1 A2@1:v=1.0", "-"),
            ("S29", "A1@0:v=1 A2@1:v=\"1\"", "[A1 A2]"),
            ("S29", "A1@0:v=9007199254740992 A2@1:v=9007199254740993", "[A1 A2]"),
            ("S29", "A1@0:v=Bob A2@1:v=bob", "[A1 A2]"),
            ("S30", "A1@0:v=1 A2@11:v=2 A3@12:v=2 A4@13:v=3", "[A3 A4]"),
            ("S30", "A1@0:v=1 A2@5:v=2 A3@11:v=2 A4@12:v=3", "[A1 A2] [A3 A4]"),
        ],
    );
    rows(
        &set().value_count("a", "v", "u", "10", 2),
        &[("by key", "A1@0:v=1:u=x A2@1:v=2:u=y A3@2:v=1:u=y A4@3:v=1:u=x", "[A2 A3]")],
    );
}

#[test]
fn temporal() {
    // Without a condition all rules must match; one is enough for rsigma.
    rows(
        &set().temporal("a b", "", "10", 2),
        &[
            ("S32", "A1@0", "-"),
            ("S33", "A1@0 A2@1 B1@2 B2@3", "[A2 B1]"),
            ("S34", "A1@0 B1@1", "[A1 B1]"),
            ("S36", "A1@0 B1@10", "[A1 B1]"),
            ("S36", "A1@0 B1@11", "-"),
        ],
    );
    rows(&set().temporal("a b c", "", "10", 2), &[("S37", "A1@0 B1@1 C1@2", "[A1 B1]")]);
    rows(&set().temporal("a b c", "", "10", 3), &[("S38", "A1@0 B1@6 C1@12", "-")]);
    // One event counts for every rule that it matches, as in rsigma.
    rows(&set().temporal("a ab", "", "10", 2), &[("S52", "A1@0", "[A1 A1]")]);
}

/// `temporal_ordered` is a sequence of eql, not the window of rsigma.
#[test]
fn temporal_ordered() {
    rows(
        &set().sequence("a b", "", "10"),
        &[
            ("S42", "A1@0 B1@1 A2@2 B2@3", "[A1 B1] [A2 B2]"),
            ("S43", "A1@0 B1@1 B2@2", "[A1 B1]"),
            ("S51", "A1@0 B1@1 B2@2 A2@3 B3@4", "[A1 B1] [A2 B3]"),
            ("S52", "A1@0", "-"),
        ],
    );
    rows(&set().sequence("a b c", "", "10"), &[("S48", "A1@0 B1@1", "-"), ("S49", "A1@0 B1@6 C1@12", "-")]);
    rows(&set().sequence("a b", "u", "10"), &[("S50", "A1@0:u=x B1@1:u=y B2@2:u=x", "[A1 B2]")]);
    // Aliases are fields of each member.
    rows(&set().sequence("a/src b/dst", "", "10"), &[("S53", "A1@0:src=x:who=q B1@1:dst=x:who=p", "[A1 B1]")]);
}

#[test]
fn chained() {
    let inner = || set().event_count("a", "u", "10", 3);
    rows(
        &inner().sequence("C0 b", "u", "10").chained(&[0]),
        &[
            ("S54", "A1@0:u=x A2@1:u=x A3@2:u=x B1@3:u=x", "0:[A1 A2 A3] 1:[A3 B1]"),
            ("S55", "B1@0:u=x A1@1:u=x A2@2:u=x A3@3:u=x", "0:[A1 A2 A3]"),
            ("S56", "A1@0:u=x A2@1:u=x A3@2:u=x B1@3:u=y", "0:[A1 A2 A3]"),
            ("S57", "A1@0:u=x A2@5:u=x A3@9:u=x B1@19:u=x", "0:[A1 A2 A3] 1:[A3 B1]"),
            ("S57", "A1@0:u=x A2@5:u=x A3@9:u=x B1@20:u=x", "0:[A1 A2 A3]"),
        ],
    );
    rows(
        &inner().event_count("C0", "u", "10", 2).chained(&[0]),
        &[
            ("S58", "A1@0:u=x A2@1:u=x A3@2:u=x A4@3:u=x", "0:[A1 A2 A3]"),
            ("S58", "A1@0:u=x A2@1:u=x A3@2:u=x A4@3:u=x A5@4:u=x A6@5:u=x", "0:[A1 A2 A3] 0:[A4 A5 A6] 1:[A3 A6]"),
        ],
    );
    rows(
        &inner().event_count("C0", "", "10", 2).chained(&[]),
        &[("S59", "A1@0:u=x A2@1:u=x A3@2:u=x A4@3:u=y A5@4:u=y A6@5:u=y", "0:[A1 A2 A3] 0:[A4 A5 A6] 1:[A3 A6]")],
    );
    // One event that completes the inner one and is a step itself is one step.
    rows(
        &inner().sequence("C0 a", "u", "10").chained(&[0]),
        &[("one event", "A1@0:u=x A2@1:u=x A3@2:u=x A4@3:u=x", "0:[A1 A2 A3] 1:[A3 A4]")],
    );
    // A match that is complete because nothing happened has the time at which that was so.
    rows(
        &set().sequence("a !b", "u", "5").sequence("C0 d", "", "3").chained(&[]),
        &[
            ("after silence", "A1@0:u=x D1@7", "0:[A1] 1:[A1 D1]"),
            ("after silence, too late", "A1@0:u=x X1@7 D1@8.1", "0:[A1]"),
        ],
    );
}

/// Each member matches only its own kinds: the rows above would pass for a script that ignores kinds.
#[test]
fn the_script_distinguishes_kinds() {
    rows(&set().sequence("a b", "", "10"), &[("", "A1@0 C1@1", "-"), ("", "C1@0 B1@1", "-")]);
    rows(&set().event_count("a", "", "10", 2), &[("", "A1@0 B1@1", "-")]);
}
