"""Draw docs/demo.svg: the live part of a real demo run, on the invented cast of `sandbox/stage.py`.

python docs/picture.py
"""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
FROM, WIDTH = " 9. ", 100


def main() -> None:
    """Run the demo in colour, keep what follows the ninth step, and write it as a picture."""
    script = "from bot import demo; raise SystemExit(demo.run(hands_off=True, minutes=1, as_json=False, invented=True))"
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, text=True, check=True)
    lines = ran.stderr.splitlines()
    first = next(index for index, line in enumerate(lines) if FROM in Text.from_ansi(line).plain)
    shown = [line for line in lines[first:] if "Loading the model" not in line]
    console = Console(record=True, width=WIDTH, file=StringIO())
    console.print(Text.from_ansi("\n".join(shown)))
    svg = console.export_svg(title="doppelgram demo")
    # The picture names a font on somebody's server; whoever looks at it should fetch nothing.
    (HERE / "demo.svg").write_text(re.sub(r"@font-face\s*{[^}]*}", "", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
