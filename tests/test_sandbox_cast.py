"""The corpus is read from its package and stands nowhere else: no line of it in any file that git tracks."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEAST = 20
"""Characters; shorter lines are what anybody says."""


def normal(text: str) -> str:
    """The text however it is wrapped, quoted or capitalised."""
    for quote in "\\\"'`’‘“”":
        text = text.replace(quote, "")
    return " ".join(text.split()).casefold()


class Lines:
    """Lines to look for, by their first characters: the text is read once, however many lines there are."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._by_beginning: dict[str, list[str]] = defaultdict(list)
        for line in {normal(line) for line in lines}:
            if len(line) >= LEAST:
                self._by_beginning[line[:LEAST]].append(line)

    def __len__(self) -> int:
        return sum(map(len, self._by_beginning.values()))

    def found_in(self, text: str) -> Iterator[str]:
        """Those of the lines that stand in a text."""
        text = normal(text)
        for start in range(len(text) - LEAST + 1):
            for line in self._by_beginning.get(text[start : start + LEAST], ()):
                if text.startswith(line, start):
                    yield line


@pytest.fixture(scope="module")
def spoken() -> list[str]:
    """Everything anybody says in the corpus."""
    dataset = pytest.importorskip("chitchat_dataset", reason="pip install 'doppelgram[demo]'")
    records = json.loads(Path(dataset._PATH).read_text("utf-8")).values()
    return [message["text"] for record in records for turn in record["messages"] for message in turn]


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_line_of_the_corpus_stands_in_a_tracked_file(spoken: list[str]) -> None:
    lines = Lines(spoken)
    assert len(lines) > 100_000
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in tracked()}
    assert len(texts) > 100
    # Only places are shown: the lines themselves belong into no log either.
    assert {str(path.relative_to(ROOT)) for path, text in texts.items() if any(lines.found_in(text))} == set()


def test_a_line_of_the_corpus_is_found_however_it_is_written_down(spoken: list[str]) -> None:
    line = next(text for text in spoken if len(normal(text)) > 60 and "'" in text and text.count(" ") > 8)
    words = line.split(" ")
    lines = Lines(spoken)
    wrapped = " ".join(words[:5]) + "\n    " + " ".join(words[5:])
    for written in (line, line.upper(), wrapped, json.dumps(line), repr(line), f"> a quote: {line}."):
        assert list(lines.found_in(f"before\n{written}\nafter")), "it would slip through"


def test_most_of_a_line_and_a_short_line_are_none() -> None:
    lines = Lines(["twenty characters or a little more", "a short line"])
    assert len(lines) == 1
    assert not list(lines.found_in("twenty characters or a little, and a short line"))
