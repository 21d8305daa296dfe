"""What the Python package eql says of generated sequences: one JSON object a line on standard output.

Each has the sequence as `steps`, `by`, `span` and `until`, the events, and the matches as lists of names of events. The
generator has a fixed seed, so that the same number of cases is the same file. It leaves out where docs/correlation.md says
that we differ: every event has its key, keys of text have one case, times never go back, and there is no missing step.
"""

import json
import random
import sys

import eql


def case(rng):
    kinds = "abcd"
    steps = ["".join(rng.sample(kinds, rng.choice([1, 1, 1, 2]))) for _ in range(rng.randint(1, 5))]
    if len(steps) == 1:
        # One step is refused by both.
        steps.append(rng.choice(kinds))
    until = rng.choice([None, None, rng.choice(kinds)])
    by = rng.choice(["", "", "u", "u,v"])
    span = rng.choice([0, 2, 5, 20, 1000])
    time, events = 0, []
    for number in range(rng.randint(5, 40)):
        time += rng.choice([0, 0, 1, 1, 2, 3, 7])
        event = {"name": f"e{number}", "kind": rng.choice(kinds), "time": time}
        event["u"] = rng.choice(["x", "y"])
        event["v"] = rng.randint(1, 2)
        events.append(event)
    return {"steps": steps, "until": until, "by": by, "span": span, "events": events}


def query(one):
    def step(kinds):
        return "[any where kind in (%s)]" % ", ".join(f'"{kind}"' for kind in kinds)

    by = f" by {one['by'].replace(',', ', ')}" if one["by"] else ""
    text = f"sequence{by} with maxspan={one['span']}s " + " ".join(step(kinds) for kinds in one["steps"])
    return text + (f" until {step(one['until'])}" if one["until"] else "")


def matches(one):
    found = []
    engine = eql.PythonEngine({"time_unit": 1})
    engine.add_query(eql.parse_query(query(one)))
    engine.add_output_hook(lambda result: found.append([event.data["name"] for event in result.events]))
    for event in one["events"]:
        engine.stream_event(eql.Event("any", event["time"], dict(event, timestamp=event["time"])))
    engine.finalize()
    return found


def main():
    count = int(sys.argv[1])
    rng = random.Random(20260)
    for _ in range(count):
        one = case(rng)
        one["matches"] = matches(one)
        print(json.dumps(one))


main()
