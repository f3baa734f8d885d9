"""A request that is refused: the code and message that the client sees as an RPC error."""


class Refusal(Exception):
    """Raised by a rule; becomes `rpc_error` on the wire. Messages are Telegram's own, so Telethon knows them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Dropped(Exception):
    """Raised where a fault wants the connection gone instead of an answer."""


def bad(message: str) -> Refusal:
    """The ordinary refusal: 400."""
    return Refusal(400, message)
