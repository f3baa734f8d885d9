"""Invented wallet addresses with true checksums: random bytes, encoded as each chain publishes it.

Part of the unseen half, see `far`: rules are written without reading this file.
"""

import base64
from binascii import crc_hqx
from hashlib import sha256
from random import Random

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LANES = 25
ROTATIONS = (0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14)
ROUNDS = 24
WORD = (1 << 64) - 1


def _rotate(word: int, by: int) -> int:
    return (word << by | word >> (64 - by)) & WORD if by else word


def _round_constants() -> list[int]:
    """The 24 constants of Keccak-f[1600], from its shift register."""
    constants, state = [], 1
    for _ in range(ROUNDS):
        constant = 0
        for bit in range(7):
            if state & 1:
                constant |= 1 << ((1 << bit) - 1)
            state = state << 1 ^ (0x171 if state & 0x80 else 0)
        constants.append(constant)
    return constants


def _permute(a: list[int]) -> list[int]:
    for constant in _round_constants():
        columns = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        a = [a[i] ^ columns[(i + 4) % 5] ^ _rotate(columns[(i + 1) % 5], 1) for i in range(LANES)]
        b = [0] * LANES
        for i in range(LANES):
            x, y = i % 5, i // 5
            b[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(a[i], ROTATIONS[i])
        a = [b[i] ^ (~b[i - i % 5 + (i + 1) % 5] & b[i - i % 5 + (i + 2) % 5]) for i in range(LANES)]
        a[0] ^= constant
    return a


def keccak(data: bytes, suffix: int = 0x01) -> bytes:
    """Keccak-256 as Ethereum and Monero use it; with suffix 6 it is SHA3-256, which is how it is tested."""
    rate = 136
    padded = bytearray(data) + bytes(rate - len(data) % rate)
    padded[len(data)] ^= suffix
    padded[-1] ^= 0x80
    state = [0] * LANES
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _checked58(data: bytes) -> str:
    return base58(data + sha256(sha256(data).digest()).digest()[:4])


def polymod(values: list[int]) -> int:
    """The checksum of BIP-173: 1 for a sound bech32 string, 0x2BC830A3 for a sound bech32m string."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check


def segwit(version: int, program: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    prefix = [3, 3, 0, 2, 3]
    check = polymod([*prefix, *data, 0, 0, 0, 0, 0, 0]) ^ (0x2BC830A3 if version else 1)
    data += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return "bc1" + "".join(BECH32[value] for value in data)


def ether(account: bytes) -> str:
    """An Ethereum address with the capitals of EIP-55."""
    name = account.hex()
    weights = keccak(name.encode()).hex()
    return "0x" + "".join(c.upper() if int(w, 16) > 7 else c for c, w in zip(name, weights, strict=False))


def monero(prefix: int, keys: bytes) -> str:
    """A Monero address: base58 in blocks of 8 bytes, the last one shorter."""
    body = bytes([prefix]) + keys
    body += keccak(body)[:4]
    blocks = [body[i : i + 8] for i in range(0, len(body), 8)]
    return "".join(base58(b).lstrip("1").rjust(11 if len(b) == 8 else 7, "1") for b in blocks)


def ton(flag: int, account: bytes) -> str:
    body = bytes([flag, 0]) + account
    return base64.urlsafe_b64encode(body + crc_hqx(body, 0).to_bytes(2, "big")).decode()


def address(chain: str, rng: Random) -> str:
    """One address of a chain named as in the sentences of `far_key_lines`. Raises KeyError for another name."""
    draw = rng.randbytes
    return {
        "legacy": lambda: _checked58(b"\x00" + draw(20)),
        "script": lambda: _checked58(b"\x05" + draw(20)),
        "segwit": lambda: segwit(0, draw(20)),
        "segwit32": lambda: segwit(0, draw(32)),
        "taproot": lambda: segwit(1, draw(32)),
        "eth": lambda: ether(draw(20)),
        "ethlower": lambda: ether(draw(20)).lower(),
        "monero": lambda: monero(18, draw(64)),
        "submonero": lambda: monero(42, draw(64)),
        "solana": lambda: base58(draw(32)),
        "tron": lambda: _checked58(b"\x41" + draw(20)),
        "ton": lambda: ton(0x11, draw(32)),
        "tonuser": lambda: ton(0x51, draw(32)),
    }[chain]()
