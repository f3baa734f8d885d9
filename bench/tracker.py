"""torch's own tracker of memory: the bytes that are alive while a step runs, also on tensors without a content."""

from typing import Any


def tracker() -> Any:
    """The tracker, told nothing about modules: it would hook gradients of weights that have none."""
    from torch.distributed._tools.mem_tracker import MemTracker

    class Totals(MemTracker):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()
            self._mod_tracker = NoModules()  # type: ignore[assignment]

    return Totals()


class NoModules:
    """Stands where torch's tracker of modules would."""

    is_bw = False
    parents = frozenset[str]()

    def register_user_hooks(self, *_: Any) -> None:
        """Nothing."""

    def clear_user_hooks(self) -> None:
        """Nothing."""

    def __enter__(self) -> "NoModules":
        return self

    def __exit__(self, *_: object) -> None:
        pass
