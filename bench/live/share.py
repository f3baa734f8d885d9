"""What the checks of `bench.live` share: a place for their files, and quantiles."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from bench.live.haste import HastyLoop
from bench.live.mould import Mould, mould


def played(work: Callable[[Mould, Path], Awaitable[dict[str, Any]]], contacts: int = 3, hasty: bool = True) -> Any:
    """Run a check with a mould and a folder, in a loop that is in a hurry or in real time."""

    async def all_of_it() -> dict[str, Any]:
        return await work(await mould(folder / "mould", contacts), folder)

    folder = Path(tempfile.mkdtemp(prefix="live", dir=memory()))
    try:
        with asyncio.Runner(loop_factory=HastyLoop if hasty else None) as runner:
            return runner.run(all_of_it())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory() -> str | None:
    """A folder in memory, where there is one: what a disk does to a commit is no part of these checks."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
