"""How much memory this process has held at its most."""

import re
import sys
from pathlib import Path


def resident() -> int:
    """Bytes of main memory; 0 where the system does not tell.

    Linux is asked itself: what `getrusage` tells there may be the peak of the process that started this one, as the
    page starts a training.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    if found:
        return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
