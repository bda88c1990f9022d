"""All that a visitor has: taken along as ZIPs of exported chats, brought back from them, and deleted for good."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain_core.messages import BaseMessage

from chat import store
from chat.errors import ChatError
from chat.markdown import plain
from chat.message import clean
from chat.session import Chat, session
from server.visitor import visitor

PART = 10_000_000  # characters of the chats in one ZIP: the memory has it whole, and an import takes 20 MB
UNSAFE = re.compile(r"[^-\w .,]")  # in the name of a file, somewhere
Write = Callable[[Sequence[BaseMessage]], str]
Read = Callable[[bytes], Sequence[BaseMessage]]


def offer(chat: Chat, write: Write, read: Read) -> None:
    """Draw it.

    Parameters:
        chat: The one that is open.
        write: Returns a chat as the text of its export.
        read: Returns the messages of such a text, or raises a ValueError or a ChatError.
    """
    owner, before, parts = visitor(), 0, []
    try:
        for id, name, size in store.sizes(owner):
            parts.append((before // PART, id, name))
            before += size
    except ChatError as problem:
        st.warning(str(problem))
        return
    files = [[(id, name) for _, id, name in part] for _, part in groupby(parts, lambda each: each[0])]
    row = st.container(horizontal=True)
    for number, chats in enumerate(files, 1):
        label = "All chats" if len(files) == 1 else f"All chats, part {number} of {len(files)}"
        data = partial(_zip, owner, chats, write)
        row.download_button(label, data, f"chats-{number}.zip", "application/zip", on_click="ignore")
    st.file_uploader(
        "Import all chats", "zip", key="app.import_all", on_change=_import, args=(owner, chat.settings, read)
    )
    if problem := session().pop("everything_problem", ""):
        st.error(problem)
    with st.popover("Delete all chats", icon=":material/delete_forever:", disabled=not parts):
        st.write("All your chats and their files will be gone for good, also those that you could still restore.")
        st.button("Delete everything", key="app.delete_all", type="primary", on_click=_delete, args=(owner,))


def _zip(owner: str, chats: Sequence[tuple[str, str]], write: Write) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as all_of_them:
        for number, (id, name) in enumerate(chats, 1):
            if not (found := store.load(owner, id)):
                continue  # it has been deleted meanwhile
            title = f"{number:04} {UNSAFE.sub('_', found.title)}.json"
            in_turn = sorted(found.messages, key=lambda one: (not one.shown, one.row.version * (not one.shown)))
            for folder, messages in groupby(in_turn, lambda one: "" if one.shown else "other versions/"):
                (info := zipfile.ZipInfo(folder + title)).comment = name.encode()
                text = write([one.message for one in messages])
                all_of_them.writestr(info, text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _import(owner: str, settings: dict[str, Any], read: Read) -> None:
    if not (file := st.session_state["app.import_all"]):
        return
    name = file.name
    try:
        with zipfile.ZipFile(file) as all_of_them:
            for info in all_of_them.infolist():
                name = info.filename
                if "/" in name:
                    continue  # other versions, which are in nobody's way in a chat of their own only
                if info.file_size > 2 * PART:
                    raise ValueError("too much for a chat")
                store.add(owner, id := uuid4().hex, read(all_of_them.read(info)), {}, store.read_limits(settings))
                if info.comment:
                    store.rename(owner, id, clean(info.comment.decode(errors="replace"))[:60])
    except ChatError as problem:
        session()["everything_problem"] = f"Not all was imported. {problem}"
    except Exception:  # whatever is in it
        session()["everything_problem"] = f"{plain(name)} is not an exported chat: what comes before it was imported."


def _delete(owner: str) -> None:
    try:
        store.forget(owner)
    except ChatError as problem:
        session()["everything_problem"] = str(problem)
        return
    st.query_params.clear()
    for kept in ("chats", "conversations", "previews"):
        session().pop(kept, None)
