"""How I say it: the base model, the adapter on top of it, training, generation and evaluation. Torch lives here.

The libraries underneath report usage to their makers unless told not to, and they read that choice when they are
imported. So it is made here, before any of them can be: importing `training` alone imports none of them.
"""

import os

for _switch in ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK", "BITSANDBYTES_NOWELCOME"):
    os.environ[_switch] = "1"
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
# Threads that wait for each other must sleep: by default they spin, and take the cores from whatever else runs,
# and from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
