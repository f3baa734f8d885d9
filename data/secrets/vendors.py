"""Keys and tokens: the forms their vendors publish, key blocks, values of assignments, and random text."""

import re
from collections.abc import Iterator
from itertools import pairwise

_B64 = r"[A-Za-z0-9+/]"
_URL = r"[A-Za-z0-9_-]"

_VENDORS = (
    # Model servers.
    rf"sk-(?:[a-z0-9]+-)*{_URL}{{16,}}",
    r"(?:hf|api_org)_[A-Za-z0-9]{20,}",
    r"(?:gsk|r8|pplx|xai|nvapi|fw|tgp_v1|lsv2_(?:pt|sk)|tvly|pcsk|jina|esecret|ragie|phc|phx|phs)[_-][\w-]{20,}",
    # Code and packages.
    r"gh[pousr]_[A-Za-z0-9_.-]{20,}",
    r"github_pat_\w{20,}",
    r"(?:gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)|GR1348941)-?[\w.-]{16,}",
    r"(?:ATATT3|ATCTT3|ATBB|ATOA|BBDC-)[\w=+/-]{16,}",
    r"npm_[A-Za-z0-9]{20,}",
    r"pypi-[\w-]{40,}",
    r"(?:rubygems_|cio)[a-f0-9A-Za-z]{30,}",
    r"(?:dckr_(?:pat|oat)_|figd_|lin_api_|lin_oauth_|ntn_|secret_|pnu_|pul-|dp\.(?:pt|st|ct|sa|scim"
    r"|audit)\.)[\w.-]{16,}",
    r"(?:nfp|sbp|sb_secret|vercel|vck|vcp|fly|FlyV1|fo1|rnd|rw|netlify|key|tfp|pat|EAAA)_[\w-]{24,}",
    r"(?:sq0(?:atp|csp|idp)|EAAA[A-Za-z])[\w-]{20,}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}",
    # Clouds.
    r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{12,}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w.-]{20,}",
    r"1//0[\w-]{30,}",
    r"GOCSPX-[\w-]{20,}",
    r"do[opr]_v1_[a-f0-9]{40,}",
    r"HRKU-[\w-]{30,}",
    r"(?:LTAI|AKID|AKLT|YC[AN])[A-Za-z0-9_-]{12,}",
    r"(?:t1\.|y[0-3]_)[\w-]{20,}[\w.=-]*",
    r"[A-Za-z0-9]{3}[78]Q~[\w.~-]{31,}",
    r"(?:dapi|dkea|dose)[a-h0-9]{32}(?:-\d)?",
    r"(?:hvs|hvb|hvr|s)\.[\w-]{24,}",
    r"(?:v1\.0-|cf_?)[\w-]{32,}",
    # Talk, mail, money.
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}",
    r"xapp-[\w-]{20,}",
    r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]{20,}",
    r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{15,}/[\w-]{40,}",
    r"https://[\w-]+\.webhook\.office\.com/\S{30,}",
    r"(?:mfa\.[\w-]{20,}|[MNO][\w-]{22,28}\.[\w-]{6,7}\.[\w-]{25,})",
    r"\d{8,10}:[\w-]{35}",
    r"(?:sk|rk|pk|ek)_(?:live|test|prod)_[\w]{10,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"(?:shpat|shpca|shppa|shpss|shptka)_[a-fA-F0-9]{32}",
    r"SG\.[\w-]{16,}\.[\w-]{32,}",
    r"(?:AC|SK|AP|key-|MG|VA)[0-9a-f]{32}",
    r"[0-9a-f]{32}-us\d{1,2}",
    r"(?:xkeysib|xsmtpsib)-[a-f0-9]{64}-\w{16}",
    r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",
    r"(?:re|pm|PMAK|EAA|live|test|access_token\$(?:production|sandbox)\$)[_-]?(?=[A-Za-z]*\d)[\w$-]{24,}",
    r"(?:NRAK|NRJS|NRII)-[A-Za-z0-9-]{19,}",
    r"(?:glc|glsa|glagent)_[\w+/=]{20,}",
    r"(?:sntr[yu]s?_|sentry_)[\w+/=.]{30,}",
    r"(?:AGE-SECRET-KEY-1|age-secret-key-1)[A-Za-z0-9]{40,}",
    r"(?:ops_ey|A3-[A-Z0-9]{6}-)[\w-]{20,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*",
    r"otpauth://\S+",
)
_VENDOR = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_VENDORS)})=*")
_BLOCK = re.compile(
    r"-{2,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{2,5}"
    r"(?:.*?-{2,5} ?END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{2,5}|(?:\s*[\w+/=:, -]{16,})*)",
    re.DOTALL,
)
_LOGIN_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://(?P<secret>[^\s/:@]*:[^\s/@]+)@")
_ASSIGNED = re.compile(
    r"(?i)(?:api[_ -]?key|access[_ -]?key|secret|token|passw(?:or)?d|pwd|_key|_pass|accountkey|bearer|basic"
    r"|credentials?)"
    r"[\w.-]{0,24}[\"']?(?:\s*(?::=|=>|=|:)\s*|\s+(?=\S{16}))[\"'`]?(?P<secret>[^\s\"'`,;&<>]{8,})"
)
_IN_URL = re.compile(
    r"(?i)[?&#](?:[\w-]*(?:token|key|secret|sig|signature|auth|code|pass|pwd|password))=(?P<secret>[^\s&#]{8,})"
)
_UUID = re.compile(r"(?i)(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])")
_KEY_WORD = re.compile(
    r"(?i)key|token|secret|api|bearer|auth|heroku|cred|client|schl(?:ü|ue)ssel|clave|llave|chiave|cl[ée]\b"
    r"|jeton|chave"
    r"|klucz|anahtar|ключ|токен|секрет|sleutel|nyckel"
)
_RUN = re.compile(r"(?<![\w/+=.-])[A-Za-z0-9+/_=~.-]{12,}")
_LONG, _SHORT = 24, 12
"""Characters of random text that is a key by itself, and of one that stands beside a word for a key."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Keys that their own form gives away."""
    for match in _BLOCK.finditer(text) if "BEGIN" in text else ():
        yield match.span()
    for match in _VENDOR.finditer(text):
        yield match.span()
    for match in _LOGIN_IN_URL.finditer(text) if "://" in text else ():
        yield match.span("secret")


def unnamed(text: str) -> Iterator[tuple[int, int]]:
    """Values of assignments and of links, and random text: after the other rules, for it may be a wallet."""
    for pattern in (_ASSIGNED, _IN_URL):
        for match in pattern.finditer(text):
            if _odd(match["secret"]):
                yield match.span("secret")
    word = bool(_KEY_WORD.search(text))
    for match in _UUID.finditer(text) if word else ():
        yield match.span()
    for match in _RUN.finditer(text):
        run = match[0].rstrip(".-")
        if len(run) >= (_SHORT if word else _LONG) and _random(run) and not _in_link(text, match.start()):
            yield match.start(), match.start() + len(run)


def _odd(value: str) -> bool:
    return any(char.isdigit() for char in value) and any(char.isalpha() for char in value)


def _random(run: str) -> bool:
    """Whether letters and digits stand mixed, as chance mixes them and no name does."""
    if re.fullmatch(r"(?i)(?:0x)?[0-9a-f]+", run):
        return len(run) >= 32
    if "." in run and len(max(run.split("."), key=len)) < _SHORT:
        return False
    digits = sum(map(str.isdigit, run))
    kinds = "".join("0" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else "" for c in run)
    changes = sum(a != b for a, b in pairwise(kinds))
    return 2 <= digits < 0.7 * len(run) and changes >= len(run) / 5


def _in_link(text: str, start: int) -> bool:
    before = text[:start]
    word = before[max(before.rfind(" "), before.rfind("\n")) + 1 :]
    return "://" in word or word.startswith("www.") or bool(re.match(r"[\w-]+\.[a-z]{2,}/", word + text[start:]))
