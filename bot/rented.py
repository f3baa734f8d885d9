"""`python -m bot.rented`: a training on a machine that was reached over ssh. Its home folder holds dataset and settings
only; what was agreed with whom stays at home, and is asked there before and after.

Standard error is what the person at home reads; standard output ends with one JSON object, figures or error.
"""

import json
import os
import shutil
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import show
from data.errors import UserError


def look() -> dict[str, Any]:
    """What this machine is: see `training.remote`."""
    from training import model

    return {
        "version": version("doppelgram"),
        "gpu": model.gpu(),
        "free_bytes": shutil.disk_usage(Path.home()).free,
    }


def main() -> None:
    """Look at the machine, or train. A training that is stopped by its time has a report, too."""
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    if sys.argv[1:] == ["--look"]:
        show.data(look())
        return
    from bot import learning
    from bot.desk import Desk

    try:
        with Desk.open() as desk, desk.home.holding_training("train"):
            wanted = desk.settings.train
            report = learning.learn(desk, learning.Wish(minutes=wanted.minutes, epochs=wanted.epochs))
    except UserError as error:
        report = {"error": error.message, "hint": error.hint}
    except KeyboardInterrupt:
        report = {"error": "The time was over before the training was.", "hint": "Give it more --hours, or --minutes."}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
