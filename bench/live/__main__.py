"""python -m bench.live [--long] [--only CHECK ...] [--out FILE]: ten checks, two at a time; prints one JSON object.

With `--out` each check that is done is a line of a file, and is not done again: a long run may be had in pieces. The
state machine ends after a while; each time it goes on with other seeds, until it has had all its runs.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench.live import day, kills, leaks, limits, machine, overhead, owner, pauses, routing, steady
from bench.live.share import played

BROKEN = ("duplicates", "misrouted", "sent_after_pause", "unsettled", "to_machines", "after_owner", "overwrites")
BROKEN_TOO = (
    *("out_of_order", "crashed", "sandbox_failures", "over_caps", "in_quiet_hours"),
    *("credentials_leaked", "texts_in_logs"),
)
MEASURED = (
    *("pause_p99_ms", "pause_max_ms", "recovery_p95_s", "overhead_p95_ms", "memory_growth_bytes"),
    "loop_blocked_max_ms",
)
MACHINE, RUNS, MACHINE_SECONDS = "machine", {False: 200, True: 2_000}, {False: 500.0, True: 7_000.0}
"""The state machine takes what time there is, up to its number of runs."""
Found = dict[str, Any]
CHECKS: dict[str, Callable[[bool], Found]] = {
    "pauses": lambda long: played(lambda m, f: pauses.check(m, f, 1_000 if long else 100), hasty=False),
    "overhead": lambda long: played(lambda m, f: overhead.check(m, f, 1_000 if long else 100), hasty=False),
    "kills": lambda long: played(lambda m, f: kills.check(m, f, 200 if long else 8), hasty=False),
    "leaks": lambda long: played(lambda m, f: leaks.check(m, f, 5 if long else 1), hasty=False),
    "steady": lambda long: played(lambda m, f: steady.check(m, f, 100 if long else 8), hasty=False),
    "routing": lambda long: played(lambda m, f: routing.check(m, f, 10_000 if long else 2_000), 50),
    "owner": lambda long: played(lambda m, f: owner.check(m, f, 1_000 if long else 200), 10),
    "limits": lambda _long: played(lambda m, f: limits.check(m, f, 50)),
    "day": lambda long: played(lambda m, f: day.check(m, f, *((20_000, 100) if long else (1_000, 10))), 10),
}
SIDE_BY_SIDE = (
    ("pauses", "overhead", "steady", "kills", "leaks"),  # their seconds are seconds
    ("limits", "owner", "routing", MACHINE, "day"),  # waiting costs nothing
)
"""As many as there are cores in a small machine, lest one wait for the other."""


def part(names: Sequence[str], long: bool, out: Path | None) -> dict[str, Found]:
    """These checks, one after the other, unless the file holds them."""
    return {name: found for name in names if (found := _told(name, long, out)) is not None}


def _told(name: str, long: bool, out: Path | None) -> Found | None:
    before = kept(out, long).get(name, {})
    if before and (name != MACHINE or before["runs"] >= RUNS[long]):
        return before
    began = time.monotonic()
    if name == MACHINE:
        done = before.get("runs", 0)
        found: Found = machine.check(RUNS[long] - done, start=1 + done, seconds=MACHINE_SECONDS[long])
    else:
        found = CHECKS[name](long)
    found["seconds"] = round(time.monotonic() - began, 1)
    line = json.dumps({"check": name, "long": long, "found": found})
    print(line, file=sys.stderr, flush=True)
    if out:
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return _added(before, found)


def kept(out: Path | None, long: bool) -> dict[str, Found]:
    """What earlier runs found, by check."""
    together: dict[str, Found] = {}
    for line in out.read_text(encoding="utf-8").splitlines() if out and out.exists() else ():
        row = json.loads(line)
        if row["long"] == long:
            together[row["check"]] = _added(together.get(row["check"], {}), row["found"])
    return together


def _added(one: Found, other: Found) -> Found:
    """The counts of two pieces of one check; only the state machine comes in more than one."""
    return dict(Counter(one) + Counter(other)) if one else other


def summed(found: dict[str, Found]) -> Found:
    """What was broken in any check, and what was measured; a count may bear the name of its check before it."""
    totals: Found = {}
    for name in (*BROKEN, *BROKEN_TOO):
        same = [key for counts in found.values() for key in counts if key == name or key.endswith(f"_{name}")]
        totals[name] = sum(counts.get(key, 0) for counts in found.values() for key in set(same))
    totals |= {name: counts[name] for counts in found.values() for name in MEASURED if name in counts}
    return totals


def main(long: bool, names: Sequence[str], out: Path | None) -> None:
    """Run these, and tell of everything that is known."""
    with ProcessPoolExecutor(len(SIDE_BY_SIDE)) as pool:
        parts = [pool.submit(part, [each for each in group if each in names], long, out) for group in SIDE_BY_SIDE]
        found = kept(out, long) | {name: counts for each in parts for name, counts in each.result().items()}
    missing = [name for group in SIDE_BY_SIDE for name in group if name not in found]
    print(json.dumps({**summed(found), "long": long, "missing": missing, "counts": found}))


if __name__ == "__main__":
    everything = [name for group in SIDE_BY_SIDE for name in group]
    parser = argparse.ArgumentParser(prog="python -m bench.live", description="ten checks of the live room")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", nargs="+", choices=everything, default=everything, metavar="CHECK")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    main(given.long, given.only, given.out)
