"""`python -m bot` is `doppelgram`."""

from bot.cli import main

main()
