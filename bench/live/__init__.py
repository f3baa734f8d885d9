"""The live room under load: never twice, never in the wrong chat, nothing after a pause, and the owner always wins.

python -m bench.live [--long]
"""
