"""Nothing on the console: no warning of a library's, no trace of ours."""

import os
import subprocess
import sys

from tests.conftest import APP
from tests.model_server import ModelServer

TURN = """
from streamlit.testing.v1 import AppTest

page = AppTest.from_file("app.py", default_timeout=60).run()
page.chat_input[0].set_value("Hello").run()
"""


def test_a_turn_prints_no_warning(server: ModelServer) -> None:
    command, environment = [sys.executable, "-c", TURN], os.environ | server.environment
    done = subprocess.run(command, cwd=APP.parent, env=environment, capture_output=True, text=True, check=True)
    printed = [line for line in done.stderr.splitlines() if "ScriptRunContext" not in line]  # AppTest's own
    assert printed == [], done.stderr
