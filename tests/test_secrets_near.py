"""The lines of tests/secrets/near.jsonl are what their script says they are."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mnemonic import Mnemonic

from tests.secrets.near_wallets import base58check, ethereum, keccak, segwit

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tests" / "secrets" / "near.jsonl"
LEAST = dict.fromkeys(("login code", "password", "card", "iban", "token", "phone", "email", "wallet"), 20)
LEAST["seed phrase"] = 8

LINES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").split("\n")[:-1]]


def values(kind: str) -> list[str]:
    return [
        line["text"][secret["start"] : secret["end"]]
        for line in LINES
        for secret in line["secrets"]
        if secret["kind"] == kind
    ]


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_script_makes_the_file_byte_for_byte(hash_seed: str) -> None:
    command = [sys.executable, "-m", "tests.secrets.near"]
    made = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, check=True
    )
    assert made.stdout == FILE.read_bytes()


def test_a_secret_lies_inside_its_text_and_beside_no_other() -> None:
    for line in LINES:
        assert set(line) == {"text", "secrets"}
        last = 0
        for secret in line["secrets"]:
            assert set(secret) == {"kind", "start", "end"}
            assert last <= secret["start"] < secret["end"] <= len(line["text"])
            value = line["text"][secret["start"] : secret["end"]]
            assert value == value.strip()
            last = secret["end"] + 1


def test_every_kind_is_known_and_there_are_enough_of_each() -> None:
    counts = Counter(secret["kind"] for line in LINES for secret in line["secrets"])
    assert set(counts) == set(LEAST)
    assert {kind: n for kind, n in counts.items() if n < LEAST[kind]} == {}
    assert counts.total() >= 260


def test_one_line_in_ten_has_no_secret_and_some_have_two() -> None:
    counts = Counter(len(line["secrets"]) for line in LINES)
    assert 0.09 <= counts[0] / len(LINES) <= 0.11
    assert counts[2] >= 10


def test_no_line_and_no_secret_is_there_twice() -> None:
    texts = [line["text"] for line in LINES]
    secrets = [value for kind in LEAST for value in values(kind)]
    assert len(set(texts)) == len(texts)
    assert len(set(secrets)) == len(secrets)


def test_every_card_has_the_check_digit_of_luhn() -> None:
    for card in values("card"):
        digits = [int(digit) for digit in re.sub("[ -]", "", card)]
        assert 13 <= len(digits) <= 19, card
        assert (sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])) % 10 == 0, card


def test_every_iban_has_its_check_digits_and_the_countries_are_many() -> None:
    plain = [iban.replace(" ", "").upper() for iban in values("iban")]
    for iban in plain:
        assert int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1, iban
    assert len({iban[:2] for iban in plain}) >= 10


def test_every_login_code_has_four_to_eight_digits() -> None:
    assert [code for code in values("login code") if not 4 <= len(re.sub("[ -]", "", code)) <= 8] == []


def test_every_seed_phrase_is_one_of_bip_39() -> None:
    for phrase in values("seed phrase"):
        words = re.findall("[a-z]+", phrase.lower())
        assert len(words) in (12, 24)
        assert Mnemonic("english").check(" ".join(words))


def test_the_addresses_are_those_of_the_published_examples() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert ethereum(bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")) == (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    )
    assert base58check(bytes.fromhex("0062e907b15cbf27d5425399ebf6f0fb50ebb88f18")) == (
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    )
    assert segwit(0, bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")) == (
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    )
    point = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    assert segwit(1, bytes.fromhex(point)) == "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
