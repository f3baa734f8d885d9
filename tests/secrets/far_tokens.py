"""Invented keys and tokens in the formats their vendors publish, checksums included where GitHub and npm have them.

Part of the unseen half, see `far`: rules are written without reading this file.
"""

import base64
import json
import uuid
from binascii import crc32
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

ALNUM = ascii_letters + digits
BASE62 = digits + ascii_uppercase + ascii_lowercase
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
LOWNUM = ascii_lowercase + digits
PAIRS = {
    # PEM's label and how the base64 of such a key begins.
    "pemrsa": ("RSA PRIVATE KEY", "MIIEpAIBAAKCAQEA", 1592),
    "pempkcs8": ("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC", 1624),
    "pemec": ("EC PRIVATE KEY", "MHcCAQEEI", 164),
    "pemlocked": ("ENCRYPTED PRIVATE KEY", "MIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkqhkiG9w0BBQwwHAQI", 1744),
    "ssh": ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW", 358),
    "sshrsa": ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABlwAAAAdzc2gtcn", 2436),
}
SHAPES = {
    # The fixed words of a token, and after a colon how many signs of which alphabet follow.
    "aws": "AKIA|base32:16",
    "awstemp": "ASIA|base32:16",
    "awssecret": "|base64:40",
    "fine": "github_pat_|alnum:22|_|alnum:59",
    "gitlab": "glpat-|url:20",
    "gitlabrunner": "glrt-|url:20",
    "gitlabdeploy": "gldt-|url:20",
    "slackbot": "xoxb-|digit:12|-|digit:13|-|alnum:24",
    "slackuser": "xoxp-|digit:12|-|digit:12|-|digit:13|-|hex:32",
    "slackapp": "xapp-1-A0|upnum:9|-|digit:13|-|hex:64",
    "slackhook": "https://hooks.slack.com/services/T0|upnum:9|/B0|upnum:9|/|alnum:24",
    "stripe": "sk_live_51|alnum:97",
    "stripeold": "sk_live_|alnum:24",
    "stripetest": "sk_test_51|alnum:97",
    "striperestricted": "rk_live_51|alnum:97",
    "stripehook": "whsec_|alnum:32",
    "openai": "sk-|alnum:20|T3BlbkFJ|alnum:20",
    "openaiproject": "sk-proj-|url:74|T3BlbkFJ|url:74",
    "openaiservice": "sk-svcacct-|url:74|T3BlbkFJ|url:74",
    "anthropic": "sk-ant-api03-|url:93|AA",
    "anthropicadmin": "sk-ant-admin01-|url:93|AA",
    "google": "AIzaSy|url:33",
    "googlesecret": "GOCSPX-|url:28",
    "telegram": "|nonzero:1|digit:9|:AA|url:33",
    "telegramold": "|nonzero:1|digit:8|:AA|url:33",
    "huggingface": "hf_|letter:34",
    "pypi": "pypi-AgEIcHlwaS5vcmc|url:140",
    "sendgrid": "SG.|url:22|.|url:43",
    "twilio": "SK|hex:32",
    "twilioauth": "|hex:32",
    "digitalocean": "dop_v1_|hex:64",
    "digitaloceanoauth": "doo_v1_|hex:64",
    "discordhook": "https://discord.com/api/webhooks/1|digit:18|/|url:68",
    "azure": "|base64:86|==",
    "azuresecret": "|alnum:3|8Q~|url:34",
    "heroku": "HRKU-AA|url:58",
    "mailgun": "key-|hex:32",
    "shopify": "shpat_|hex:32",
    "groq": "gsk_|alnum:52",
}
ALPHABETS = {
    "alnum": ALNUM,
    "base32": ascii_uppercase + "234567",
    "base64": BASE64,
    "digit": digits,
    "hex": HEX,
    "letter": ascii_letters,
    "nonzero": "5678",
    "upnum": ascii_uppercase + digits,
    "url": ALNUM + "-_",
}


def _shaped(shape: str, rng: Random) -> str:
    text = ""
    for part in shape.split("|"):
        alphabet, _, length = part.rpartition(":")
        text += "".join(rng.choices(ALPHABETS[alphabet], k=int(length))) if alphabet in ALPHABETS else part
    # A sign that is no letter at the very end would leave it open where the secret stops.
    return text if text[-1] not in "-_" else text[:-1] + rng.choice(ALNUM)


def _summed(prefix: str, rng: Random) -> str:
    """GitHub's classic form, which npm took over: 30 signs and the CRC-32 of them in base 62."""
    body, rest, tail = "".join(rng.choices(ALNUM, k=30)), 0, ""
    rest = crc32(body.encode())
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        tail = BASE62[digit] + tail
    return prefix + body + tail


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _jwt(rng: Random) -> str:
    head = {"alg": "HS256", "typ": "JWT"}
    born = rng.randint(1_690_000_000, 1_760_000_000)
    body = {"sub": str(rng.randint(1000, 99999)), "name": "guest", "iat": born, "exp": born + 86400}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (head, body))
    return ".".join([*map(_unpadded, parts), _unpadded(rng.randbytes(32))])


def _discord(rng: Random) -> str:
    user = _unpadded(str(rng.randint(10**17, 10**18 - 1)).encode())
    return f"{user}.G{''.join(rng.choices(ALNUM, k=5))}.{_shaped('|url:38', rng)}"


def _block(label: str, head: str, length: int, rng: Random) -> str:
    body = head + "".join(rng.choices(BASE64, k=length - len(head) - 1)) + "="
    width = 70 if "OPENSSH" in label else 64
    rows = [body[i : i + width] for i in range(0, len(body), width)]
    return "\n".join([f"-----BEGIN {label}-----", *rows, f"-----END {label}-----"])


def token(form: str, rng: Random) -> str:
    """One token of a form named as in the sentences of `far_key_lines`. Raises KeyError for another name."""
    if form in ("ghp", "gho", "ghu", "ghs", "ghr", "npm"):
        return _summed(f"{form}_", rng)
    if form == "jwt":
        return _jwt(rng)
    if form == "discord":
        return _discord(rng)
    if form == "herokuold":
        return str(uuid.UUID(bytes=rng.randbytes(16), version=4))
    if form in PAIRS:
        return _block(*PAIRS[form], rng)
    return _shaped(SHAPES[form], rng)
