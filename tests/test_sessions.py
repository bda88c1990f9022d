"""Does a session survive what others do, and what becomes of it when the server does not? With a real server."""

import asyncio
import urllib.error
from collections.abc import Callable

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.baking import QUESTIONS, app_tests, install
from tests.running import free_port, run_coroutine, running
from tests.streamlit_client import Session

LOST = "Any earlier chats and files are gone: the server restarted, or you were away for too long."

pytestmark = pytest.mark.installs


GREETING = QUESTIONS["greeting"]
ANSWER = "Hello from the model."


async def ask(user: Session, text: str) -> None:
    """Type a question and wait for its answer."""
    await user.say(text)
    await until(lambda: user.transcript()[-2:] == [("human", text), ("ai", ANSWER)])
    await user.idle()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something on a page."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def chat(user: Session, questions: int) -> None:
    """Ask some questions and close the laptop: after one, the last run was that of the whole page."""
    async with user:
        for number in range(questions):
            await ask(user, f"Question {number}")


async def come_back(user: Session, click: str) -> list[str]:
    """Click at once, as someone does who has not seen what happened; return the line that the page shows."""
    await user.connect(rerun=False)
    if click == "question":
        await user.say("And now?")
    elif click:
        await user.press(click)
    first = [("ai", GREETING), *([("human", "And now?"), ("ai", ANSWER)] if click == "question" else [])]
    await until(lambda: user.transcript() == first)
    await user.idle()
    line = user.errors()
    await ask(user, "Another question")
    await until(lambda: user.transcript() == [*first, ("human", "Another question"), ("ai", ANSWER)])
    await user.drop()
    return line


def test_a_page_whose_session_is_gone_says_so_and_goes_on() -> None:
    app, port = install(model_provider="openai"), free_port()
    back = [(questions, click) for questions in (1, 2) for click in ("", "question", "Try again", "New chat")]
    users = [Session(port) for _ in back]

    async def restart_the_server() -> list[list[str]]:
        with running(app, server.environment, port=port):
            await asyncio.gather(*(chat(user, questions) for user, (questions, _) in zip(users, back, strict=True)))
        with running(app, server.environment, port=port):
            return await asyncio.gather(*(come_back(user, click) for user, (_, click) in zip(users, back, strict=True)))

    with app_tests(app).ModelServer() as server:
        lines = run_coroutine(restart_the_server())
        asked = [text for number in range(len(server.requests)) for _, text in server.conversation(number)[-1:]]
    assert lines == [[LOST]] * len(users)
    after = [text for text in asked if not text.startswith("Question")]
    assert sorted(after) == ["And now?"] * 2 + ["Another question"] * len(users)


def test_no_message_of_a_stranger_touches_another_session() -> None:
    app = install(model_provider="openai")
    messages = [
        BackMsg(clear_cache=True),
        BackMsg(load_git_info=True),
        BackMsg(stop_script=True),
        BackMsg(debug_shutdown_runtime=True),
        BackMsg(debug_disconnect_websocket=True),
        BackMsg(file_urls_request={"file_names": [""] * 1_500_000}),  # half a minute's work
        BackMsg(backend_operation_request={"install_skills": {}}),
    ]

    async def talk(port: int) -> None:
        async with Session(port) as user, Session(port) as stranger:
            await ask(user, "Question")
            await ask(stranger, "Question")
            for message in messages:
                await stranger.send(message)
                async with asyncio.timeout(30):
                    await ask(user, f"After {message.WhichOneof('type')}")
            await ask(stranger, "Still here?")
            assert len(stranger.transcript()) == 5

    with app_tests(app).ModelServer() as server, running(app, server.environment) as port:
        run_coroutine(talk(port))


def test_files_that_no_question_takes_have_a_limit() -> None:
    app = install(model_provider="openai")
    content = bytes(19_000_000)

    async def send_many(port: int) -> None:
        async with Session(port) as user, Session(port) as stranger:
            for _ in range(6):
                await stranger.upload("film.bin", content)
            with pytest.raises(urllib.error.URLError):  # 413, or the connection is closed before it is read
                await stranger.upload("film.bin", content)
            await user.say("What is this?", {"note.txt": b"A note"})
            await until(lambda: user.transcript()[-1] == ("ai", ANSWER))

    options = "--server.enableXsrfProtection=false"  # this client has no cookies
    with app_tests(app).ModelServer() as server, running(app, server.environment, options) as port:
        run_coroutine(send_many(port))
        assert "A note" in str(server.requests)


def test_all_who_are_cut_off_for_a_moment_find_their_chats_again() -> None:
    """Streamlit itself keeps only the last 128 sessions, and here it would forget each after two seconds."""
    app, tabs = install(model_provider="openai"), 140

    async def all_at_once(port: int) -> None:
        users = [Session(port) for _ in range(tabs)]
        for ten in range(0, tabs, 10):
            await asyncio.gather(*map(begin, users[ten : ten + 10]))
        await asyncio.gather(*(user.drop() for user in users))
        await asyncio.sleep(4)
        await asyncio.gather(*map(go_on, users))

    async def begin(user: Session) -> None:
        await user.connect()
        await ask(user, "Question")

    async def go_on(user: Session) -> None:
        await user.connect()
        await until(lambda: ("human", "Question") in user.transcript())
        await user.drop()

    options = "--server.disconnectedSessionTTL=2", "--server.fileWatcherType=none"
    with app_tests(app).ModelServer() as server, running(app, server.environment, *options) as port:
        run_coroutine(all_at_once(port))
