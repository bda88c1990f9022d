"""Run the page beside this file with a session that has a long past: `?messages=10000` in the page's address.

The past is put into the session's state, where the memory guide keeps it, so the same file serves the app and a plain
one; an upload would need a feature that only the app has.
"""

from pathlib import Path
from uuid import uuid4

import streamlit as st
from langchain_core.messages import AIMessage, HumanMessage

KEY = "langchain_messages"  # the template's default, and the plain apps'

if KEY not in st.session_state:
    st.session_state[KEY] = messages = []
    for number in range(int(st.query_params["messages"]) // 2):
        messages.append(HumanMessage(f"This is question {number}, as long as many are.", id=str(uuid4())))
        done = {"status": "complete"}
        messages.append(AIMessage(f"This is answer {number}. " * 4, id=str(uuid4()), response_metadata=done))

page = next(file for name in ("page.py", "app.py", "plain.py") if (file := Path(__file__).with_name(name)).exists())
exec(compile(page.read_text(encoding="utf-8"), page, "exec"), globals() | {"__file__": str(page)})
