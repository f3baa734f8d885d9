"""Files: enough to download the photo or voice note that a message carries."""

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.media import file_bytes


def get_file(_call: Call, request: functions.upload.GetFileRequest) -> types.upload.File:
    """A part of a file."""
    whole = file_bytes(getattr(request.location, "id", 0))
    part = whole[request.offset : request.offset + request.limit]
    return types.upload.File(type=types.storage.FileUnknown(), mtime=0, bytes=part)


RULES = {functions.upload.GetFileRequest: get_file}
