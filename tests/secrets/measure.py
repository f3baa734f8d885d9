"""How much of a file of chat lines redaction finds."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.redact import find

HERE = Path(__file__).parent


@dataclass
class Recall:
    """Secrets of each kind, those found, and ordinary lines that were taken for secrets."""

    all: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    ordinary: int = 0
    alarms: int = 0

    @property
    def share(self) -> float:
        """Of all secrets, the share that was found."""
        return self.found.total() / self.all.total()

    def by_kind(self) -> dict[str, float]:
        """The same for each kind, in percent."""
        return {kind: round(100 * self.found[kind] / n, 1) for kind, n in sorted(self.all.items())}


def measured(name: str) -> Recall:
    """What is found in `tests/secrets/NAME.jsonl`."""
    recall = Recall()
    for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        record = json.loads(line)
        recall.all.update(secret["kind"] for secret in record["secrets"])
        recall.found.update(secret["kind"] for secret in record["secrets"] if is_found(record["text"], secret))
        if not record["secrets"]:
            recall.ordinary += 1
            recall.alarms += bool(find(record["text"]))
    return recall


def is_found(text: str, secret: dict[str, Any]) -> bool:
    """Whether every letter and digit of a secret is replaced, and no more than the word on either side with it."""
    spans = [s for s in find(text) if s.start < secret["end"] and s.end > secret["start"]]
    hidden = {i for span in spans for i in range(span.start, span.end)}
    if not all(i in hidden for i in range(secret["start"], secret["end"]) if text[i].isalnum()):
        return False
    before = text[min(s.start for s in spans) : secret["start"]]
    after = text[secret["end"] : max(s.end for s in spans)]
    return len(before.split()) <= 1 and len(after.split()) <= 1
