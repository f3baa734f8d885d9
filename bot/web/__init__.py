"""The page: what waits, the chats, the twin, training, report, a game and the log, in a browser on this machine.

It works on the rows of the home folder, like every other surface, in a thread and with stores of its own: beside `run`
in another process as well as inside `run --web`.
"""
