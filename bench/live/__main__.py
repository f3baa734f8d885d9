"""python -m bench.live [--long]: eight checks in three processes; one JSON object on stdout."""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.live import day, kills, limits, machine, overhead, owner, pauses, routing
from bench.live.share import played

BROKEN = ("duplicates", "misrouted", "sent_after_pause", "unsettled", "to_machines", "after_owner", "overwrites")
BROKEN_TOO = ("out_of_order", "crashed", "sandbox_failures", "over_caps", "in_quiet_hours")
MEASURED = ("pause_p99_ms", "pause_max_ms", "recovery_p95_s", "overhead_p95_ms", "memory_growth_bytes")
MACHINE_SECONDS = {False: 540.0, True: 8_400.0}
"""The state machine takes what time there is, up to its number of runs."""


def in_real_time(long: bool) -> list[dict[str, Any]]:
    """The checks whose seconds are seconds."""
    return [
        _told("pauses", lambda: played(lambda m, f: pauses.check(m, f, 1_000 if long else 100), hasty=False)),
        _told("overhead", lambda: played(lambda m, f: overhead.check(m, f, 1_000 if long else 100), hasty=False)),
        _told("kills", lambda: played(lambda m, f: kills.check(m, f, 200 if long else 8), hasty=False)),
    ]


def in_haste(long: bool) -> list[dict[str, Any]]:
    """The checks in which waiting costs nothing."""
    messages, restarts = (20_000, 100) if long else (1_000, 10)
    return [
        _told("routing", lambda: played(lambda m, f: routing.check(m, f, 10_000 if long else 2_000), 50)),
        _told("owner", lambda: played(lambda m, f: owner.check(m, f, 1_000 if long else 200), 10)),
        _told("limits", lambda: played(lambda m, f: limits.check(m, f, 50))),
        _told("day", lambda: played(lambda m, f: day.check(m, f, messages, restarts), 10)),
    ]


def at_random(long: bool) -> list[dict[str, Any]]:
    """The state machine."""
    runs = 2_000 if long else 200
    return [_told("machine", lambda: machine.check(runs, seconds=MACHINE_SECONDS[long]))]


def _told(name: str, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began = time.monotonic()
    found = check()
    found["seconds"] = round(time.monotonic() - began, 1)
    print(name, json.dumps(found), file=sys.stderr, flush=True)
    return {name: found}


def summed(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What was broken in any check, and what was measured; a count may bear the name of its check before it."""
    totals: dict[str, Any] = {}
    for name in (*BROKEN, *BROKEN_TOO):
        same = [key for counts in found.values() for key in counts if key == name or key.endswith(f"_{name}")]
        totals[name] = sum(counts.get(key, 0) for counts in found.values() for key in set(same))
    totals |= {name: counts[name] for counts in found.values() for name in MEASURED if name in counts}
    return totals


def main(long: bool) -> None:
    """Run everything."""
    with ProcessPoolExecutor(3) as pool:
        parts = [pool.submit(part, long) for part in (in_real_time, in_haste, at_random)]
        found = {name: counts for part in parts for each in part.result() for name, counts in each.items()}
    print(json.dumps({**summed(found), "long": long, "counts": found}))


if __name__ == "__main__":
    main("--long" in sys.argv[1:])
