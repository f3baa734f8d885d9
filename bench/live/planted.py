"""Credentials that were made up for `bench.live.leaks`: of the account, in settings that are wrong, in what people
write.
"""

from bench.live.recording import words

PASSWORD, WRONG_PASSWORD, WRONG_CODE = "quilt harbor 71 ember", "gravel lantern 62 moss", "9041-7725-31"
TOKEN = "700123456:AAHq0Zt4mPvX9uLk2WbN7cYd3RfJs8GeTgI"
SERVER_KEY = "sk-srv-T3BlbkFJq81mZxLw02VnYc"
MALFORMED = {
    "API_ID": "5f1c0e9bd27a4c3886e1f0d2b4a6978c",
    "API_HASHES": "d41c7e88b0f24f0f9a53e2b617c9d6aa",
    "COMPANION__TOKEN": "700123456/AAFwr0ngt0kenwr0ngt0ken",
    "TELEGRAM__SERVER_KEY": "MIIEowIBAAKCAQEAv7wr0ngk3y",
    "MODEL__SERVER": "http://someone:Vv8rTq2pass@127.0.0.1:9x",
    "MODEL__CANDIDATES": "hf_QmZkTtYpWsXn3LrJ7uVb",
}
"""A credential where it does not belong, by the name of a setting."""
IN_FILES = {".env": "DOPPELGRAM_API_HASCH=0b9e6c1f4d", "config.toml": "api_hash = 77ac0e51b8d24e"}
"""The same in the files, each with its own slip."""
WRITTEN = (
    "sk-proj-Zk3vT9mQx2LrWn8YbHs5",
    "AKIA4QZT7MWXN2LRKVBP",
    "ghp_Rk29vLtXq7WmZn4YbHs8JcPd0FgTuE3aVi",
    "xoxb-482913-T9mQx2LrWn8YbHs5",
    "4929 1832 7745 0219",
    "DE89 3704 0044 0532 0130 00",
    "hunter-Violet-5512",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3NzEyIn0.kq9TmZ",
    "1BVtsOKABu7wmXn3LrJ7uVbQmZkTtYpWs",
    "login code 482 137",
)
"""What people send each other."""


def messages() -> list[str]:
    """One message for each of these."""
    return [f"{words(800_000 + number)}: {secret}" for number, secret in enumerate(WRITTEN)]
