"""Your documents: text, Markdown and PDF files in documents/, searched by their words in a full-text index."""

import re
import sqlite3
import threading
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Any
from unicodedata import normalize

from chat.message import clean

FOLDER = Path(__file__).parent.parent / "documents"
KINDS = (".txt", ".md", ".pdf")
PASSAGE = 1_000  # characters, about; a paragraph is cut only where it is longer
MOST_WORDS = 50  # of a search, whose time grows with their square
FOUND = 8  # passages

_lock = threading.Lock()
_indexed: dict[str, tuple[int, int]] = {}  # the time and the size of each file
_without_text: set[str] = set()  # those of them in which no text was found
_index = sqlite3.connect(":memory:", check_same_thread=False)
_columns = "words, text UNINDEXED, source UNINDEXED, file UNINDEXED"
_index.execute(f"CREATE VIRTUAL TABLE passage USING fts5({_columns}, tokenize='porter')")
# Letters of languages that put no spaces between words, or endings (Korean): for the index, each is a word.
UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff])")


def search_documents(words: str) -> dict[str, Any]:
    """Search the user's documents, and return the passages that fit best.

    Search again with other words if nothing fits. Cite each passage that you use with its "cite", as it is.

    Args:
        words: Words that the passages may have in them, in the documents' language.
    """
    with _lock:
        unread = _renew()
        query = " OR ".join(f'"{term}"' for term in [*dict.fromkeys(_terms(words))][:MOST_WORDS])
        sql = "SELECT source, text FROM passage WHERE passage MATCH ? ORDER BY rank LIMIT ?"
        found = _index.execute(sql, (query, FOUND)).fetchall() if query else []
    search = token_hex(4)
    passages = [
        {"source": source, "cite": f"[{_plain(source)}](#passage-{search}-{number})", "text": text}
        for number, (source, text) in enumerate(found, 1)
    ]
    return {"passages": passages, **({"cannot be read": unread} if unread else {})}


def list_documents() -> list[str]:
    """List the user's documents."""
    return [_name(file) for file in _files()]


def _renew() -> list[str]:
    """Index what is new or has changed, forget what is gone, and return what cannot be read."""
    files = {_name(file): file for file in _files()}
    stamps = {}
    for name, file in files.items():
        with suppress(FileNotFoundError):  # it has gone since it was listed
            stamps[name] = file.stat().st_mtime_ns, file.stat().st_size
    for name in [name for name in _indexed if _indexed[name] != stamps.get(name)]:
        _index.execute("DELETE FROM passage WHERE file = ?", (name,))
        del _indexed[name]
        _without_text.discard(name)
    for name in [name for name in stamps if name not in _indexed]:
        rows = []
        with suppress(Exception):  # whatever a PDF makes its reader stumble over
            for source, page in _pages(name, files[name]):
                rows += [(text, source, name) for text in _passages(page)]
        if not rows:
            _without_text.add(name)
        _index.executemany("INSERT INTO passage VALUES (?, ?, ?, ?)", ((_spaced(row[0]), *row) for row in rows))
        _indexed[name] = stamps[name]
    return sorted(_without_text)


def _terms(words: str) -> Iterator[str]:
    for word in re.findall(r"\w+", normalize("NFKC", words)):
        parts = _spaced(word).split()
        yield from map(" ".join, pairwise(parts)) if len(parts) > 1 else parts


def _spaced(text: str) -> str:
    return UNSPACED.sub(r" \1 ", normalize("NFKC", text))  # a PDF may have one character for "fi"


def _files() -> list[Path]:
    files = (file for file in FOLDER.rglob("*") if "/." not in f"/{_name(file)}")  # nor in a hidden folder
    return sorted(file for file in files if file.suffix.lower() in KINDS and file.is_file())


def _name(file: Path) -> str:
    return clean(file.relative_to(FOLDER).as_posix())


def _pages(name: str, file: Path) -> Iterator[tuple[str, str]]:
    if file.suffix.lower() == ".pdf":
        from pypdf import PdfReader  # takes a third of a second, for which nobody waits who has no PDF

        for number, page in enumerate(PdfReader(file).pages, 1):
            with suppress(Exception):  # the other pages may be sound
                yield f"{name}, page {number}", clean(page.extract_text())
    else:
        yield name, _decode(file.read_bytes())


def _decode(data: bytes) -> str:
    if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _passages(text: str) -> Iterator[str]:
    passage = ""
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        for start in range(0, len(paragraph), 2 * PASSAGE):
            part = paragraph[start : start + 2 * PASSAGE].strip()
            if passage and len(passage) + len(part) > PASSAGE:
                yield passage
                passage = ""
            passage = f"{passage}\n\n{part}".strip()
    if passage:
        yield passage


def _plain(name: str) -> str:
    return re.sub(r"([\\\[\]`*_<>])", r"\\\1", name)
