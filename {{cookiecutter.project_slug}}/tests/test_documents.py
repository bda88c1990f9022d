"""What is in documents/ is found by its words, and the answer's links lead to where it was found."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from chat.tools import read_tools
from tests.model_server import ModelServer, Reply
from tests.pages import say


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of the documents: here a test's own."""
    tool: Any = read_tools()[0]["search_documents"].call
    names = tool.__wrapped__.__globals__
    names["FOLDER"], before = tmp_path, names["FOLDER"]
    yield tmp_path
    names["FOLDER"] = before


def found(words: str) -> list[dict[str, str]]:
    """Return the passages."""
    return read_tools()[0]["search_documents"].call(words=words)["passages"]


def pdf(*pages: str) -> bytes:
    """Return a PDF document with these pages."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    parts = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"]
    parts += ["<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    for number, text in enumerate(pages):
        font, content = "/Resources<</Font<</F 3 0 R>>>>", f"BT /F 12 Tf 72 720 Td ({text}) Tj ET"
        parts += [f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]{font}/Contents {5 + 2 * number} 0 R>>"]
        parts += [f"<</Length {len(content)}>>stream\n{content}\nendstream"]
    document, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(f"{len(document):010} 00000 n \n")
        document += f"{number} 0 obj{part}endobj\n".encode()
    table = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{''.join(places)}"
    end = f"trailer<</Root 1 0 R/Size {len(parts) + 1}>>\nstartxref\n{len(document)}\n%%EOF"
    return document + (table + end).encode()


def test_words_are_found_however_they_are_written(folder: Path) -> None:
    (folder / "typeset.md").write_text("The \ufb01nal, e\ufb03cient pump.", encoding="utf-8")
    (folder / "korean.md").write_text("\ud39c\uadc4\uc740 \uc0c8\ub2e4.", encoding="utf-8")
    assert [one["source"] for one in found("efficient")] == ["typeset.md"]
    assert [one["source"] for one in found("\ud39c\uadc4")] == ["korean.md"]


def test_one_bad_page_does_not_hide_the_others(folder: Path) -> None:
    bad = pdf("Costs fell.", "Rain.", "Owls stay.").replace(b"(Rain.) Tj", b"(Rain.) TJ")
    (folder / "report.pdf").write_bytes(bad)
    assert [one["source"] for one in found("Owls")] == ["report.pdf, page 3"]


def test_a_passage_is_found_with_its_file_and_page(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "a [b].md").write_text("Swallows fly south.\n\nOwls stay.", encoding="utf-8")
    (folder / "report.pdf").write_bytes(pdf("Costs fell.", "The pump was replaced in May."))
    (folder / "long.txt").write_text("\n\n".join(f"Paragraph {n} on topic{n}. " + "x " * 300 for n in range(50)))
    (passage,) = found("Where does a swallow fly?")
    assert passage["source"] == "notes/a [b].md"
    assert passage["cite"].startswith(r"[notes/a \[b\].md](#passage-")
    (passage,) = found('pumps "AND" (NOT')
    assert passage["source"] == "report.pdf, page 2"
    assert passage["text"] == "The pump was replaced in May."
    (passage,) = found("topic37")
    assert len(passage["text"]) < 2000
    assert found("?!") == []


def test_an_edited_file_counts_and_a_broken_one_is_named(folder: Path) -> None:
    file = folder / "notes.txt"
    file.write_text("apples")
    assert len(found("apples")) == 1
    file.write_text("pears, and more")
    assert (found("apples"), len(found("pears"))) == ([], 1)
    file.unlink()
    assert found("pears") == []
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert read_tools()[0]["search_documents"].call(words="x")["cannot be read"] == ["broken.pdf"]
    assert read_tools()[0]["list_documents"].call() == ["broken.pdf"]


def test_hidden_folders_and_files_that_go_meanwhile_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".git" / "old").mkdir(parents=True)
    (folder / ".git" / "old" / "secret.txt").write_text("apples")
    (folder / "notes.txt").write_text("apples")
    assert [passage["source"] for passage in found("apples")] == ["notes.txt"]
    assert read_tools()[0]["list_documents"].call() == ["notes.txt"]
    tool: Any = read_tools()[0]["search_documents"].call
    monkeypatch.setitem(tool.__wrapped__.__globals__, "_files", lambda: [folder / "gone.txt", folder / "notes.txt"])
    assert [passage["source"] for passage in found("apples")] == ["notes.txt"]


def test_texts_of_other_encodings_and_languages_are_found(folder: Path) -> None:
    (folder / "windows.txt").write_text("Köln liegt am Rhein.", encoding="cp1252")
    (folder / "unicode.txt").write_text("Łódź leży w Polsce.", encoding="utf-16")
    (folder / "japanese.md").write_text("鯨は海に住む。", encoding="utf-8")
    (folder / "half.pdf").write_bytes(pdf("Costs fell."))
    (folder / ".#half.pdf").symlink_to("nowhere")
    for words, source in (
        ("Köln", "windows.txt"),
        ("Łódź", "unicode.txt"),
        ("海に", "japanese.md"),
        ("鯨", "japanese.md"),
    ):
        assert [passage["source"] for passage in found(words)] == [source]
    assert found("海は") == []


def test_half_a_character_in_a_document_keeps_no_other_from_being_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pypdf = pytest.importorskip("pypdf")
    (folder / "notes.txt").write_text("apples")
    (folder / "half.pdf").write_bytes(pdf("Costs fell."))
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda _: "half \ud83d pears")
    assert [passage["source"] for passage in found("apples")] == ["notes.txt"]
    assert [passage["text"] for passage in found("pears")] == ["half \ufffd pears"]


def test_what_was_found_is_under_the_answer(page: AppTest, server: ModelServer, folder: Path) -> None:
    (folder / "notes.txt").write_text("<b>Owls</b> *stay*.")
    replies = iter([Reply((), calls=(("search_documents", json.dumps({"words": "owls"})),))])
    server.reply_to = lambda question: next(replies, Reply(("See [notes.txt](#passage-1).",)))
    say(page, "Do owls stay?")
    assert page.main.code[-1].value == "<b>Owls</b> *stay*."
    assert r"notes\.txt" in page.status[0].markdown[0].value
    assert "#passage-" in server.calls()[0][2]
