"""The unseen half of redaction's measure is sound: every secret lies where it says, and checksums are true."""

import json
from base64 import urlsafe_b64decode
from binascii import crc32, crc_hqx
from collections import Counter
from hashlib import sha3_256, sha256
from pathlib import Path
from typing import Any

import pytest
from mnemonic import Mnemonic

from tests.secrets import far
from tests.secrets.far_people import luhn, remainder
from tests.secrets.far_tokens import BASE62
from tests.secrets.far_wallets import BASE58, BECH32, base58, ether, keccak, monero, polymod, segwit

FILE = Path(__file__).parent / "secrets" / "far.jsonl"
LEAST = 20
KINDS = {"login code", "password", "card", "iban", "token", "phone", "email", "wallet", "seed phrase"}
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
SECRETS = [(s["kind"], row["text"][s["start"] : s["end"]]) for row in ROWS for s in row["secrets"]]


def of(kind: str) -> list[str]:
    return [secret for its, secret in SECRETS if its == kind]


def base58_bytes(text: str, size: int) -> bytes:
    number = 0
    for sign in text:
        number = number * 58 + BASE58.index(sign)
    return number.to_bytes(size, "big")


def monero_bytes(address: str) -> bytes:
    return b"".join(base58_bytes(address[i : i + 11], 8 if i < 88 else 5) for i in range(0, 95, 11))


def test_the_script_makes_the_file_byte_for_byte() -> None:
    assert "".join(far.lines()).encode() == FILE.read_bytes()


def test_every_secret_lies_inside_its_line_and_over_no_other() -> None:
    for row in ROWS:
        assert set(row) == {"text", "secrets"}
        assert all(set(secret) == {"kind", "start", "end"} for secret in row["secrets"])
        ends = [0, *(place for s in row["secrets"] for place in (s["start"], s["end"])), len(row["text"])]
        assert ends == sorted(ends)
    assert all(secret and secret == secret.strip() for _, secret in SECRETS)


def test_there_are_enough_of_every_kind_and_a_tenth_of_the_lines_is_clean() -> None:
    counts = Counter(kind for kind, _ in SECRETS)
    assert set(counts) == KINDS
    assert min(counts.values()) >= LEAST
    assert counts.total() >= 260
    assert 0.09 <= sum(not row["secrets"] for row in ROWS) / len(ROWS) <= 0.13
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_every_card_passes_luhns_test() -> None:
    assert [card for card in of("card") if luhn(card) or not 13 <= sum(map(str.isdigit, card)) <= 19] == []
    assert luhn("4111 1111 1111 1111") == 0
    assert luhn("4111 1111 1111 1112") != 0


def test_every_iban_has_true_check_digits() -> None:
    plain = [iban.replace("-", "") for iban in of("iban")]
    assert [iban for iban in plain if remainder(iban) != 1] == []
    assert len({iban[:2].upper() for iban in plain}) >= 10


def test_every_seed_phrase_has_a_true_checksum() -> None:
    for written in of("seed phrase"):
        words = [word for word in written.lower().replace(",", " ").split() if not word[0].isdigit()]
        assert any(Mnemonic(name).check(" ".join(words)) for name in ("english", "french", "italian", "spanish"))


def test_every_classic_github_and_npm_token_ends_in_its_checksum() -> None:
    tokens = [t for t in of("token") if t[:4] in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_")]
    assert len(tokens) >= 6
    for token in tokens:
        rest = 0
        for sign in token[-6:]:
            rest = rest * 62 + BASE62.index(sign)
        assert rest == crc32(token[4:-6].encode())


def test_every_bitcoin_and_tron_address_has_a_true_checksum() -> None:
    for address in of("wallet"):
        if address.startswith("bc1"):
            data = [BECH32.index(sign) for sign in address[3:]]
            assert polymod([3, 3, 0, 2, 3, *data]) == (0x2BC830A3 if data[0] else 1)
        elif len(address) in (33, 34):
            whole = base58_bytes(address, 25)
            assert sha256(sha256(whole[:-4]).digest()).digest()[:4] == whole[-4:]


def test_every_ton_address_and_every_monero_address_has_a_true_checksum() -> None:
    tons = [urlsafe_b64decode(address) for address in of("wallet") if len(address) == 48]
    moneros = [monero_bytes(address) for address in of("wallet") if len(address) == 95]
    assert len(tons) >= 3
    assert len(moneros) >= 3
    assert [ton for ton in tons if crc_hqx(ton, 0)] == []
    assert [body for body in moneros if keccak(body[:-4])[:4] != body[-4:]] == []


@pytest.mark.parametrize("size", [0, 5, 135, 136, 300])
def test_keccak_is_sha3_but_for_its_suffix(size: int) -> None:
    assert keccak(bytes(size), suffix=6) == sha3_256(bytes(size)).digest()


def test_addresses_agree_with_the_examples_of_their_specifications() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    account = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert ether(bytes.fromhex(account)) == f"0x{account}"
    program = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
    assert segwit(0, program) == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    point = bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert segwit(1, point) == "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    assert base58(b"\0\0hi") == "11" + base58(b"hi")
    assert len(monero(18, bytes(64))) == 95
