"""Your documents: text, Markdown and PDF files in documents/, searched by their words in a full-text index."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

FOLDER = Path(__file__).parent.parent / "documents"
KINDS = (".txt", ".md", ".pdf")
PASSAGE = 1_000  # characters, about; a paragraph is cut only where it is longer
MOST_WORDS = 50  # of a search, whose time grows with their square
FOUND = 8  # passages

_lock = threading.Lock()
_indexed: dict[str, tuple[int, int]] = {}  # the time and the size of each file
_index = sqlite3.connect(":memory:", check_same_thread=False)
_index.execute("CREATE VIRTUAL TABLE passage USING fts5(text, source UNINDEXED, file UNINDEXED, tokenize='porter')")


def search_documents(words: str) -> dict[str, Any]:
    """Search the user's documents, and return the passages that fit best.

    Search again with other words if nothing fits. Cite each passage that you use with its "cite", as it is.

    Args:
        words: Words that the passages may have in them, in the documents' language.
    """
    with _lock:
        unread = _renew()
        query = " OR ".join(f'"{word}"' for word in [*dict.fromkeys(re.findall(r"\w+", words))][:MOST_WORDS])
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
    stamps = {name: (file.stat().st_mtime_ns, file.stat().st_size) for name, file in files.items()}
    unread = []
    for name in [name for name in _indexed if _indexed[name] != stamps.get(name)]:
        _index.execute("DELETE FROM passage WHERE file = ?", (name,))
        del _indexed[name]
    for name in [name for name in files if name not in _indexed]:
        try:
            rows = [(text, source, name) for source, page in _pages(name, files[name]) for text in _passages(page)]
        except Exception:  # whatever a PDF makes its reader stumble over
            unread.append(name)
            continue
        _index.executemany("INSERT INTO passage VALUES (?, ?, ?)", rows)
        _indexed[name] = stamps[name]
    return unread


def _files() -> list[Path]:
    return sorted(file for file in FOLDER.rglob("*") if file.suffix.lower() in KINDS and file.is_file())


def _name(file: Path) -> str:
    return file.relative_to(FOLDER).as_posix()


def _pages(name: str, file: Path) -> Iterator[tuple[str, str]]:
    if file.suffix.lower() == ".pdf":
        from pypdf import PdfReader  # takes a third of a second, for which nobody waits who has no PDF

        for number, page in enumerate(PdfReader(file).pages, 1):
            yield f"{name}, page {number}", page.extract_text()
    else:
        yield name, file.read_text(encoding="utf-8-sig", errors="replace")


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
