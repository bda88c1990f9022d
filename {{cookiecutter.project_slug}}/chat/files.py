"""Files that come with a question or in an import: what is in them counts, not what they are called."""

import base64
import io
import threading
from contextlib import suppress
from typing import Any

from charset_normalizer import from_bytes
from PIL import Image, ImageOps, UnidentifiedImageError

from chat.errors import ChatError
from chat.markdown import plain
from chat.message import clean
from chat.session import session

MAX_CHARS = 100_000  # of a question or a prompt; page.js has the same number
MAX_FILES = 10  # with one question
MAX_MEGABYTES = 5  # of one file; providers refuse much larger ones
MAX_MEGABYTES_TOGETHER = 15  # of those with one question
MAX_MEGABYTES_OF_SESSION = 100  # which keeps them all, in deleted chats and earlier versions, too
MAX_MEGAPIXELS = 25  # as a phone's pictures have; a WebP with so many takes 400 MB while it is read
PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_one_at_a_time = threading.Lock()


def to_block(name: str, data: bytes) -> dict[str, Any]:
    """Return the content block for a file, in LangChain's standard form.

    Raises:
        ChatError: It cannot go along with a question.
    """
    name = " ".join(clean(name).split())[-100:]
    take(len(data))
    try:
        if len(data) > MAX_MEGABYTES * 2**20:
            raise Image.DecompressionBombError
        return _block(name, data, base64.b64encode(data).decode())
    except ChatError:
        raise
    except Image.DecompressionBombError:
        problem = f"is larger than {MAX_MEGABYTES} MB or {MAX_MEGAPIXELS} million pixels: make it smaller."
    except Exception:  # whatever a decoder stumbles over
        problem = "cannot be read: it has to be a PNG, JPEG, GIF or WebP picture, a PDF, or text, preferably in UTF-8."
    raise ChatError(f"{plain(name)} {problem}")


def take(size: int) -> None:
    """Count the bytes that a visitor brings along; raise a ChatError if there are too many."""
    session()["taken"] = taken = session().get("taken", 0) + size
    if taken > (most := MAX_MEGABYTES_OF_SESSION) * 2**20:
        raise ChatError(f"This session's files take up more than {most} MB: reload the page to start a new one.")


def name_of(block: dict[str, Any]) -> str:
    """Return what to call a file."""
    return block.get("filename") or block.get("text", "A picture").partition("\n")[0]


def preview(block: dict[str, Any]) -> bytes | None:
    """Return a small copy of a picture, which is made when it comes, or first seen in this session."""
    previews, key = session().setdefault("previews", {}), hash(block["base64"])  # Python keeps a text's hash
    if key not in previews:
        previews[key] = None
        with suppress(Exception):  # what a decoder stumbles over cannot be shown
            _open_picture(base64.b64decode(block["base64"]), key)
    return previews[key]


def _open_picture(data: bytes, key: int) -> Image.Image:
    """Open a picture, and keep a small copy of it in the session."""
    picture = Image.open(io.BytesIO(data), formats=list(PICTURES))
    pixels = picture.width * picture.height
    passes = data.count(b"\xff\xda") if picture.format in ("JPEG", "MPO") else 1  # each begins with these bytes
    if pixels > MAX_MEGAPIXELS * 1_000_000 or passes > 50:
        raise Image.DecompressionBombError
    take(pixels // 16)  # so that a session's pictures take half a minute at most
    with _one_at_a_time:  # else those of many visitors would fill the memory
        picture.draft("RGB", (600, 600))
        picture.thumbnail((600, 600), reducing_gap=None)  # with a gap, a 16-bit picture fails
    # Streamlit shows these two as they are; others, it would decode at each draw.
    mode, kind = ("RGBA", "PNG") if picture.has_transparency_data else ("RGB", "JPEG")
    ImageOps.exif_transpose(picture).convert(mode).save(copy := io.BytesIO(), kind)
    session().setdefault("previews", {})[key] = copy.getvalue()
    return picture


def _block(name: str, data: bytes, encoded: str) -> dict[str, Any]:
    with suppress(UnidentifiedImageError):
        picture = _open_picture(data, hash(encoded))
        mime_type = PICTURES.get(str(picture.format), "image/jpeg")  # MPO is a JPEG with more than one picture
        return {"type": "image", "base64": encoded, "mime_type": mime_type}
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return {"type": "file", "base64": encoded, "mime_type": "application/pdf", "filename": name}
    text, note = _text(data)
    if not text.strip():
        raise ChatError(f"{plain(name)} is empty.")
    if name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")):
        raise ValueError("it is not what its name says")
    return {"type": "text", "text": f"{name}{note}\n{clean(text)}"}


def _text(data: bytes) -> tuple[str, str]:
    """Return what a text says, and a note if its encoding had to be guessed."""
    with suppress(UnicodeDecodeError):
        if b"\0" not in data:
            return data.decode("utf-8-sig"), ""
    # Those that begin with a mark, and Windows' own if it makes sense as that: other guesses are too often wrong.
    found = from_bytes(data, cp_isolation=["utf_16", "utf_32", "cp1252"], threshold=0.5).best()
    if not found:
        raise ValueError("it is no text, or in another encoding")
    return str(found), " (read as Windows-1252)" if found.encoding == "cp1252" else ""
