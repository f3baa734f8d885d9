"""Keys and tokens in the forms their vendors publish, with random draws where the secret stands."""

import base64
import json
import string
import zlib
from collections.abc import Callable
from random import Random

LETTERS = string.ascii_letters
ALNUM = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"
BASE32 = string.ascii_uppercase + "234567"
UPPER = string.digits + string.ascii_uppercase
HEX = "0123456789abcdef"


def token(rng: Random, form: str) -> str:
    """A token of the vendor and sort that `form` names."""
    return FORMS[form](rng)


def draw(rng: Random, alphabet: str, n: int) -> str:
    """`n` signs of `alphabet`."""
    return "".join(rng.choices(alphabet, k=n))


def pattern(*parts: str | tuple[str, int]) -> Callable[[Random], str]:
    """A form of fixed texts and of (alphabet, length) draws."""

    def made(rng: Random) -> str:
        return "".join(part if isinstance(part, str) else draw(rng, *part) for part in parts)

    return made


def checked(prefix: str) -> Callable[[Random], str]:
    """GitHub's form, npm's too: 30 random signs, then their CRC-32 in six digits of base 62."""

    def made(rng: Random) -> str:
        body = draw(rng, ALNUM, 30)
        number, check = zlib.crc32(body.encode()), ""
        for _ in range(6):
            number, digit = divmod(number, 62)
            check = ALNUM[digit] + check
        return prefix + body + check

    return made


def urlsafe(data: bytes) -> str:
    """Base 64 for URLs, without its padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt(rng: Random) -> str:
    """RFC 7519, signed by HS256 with bytes that no key made."""
    claims = {"sub": str(rng.randint(10**6, 10**7)), "iat": 1700000000 + rng.randint(0, 10**7)}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    return ".".join(
        [*(urlsafe(json.dumps(part, separators=(",", ":")).encode()) for part in parts), urlsafe(rng.randbytes(32))]
    )


def discord(rng: Random) -> str:
    """The bot's id in base 64, a time, a signature."""
    identity = str(rng.randint(10**17, 10**18)).encode()
    return f"{urlsafe(identity)}.{draw(rng, URLSAFE, 6)}.{draw(rng, URLSAFE, 38)}"


def uuid(rng: Random) -> str:
    """Heroku's older form."""
    return "-".join(draw(rng, HEX, n) for n in (8, 4, 4, 4, 12))


def pem(label: str, head: bytes, size: int, width: int = 64) -> Callable[[Random], str]:
    """A block of RFC 7468 that begins as such a key does (`head`) and goes on with `size` random bytes."""

    def made(rng: Random) -> str:
        body = base64.b64encode(head + rng.randbytes(size)).decode()
        lines = [body[i : i + width] for i in range(0, len(body), width)]
        return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])

    return made


SSH_HEAD = b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\x003\0\0\0\x0bssh-ed25519\0\0\0 "

FORMS: dict[str, Callable[[Random], str]] = {
    "aws_id": pattern("AKIA", (BASE32, 16)),
    "aws_session": pattern("ASIA", (BASE32, 16)),
    "aws_secret": pattern((BASE64, 40)),
    "ghp": checked("ghp_"),
    "gho": checked("gho_"),
    "ghu": checked("ghu_"),
    "ghs": checked("ghs_"),
    "ghr": checked("ghr_"),
    "github_pat": pattern("github_pat_11", (UPPER, 20), "_", (ALNUM, 59)),
    "glpat": pattern("glpat-", (URLSAFE, 20)),
    "gldt": pattern("gldt-", (URLSAFE, 20)),
    "glrt": pattern("glrt-", (URLSAFE, 20)),
    "xoxb": pattern("xoxb-", (string.digits, 12), "-", (string.digits, 13), "-", (ALNUM, 24)),
    "xoxp": pattern("xoxp-", (string.digits, 12), "-", (string.digits, 12), "-", (string.digits, 13), "-", (HEX, 32)),
    "xapp": pattern("xapp-1-A", (UPPER, 10), "-", (string.digits, 13), "-", (HEX, 64)),
    "slack_hook": pattern("https://hooks.slack.com/services/T", (UPPER, 10), "/B", (UPPER, 10), "/", (ALNUM, 24)),
    "stripe_live": pattern("sk_live_51", (ALNUM, 97)),
    "stripe_test": pattern("sk_test_", (ALNUM, 24)),
    "stripe_restricted": pattern("rk_live_51", (ALNUM, 97)),
    "whsec": pattern("whsec_", (ALNUM, 32)),
    "openai": pattern("sk-", (ALNUM, 20), "T3BlbkFJ", (ALNUM, 20)),
    "openai_project": pattern("sk-proj-", (URLSAFE, 73), "A", "T3BlbkFJ", (URLSAFE, 73), "A"),
    "openai_service": pattern("sk-svcacct-", (URLSAFE, 73), "A", "T3BlbkFJ", (URLSAFE, 73), "A"),
    "anthropic": pattern("sk-ant-api03-", (URLSAFE, 93), "AA"),
    "google": pattern("AIzaSy", (URLSAFE, 33)),
    "google_secret": pattern("GOCSPX-", (URLSAFE, 28)),
    "telegram": pattern((string.digits[5:], 1), (string.digits, 9), ":AA", (URLSAFE, 33)),
    "hf": pattern("hf_", (LETTERS, 34)),
    "npm": checked("npm_"),
    "pypi": pattern("pypi-AgEIcHlwaS5vcmc", (URLSAFE, 160)),
    "sendgrid": pattern("SG.", (URLSAFE, 22), ".", (URLSAFE, 43)),
    "twilio_sid": pattern("AC", (HEX, 32)),
    "twilio_key": pattern("SK", (HEX, 32)),
    "dop": pattern("dop_v1_", (HEX, 64)),
    "doo": pattern("doo_v1_", (HEX, 64)),
    "discord": discord,
    "discord_hook": pattern("https://discord.com/api/webhooks/1", (string.digits, 18), "/", (URLSAFE, 68)),
    "jwt": jwt,
    "azure_storage": lambda rng: base64.b64encode(rng.randbytes(64)).decode(),
    "azure_secret": pattern((ALNUM, 3), "8Q~", (URLSAFE, 34)),
    "heroku": uuid,
    "heroku_new": pattern("HRKU-AA", (URLSAFE, 58)),
    "pem_rsa": pem("RSA PRIVATE KEY", b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00", 1180),
    "pem_ec": pem("EC PRIVATE KEY", b"\x30\x77\x02\x01\x01\x04\x20", 114),
    "pem": pem("PRIVATE KEY", b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 32),
    "ssh": pem("OPENSSH PRIVATE KEY", SSH_HEAD, 172, width=70),
}
