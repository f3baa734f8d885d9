"""Wallet addresses with the checksums their formats have, and seed phrases. The keys behind them were never made."""

import base64
import binascii
import hashlib
from random import Random

from mnemonic import Mnemonic

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
ROUNDS = 24


def base58(data: bytes) -> str:
    """Bitcoin's base 58: leading zero bytes become ones."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def base58check(data: bytes) -> str:
    """Base 58 with the four bytes that Bitcoin and Tron append."""
    return base58(data + hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4])


def segwit(version: int, program: bytes) -> str:
    """BIP-173 for version 0, BIP-350 for the later ones."""
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    values = [version, *(int(bits[i : i + 5], 2) for i in range(0, len(bits), 5))]
    rest = _polymod([3, 3, 0, 2, 3, *values, *[0] * 6]) ^ (0x2BC830A3 if version else 1)
    return "bc1" + "".join(BECH32[v] for v in [*values, *(rest >> 5 * (5 - i) & 31 for i in range(6))])


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    return check


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum and Monero use it: SHA-3 before NIST changed the padding, so hashlib has none."""
    data += b"\1" + b"\0" * (-(len(data) + 1) % 136)
    data = data[:-1] + bytes([data[-1] | 0x80])
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(data), 136):
        for i in range(17):
            lanes[i % 5][i // 5] ^= int.from_bytes(data[start + 8 * i : start + 8 * i + 8], "little")
        _permute(lanes)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def _permute(a: list[list[int]]) -> None:
    register = 1
    for _ in range(ROUNDS):
        column = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        for x in range(5):
            for y in range(5):
                a[x][y] ^= column[x - 1] ^ _turn(column[(x + 1) % 5], 1)
        x, y, lane = 1, 0, a[1][0]
        for t in range(ROUNDS):
            x, y = y, (2 * x + 3 * y) % 5
            lane, a[x][y] = a[x][y], _turn(lane, (t + 1) * (t + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for j in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            a[0][0] ^= (register >> 1 & 1) << (1 << j) - 1


def _turn(lane: int, n: int) -> int:
    return (lane << n % 64 | lane >> 64 - n % 64) % 2**64


def ethereum(account: bytes) -> str:
    """EIP-55: capitals where the hash of the address says so."""
    plain = account.hex()
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(h, 16) > 7 else c for c, h in zip(plain, digest, strict=False))


def monero(network: int, keys: bytes) -> str:
    """Base 58 in blocks of eight bytes, each as long as the longest can be."""
    data = bytes([network]) + keys
    data += keccak(data)[:4]
    return "".join(
        base58(block).lstrip("1").rjust(11 if len(block) == 8 else 7, "1")
        for block in (data[i : i + 8] for i in range(0, len(data), 8))
    )


def ton(flags: int, account: bytes) -> str:
    """A user-friendly address of the base workchain; `flags` 0x11 bounces, 0x51 does not."""
    data = bytes([flags, 0]) + account
    return base64.urlsafe_b64encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "big")).decode()


def wallet(rng: Random, form: str) -> str:
    """An address of the coin that `form` names."""
    match form:
        case "p2pkh":
            return base58check(b"\0" + rng.randbytes(20))
        case "p2sh":
            return base58check(b"\5" + rng.randbytes(20))
        case "segwit":
            return segwit(0, rng.randbytes(20))
        case "taproot":
            return segwit(1, rng.randbytes(32))
        case "ethereum":
            return ethereum(rng.randbytes(20))
        case "ethereum_lower":
            return "0x" + rng.randbytes(20).hex()
        case "monero":
            return monero(18, rng.randbytes(64))
        case "monero_sub":
            return monero(42, rng.randbytes(64))
        case "solana":
            return base58(rng.randbytes(32))
        case "ton":
            return ton(0x51, rng.randbytes(32))
        case "ton_bounce":
            return ton(0x11, rng.randbytes(32))
        case "tron":
            return base58check(b"\x41" + rng.randbytes(20))
    raise ValueError(form)


def seed_phrase(rng: Random, form: str) -> str:
    """BIP-39 words with their checksum; `form` is how many and, after a space, how they are written."""
    count, _, written = form.partition(" ")
    words = Mnemonic("english").to_mnemonic(rng.randbytes(int(count) * 4 // 3)).split()
    match written:
        case "numbered":
            return " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))
        case "lines":
            return "\n".join(words)
        case "commas":
            return ", ".join(words)
        case "capitals":
            return " ".join(word.capitalize() for word in words)
    return " ".join(words)
