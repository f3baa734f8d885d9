"""Passwords: what stands after a word for one, or looks like one in the same line."""

import re
from collections.abc import Iterator

from data.secrets import emails
from data.secrets.words import words

_WORD = (
    r"(?:p+as+w(?:or|ro|r|o)?d\w{0,2}|passcode|pass(?:phrase|key)?|paswoord|psswd|pwd?|pswd?|psw|psk|parola?s?"
    r"|parole|passw(?:o|ö)rt\w{0,4}"
    r"|\w*kennwort|\w*passwort|schlüssel|\w+schlüssel|mdp|mots? de passes?|motdepasse|contrase[nñ]i?a?s?|contra"
    r"|clave|llave|cl[ée](?= (?:wifi|wpa|du))"
    r"|senhas?|palavra-?passe|has(?:ł|l)\w{1,3}|klucz|heslo|heslem|[şs]ifre\w{0,4}|parolam?|wachtwoord|ww"
    r"|lösenord\w*|passord\w*"
    r"|adgangskode\w*|kodeord\w*|salasana\w*|jelszó\w*|jelsz[oó]|geslo|lozinka|šifra|slaptažodis|parool"
    r"|mật khẩu|kata sandi"
    r"|парол\w*|пасс?(?:ворд)?\w{0,2}|пассв\w*|пороль|лозинка|құпия\w*|κωδικ\w*|сод|passe)"
)
_ANY = re.compile(
    rf"(?i)(?<![\w@.]){_WORD}(?![\w@])"
    r"|密码|密碼|パスワード|비밀번호|비번|סיסמ[הא]|كلمة (?:السر|المرور)|الباسورد|पासवर्ड|รหัสผ่าน"
)
_WEAK = re.compile(
    r"(?i)(?<!\w)(?:wi-?fi|wlan|wpa2?|hotspot|router|login|log ?in|logg? in|user(?:name)?|account|acc"
    r"|вай-?фа\w+|вифи|логин\w*|лог"
    r"|логін\w*|роутер\w*|акк\w*|netflix|нетфликс\w*|spotify|steam|disney|identifiant|usuario|utente|konto"
    r"|benutzer\w*)(?!\w)"
)
STEMS = (*words("passwords"), " ww ", "пас ")
"""No stem has a space inside: `find` looks for them word by word."""

_ASSIGN = (
    r"(?:\s*(?:::?=?|=+>?|-+>|→|–|—|\s-\s|>>?)\s*|\s+(?:is|are|was|was set to|set to|changed to|its|it's|it is"
    r"|ist|sind|lautet|heißt|heisst"
    r"|war|es|era|est|c ?'?est|cest|était|reste|è|é|sarebbe|fica|jest|je|olarak|eto|это|будет|такой|стоит"
    r"|теперь|тепер|цей|це|this|here"
    r"|now|still|there|också|är|er)(?:\s+(?:now|jetzt|still|immer noch|noch|ora|ahora|toujours|tjr|this|такой"
    r"|теперь|just|also|auch|all"
    r"|:))?\s*[:=-]?\s+)"
)
_ABOUT = r"(?:\s+(?!is\b|ist\b|es\b|est\b|это\b)[^\W\d_][^\W\d_'’.-]{0,15}){0,5}?"
"""Words between: of what, for whom."""

_VALUE = r"(?:[\"«“„`'](?P<quoted>[^\"»”“`'\n]{3,64})[\"»”“`']|(?P<bare>\S{3,64}(?:[^\S\n]+\S{2,})*))"
_SAID = re.compile(rf"(?i)(?<![\w@.]){_WORD}(?![\w@]){_ABOUT}{_ASSIGN}{_VALUE}")
_BESIDE = re.compile(
    rf"(?i)(?<![\w@.]){_WORD}(?![\w@])(?P<about>(?:[^\S\n]+[\w'’.-]{{1,16}}){{0,5}}?)\s*[\n,]?\s+(?P<bare>\S+(?:[^\S\n]+\S+)*)"
)
_PAIR = re.compile(r"(?:[:;/|,]|\s+[/|:;—–-]\s*|\s+)(?P<secret>\S{4,})")
_PLAIN = re.compile(r"[^\W\d_]{3,}")
_PLAIN_OR_SHORT = re.compile(r"[^\W\d_]{2,}")
_TWO_MEANINGS = re.compile(r"(?i)\b(?:pass|passe|пас|contra|clave|llave|parole|schlüssel|klucz|ww|сод)\b")
"""Words for a password that mean something else as often."""

_EDGE = ".,;:)]}\"'»”`…"
_STOP = frozenset(words("stop"))
_LONGEST_PHRASE = 8


def spans(text: str) -> Iterator[tuple[int, int]]:
    """What is said to be the password; else what stands beside a word for one and is no word itself."""
    strong = bool(_ANY.search(text))
    if strong:
        for match in _BESIDE.finditer(text):
            if not match["about"] and _odd(match["bare"].split()[0], near=True):
                yield _trimmed(text, match.start("bare"), match.start("bare") + len(match["bare"].split()[0]))
        for match in _SAID.finditer(text):
            if match["quoted"]:
                yield match.span("quoted")
            elif span := _value(text, *match.span("bare"), _sign(match)):
                yield span
        for match in _BESIDE.finditer(text):
            if span := _beside(text, *match.span("bare")):
                yield span
    if strong or _WEAK.search(text):
        for match in re.finditer(r"\S+", text):
            if _odd(match[0], strong=strong):
                yield _trimmed(text, *match.span())
    for _, end in emails.spans(text):
        pair = _PAIR.match(text, end)
        if (
            pair
            and (strong or not pair[0][0].isspace() or "\n" in pair[0] or "/" in pair[0])
            and (_odd(pair["secret"], near=True) or pair[0][0] in ":|;")
        ):
            yield _trimmed(text, *pair.span("secret"))


def _sign(match: re.Match[str]) -> bool:
    """Whether a colon or an arrow says so: "pass: sunday" is one, "the pass is for sunday" is not."""
    return bool(re.search(r"[:=>→]\W*$", match.string[match.start() : match.start("bare")]))


def _value(text: str, start: int, end: int, sign: bool) -> tuple[int, int] | None:
    """The password that begins at `start`: one token, or all words of a phrase."""
    tokens = [(start + t.start(), start + t.end()) for t in re.finditer(r"\S+", text[start:end])]
    said = [text[a:b] for a, b in tokens]
    first = said[0].strip(_EDGE)
    if not _PLAIN.fullmatch(first):
        return None if first.casefold() in _STOP or not re.search(r"\w", first) else _trimmed(text, *tokens[0])
    stops = sum(word.casefold() in _STOP for word in said)
    if sign and stops <= 1 and 4 <= len(said) <= _LONGEST_PHRASE and all(map(_PLAIN_OR_SHORT.fullmatch, said)):
        return start, end
    if first.casefold() in _STOP or (not sign and _TWO_MEANINGS.search(text, 0, start)):
        return None
    phrase = 0
    for word in said[:_LONGEST_PHRASE]:
        if not _PLAIN.fullmatch(word.rstrip(_EDGE)) or word.casefold() in _STOP:
            break
        phrase += 1
        if word[-1] in _EDGE:
            break
    ends = phrase == len(said) or said[phrase - 1][-1] in _EDGE
    if phrase > 2 and ends and all(word.islower() for word in said[1:phrase]):
        return _trimmed(text, tokens[0][0], tokens[phrase - 1][1])
    return _trimmed(text, *tokens[0])


def _beside(text: str, start: int, end: int) -> tuple[int, int] | None:
    """A number, or a phrase of three to eight words up to the end, that follows the word without a verb."""
    said = text[start:end].split()
    first = said[0].strip(_EDGE)
    if re.fullmatch(r"\d{4,}", first):
        return _trimmed(text, start, start + len(said[0]))
    if 4 <= len(said) <= 6 and all(_PLAIN.fullmatch(w) and w.islower() and w not in _STOP for w in said):
        return start, end
    return None


def _odd(token: str, *, near: bool = False, strong: bool = False) -> bool:
    """Whether a token is no word, number, time, link or model: letters with digits, or with signs inside."""
    token = token.strip(_EDGE + "([{«“„")
    if len(token) < 4 or "://" in token or ("@" in token[1:-1] and "." in token.rpartition("@")[2]):
        return False
    letters = sum(map(str.isalpha, token))
    numbers = sum(map(str.isdigit, token))
    if letters >= 1 and numbers >= 1 and (near or len(token) >= 6):
        return near or not re.fullmatch(
            r"(?i)[A-Z]{1,3}-?\d{1,4}|(?:iphone|ipad|ps|xbox|pixel|galaxy|fritzbox|windows|office|gta"
            r"|fifa)-?\d+\w*|\d+(?:st|nd|rd|th|gb|mb|mbps|ghz|km|min|eur|€|р|грн)|\d+[.,:x/-]\d+\w{0,2}",
            token,
        )
    if letters and re.search(r"\w[!@#$%^&*_+=~?]+\w", token) and len(token) >= 6:
        return True
    return strong and letters == 0 and numbers >= 8 and bool(re.fullmatch(r"\d+", token))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the sentence's own marks around it."""
    while start < end - 1 and text[start] in "\"'«“„`([":
        start += 1
    while end > start + 1 and text[end - 1] in _EDGE:
        end -= 1
    return start, end
