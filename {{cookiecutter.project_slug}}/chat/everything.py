"""All that a visitor has: taken along as ZIPs of exported chats, brought back from them, and deleted for good."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chat import store
from chat.errors import ChatError
from chat.markdown import plain
from chat.message import clean
from chat.session import Chat, session
from server.visitor import visitor

PART = 10_000_000  # characters of the chats in one ZIP, unless one alone has more: the memory has it whole
MOST = 3 * PART  # bytes of a chat that is imported: 15 MB of files, which one question may have, are 20 MB as text
PACKED = 3 / 4  # of its size is a chat of files in a ZIP
UNSAFE = re.compile(r"[^-\w .,]")  # in the name of a file, somewhere
OTHERS = "other versions/"  # of what is shown: each would be a chat of its own
Write = Callable[[Sequence[BaseMessage]], str]
Read = Callable[[bytes], Sequence[BaseMessage]]


def offer_all(chat: Chat, write: Write, read: Read) -> None:
    """Draw the buttons for export, import and deletion.

    Parameters:
        chat: The one that is open.
        write: Returns a chat as the text of its export.
        read: Returns the messages of such a text, or raises an error.
    """
    owner, room, parts = visitor(), 0, []
    try:
        sizes = store.sizes(owner)
    except ChatError as problem:
        st.warning(str(problem))
        return
    for id, size in sizes.items():
        if size > room:
            parts.append([])
            room = PART
        parts[-1].append(id)
        room -= size
    looks: Any = {"on_click": "ignore", "width": "stretch"}
    for number, ids in enumerate(parts, 1):
        label = f"Export all chats{f', part {number} of {len(parts)}' if len(parts) > 1 else ''}"
        st.download_button(label, partial(_zip, owner, ids, write), f"chats-{number}.zip", "application/zip", **looks)
    st.file_uploader(
        "Import all chats", "zip", key="app.import_all", on_change=_import, args=(owner, chat.settings, read)
    )
    if problem := session().pop("everything_problem", ""):
        st.error(problem)
    with st.popover("Delete all chats", icon=":material/delete_forever:", width="stretch"):
        st.write("This deletes all your chats and their files for good, also those that you could still restore.")
        most = int(st.get_option("server.maxUploadSize"))
        if max(sizes.values(), default=0) * PACKED > most * 2**20:
            st.warning(f"A chat of yours may be too large to import again: exported, it can exceed {most} MB.")
        st.button("Delete everything", key="app.delete_all", type="primary", on_click=_delete, args=(owner,))


def _zip(owner: str, ids: Sequence[str], write: Write) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as chats:
        for number, found in enumerate(filter(None, (store.load(owner, id) for id in ids)), 1):
            by_version = sorted(found.messages, key=lambda one: one.row.version)
            shown = [one.message for one in found.messages if one.shown]
            others = [one.message for one in by_version if not one.shown]
            for folder, messages in (("", shown), (OTHERS, others)):
                if messages:
                    info = zipfile.ZipInfo(f"{folder}{number:04} {UNSAFE.sub('_', found.title).rstrip('. ')}.json")
                    info.comment = found.title.encode()
                    chats.writestr(info, write(messages), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _import(owner: str, settings: dict[str, Any], read: Read) -> None:
    if not isinstance(file := st.session_state["app.import_all"], UploadedFile):
        return
    name, before = file.name, "nothing was imported"
    try:
        with zipfile.ZipFile(file) as chats:
            # Packed again, they may be in a folder, beside files of the system's own.
            exported = [info for info in chats.infolist() if _is_chat(info.filename)]
            if not exported:
                raise ValueError("no chat in it")
            for info in exported:
                name = info.filename
                if info.file_size > MOST or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("too much for a chat, or not ours")
                with chats.open(info) as packed:  # which may hold more than it says
                    data = packed.read(info.file_size + 1)
                store.add(owner, id := uuid4().hex, read(data), {}, settings)
                store.rename(owner, id, clean(info.comment.decode(errors="replace"))[:60])
                before = "only the chats before it were imported"
    except ChatError as problem:
        session()["everything_problem"] = f"Some chats were not imported. {problem}"
    except Exception:  # whatever is in it
        session()["everything_problem"] = f"{plain(name)} is not an exported chat, or is too large: {before}."


def _is_chat(name: str) -> bool:
    return name.endswith(".json") and OTHERS not in name and "__MACOSX/" not in name


def _delete(owner: str) -> None:
    try:
        store.forget(owner)
    except ChatError as problem:
        session()["everything_problem"] = str(problem)
        return
    st.query_params.clear()
    for kept in ("chats", "conversations", "previews"):
        session().pop(kept, None)
