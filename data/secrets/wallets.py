"""Addresses of wallets, and the keys behind them, by the forms of their chains."""

import re
from collections.abc import Iterator

_B58 = "[1-9A-HJ-NP-Za-km-z]"
_B32 = "[02-9ac-hj-np-z]"
_ADDRESS = re.compile(
    rf"(?<![A-Za-z0-9])(?:0x[0-9a-fA-F]{{40,64}}"
    rf"|(?:bitcoincash:|bchtest:|ecash:)?[qp]{_B32}{{41}}"
    rf"|[a-z]{{2,16}}(?:_test)?1{_B32}{{38,110}}|[A-Z]{{2,16}}1{_B32.upper()}{{38,110}}"
    rf"|ln(?:bc|tb)[0-9]+[munp]?1{_B32}{{50,}}"
    rf"|(?:nano|xrb|ban)_[13][13-9a-km-uw-z]{{59}}"
    rf"|(?:EQ|UQ|kQ|0Q|Ef|Uf)[A-Za-z0-9+/_-]{{46}}|(?:-1|0):[0-9a-fA-F]{{64}}"
    rf"|(?:tz[123]|KT1|xpub|xprv|ypub|yprv|zpub|zprv){_B58}{{33,110}}"
    rf"|[GSM][A-Z2-7]{{55}}|[A-Z2-7]{{58}}"
    rf"|(?:[a-z2-7]{{5}}-){{5,}}[a-z2-7]{{3}}|[a-z2-7]{{5}}(?:-[a-z2-7]{{5}}){{4,}}(?:-[a-z2-7]{{3}})"
    rf"|(?=[^\s]*\d)(?=[^\s]*[A-Z])(?=[^\s]*[a-z]){_B58}{{25,110}})(?![A-Za-z0-9])"
)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Addresses and private keys in the forms of base 58, bech32, hex, Stellar's and Algorand's base 32, TON, Nano."""
    for match in _ADDRESS.finditer(text):
        if not re.search(r"(?:://|www\.)\S*$", text[: match.start()]):
            yield match.span()
