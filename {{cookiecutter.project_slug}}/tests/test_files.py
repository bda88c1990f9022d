"""What is in a file counts: it goes along as what it is, or is refused with a sentence, and is decoded once at most."""

import base64
import io
import os
from typing import Any

import pytest
from PIL import Image

from chat import files
from chat.errors import ChatError


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the test a session of its own."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(files, "session", lambda: kept)
    return kept


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (900, 700), **how: Any) -> bytes:
    """Return a picture as a file."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, kind, **how)
    return file.getvalue()


def empty(kind: str, width: int, height: int) -> bytes:
    """Return a picture of so many pixels, which takes hardly any bytes."""
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, kind)
    return file.getvalue()


SAID = "Grüße, “Welt”: 5 € für ½ Café\nnoël"


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (SAID.encode(), ""),
        (SAID.encode("utf-8-sig"), ""),
        (SAID.encode("utf-16"), ""),
        (b"\xfe\xff" + SAID.encode("utf-16-be"), ""),
        (SAID.encode("utf-32"), ""),
        (SAID.encode("cp1252"), " (read as Windows-1252)"),
    ],
    ids=["UTF-8", "UTF-8 with a mark", "UTF-16", "UTF-16 BE", "UTF-32", "Windows-1252"],
)
def test_a_text_is_read_in_its_encoding(data: bytes, note: str) -> None:
    assert files.to_block("notes.txt", data) == {"type": "text", "text": f"notes.txt{note}\n{SAID}"}


TURNED = Image.Exif()
TURNED[0x0112] = 6
PICTURES = {
    "PNG": picture("PNG"),
    "16 bits": picture("PNG", "I;16", (1800, 1400)),
    "transparent": picture("PNG", "LA"),
    "palette": picture("PNG", "P", transparency=0),
    "JPEG": picture("JPEG"),
    "CMYK": picture("JPEG", "CMYK"),
    "turned": picture("JPEG", size=(700, 900), exif=TURNED),
    "more than one": picture("MPO", save_all=True, append_images=[Image.new("RGB", (900, 700))]),
    "GIF": picture("GIF", save_all=True, append_images=[Image.new("P", (900, 700))]),
    "WebP": picture("WEBP"),
}


@pytest.mark.parametrize(("kind", "data"), PICTURES.items(), ids=PICTURES)
def test_a_picture_is_what_its_bytes_say_and_has_a_small_copy(kind: str, data: bytes) -> None:
    block = files.to_block("misnamed.jpg", data)
    assert base64.b64decode(block["base64"]) == data
    assert block["mime_type"] == {0x89: "image/png", 0xFF: "image/jpeg", 0x47: "image/gif", 0x52: "image/webp"}[data[0]]
    copy = Image.open(io.BytesIO(files.preview(block) or b""))
    assert (copy.size, copy.format) == ((600, 467), "PNG" if kind in ("transparent", "palette") else "JPEG")


def test_a_pdf_is_one_whatever_its_name() -> None:
    block = files.to_block("report", b"%PDF-1.7 ...")
    assert (block["type"], block["mime_type"], block["filename"]) == ("file", "application/pdf", "report")


def many_passes() -> bytes:
    """Return a small JPEG that takes a decoder minutes: it goes over all pixels again and again."""
    data = picture("JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * 1000 + data[-2:]


CANNOT_BE_READ = {
    "empty": (b"", "is empty"),
    "a mark and spaces": (b"\xef\xbb\xbf \n", "is empty"),
    "a document": (b"PK\x03\x04\x14\0\x06\0" + os.urandom(2000), "cannot be read"),
    "Russian": ("Это простой текст на русском языке.".encode("cp1251"), "cannot be read"),
    "Japanese": ("これは日本語のテキストです。".encode("euc_jp"), "cannot be read"),
    "bytes": (b"some text\0\0\0\0\0\0", "cannot be read"),
    "half a PNG": (PICTURES["PNG"][:500], "cannot be read"),
    "half a JPEG": (PICTURES["JPEG"][:5000], "cannot be read"),
    "half a WebP": (PICTURES["WebP"][:500], "cannot be read"),
    "large": (b"x" * (5 * 2**20 + 1), "larger than 5 MB"),
    "a bomb": (empty("PNG", 13_300, 13_300), "25 million pixels"),
    "a larger bomb": (empty("PNG", 30_000, 30_000), "25 million pixels"),
    "a GIF": (empty("GIF", 6_000, 5_000), "25 million pixels"),
    "many passes": (many_passes(), "larger than"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("data", "sentence"), CANNOT_BE_READ.values(), ids=CANNOT_BE_READ)
def test_what_cannot_go_along_is_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ChatError, match=rf"^my \\\*file\\\*\\\.txt .*{sentence}"):
        files.to_block("my\n*file*.txt", data)


def test_the_bytes_of_a_good_picture_may_look_like_passes() -> None:
    assert files.to_block("a.png", PICTURES["PNG"] + b"\xff\xda" * 100)["mime_type"] == "image/png"


@pytest.mark.parametrize("name", ["a.png", "a.PDF"])
def test_a_picture_only_by_name_is_refused(name: str) -> None:
    with pytest.raises(ChatError, match="cannot be read"):
        files.to_block(name, b"no picture")


def test_a_session_may_bring_so_many_bytes(kept: dict[str, Any]) -> None:
    files.to_block("a.txt", b"x" * 1000)
    assert kept["taken"] == 1000
    kept["taken"] = 100 * 2**20 - 900
    with pytest.raises(ChatError, match="more than 100 MB"):
        files.to_block("a.txt", b"x" * 1000)
    kept["taken"] = 100 * 2**20 - 4_000_000
    pixels = empty("PNG", 5000, 5000)  # few bytes, but they take as long as many
    for _ in range(2):
        files.to_block("a.png", pixels)
    with pytest.raises(ChatError, match="more than 100 MB"):
        files.to_block("a.png", pixels)
