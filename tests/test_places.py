"""Does the app run where people put it? The image's steps, run by hand, since few machines have a Docker."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baking import UV, app_tests, copy_app, install, run
from tests.running import free_port, run_coroutine, serving
from tests.streamlit_client import Session

pytestmark = [pytest.mark.installs, pytest.mark.skipif(os.name == "nt", reason="the image is one of Linux")]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
ANOTHER = "12345"  # a user id without a name, as OpenShift gives it
FOLDERS = {".streamlit", "chat", "features", "prompts", "providers", "server"}
FILES = {"app.py", "page.py", "page.css", "page.js", "settings.toml", "pyproject.toml", "uv.lock"}


def instructions(app: Path) -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each with what follows it."""
    text = re.sub(r"^#.*\n", "", (app / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Say whether .dockerignore keeps a file out: the last pattern counts that fits it or a folder it is in.

    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    ignored = False
    for pattern in patterns:
        name = pattern.removeprefix("!").removeprefix("**/")
        anywhere = pattern.startswith("**/")
        if any(_fits(folder.rpartition("/")[2] if anywhere else folder, name) for folder in above):
            ignored = not pattern.startswith("!")
    return ignored


def _fits(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def in_the_image(app: Path) -> set[str]:
    """Return the files that `COPY . .` would copy."""
    lines = (app / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    paths = {path.relative_to(app).as_posix() for path in app.rglob("*") if path.is_file()}
    return {path for path in paths if not is_ignored(path, patterns)}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install an app, with what people have lying about in it."""
    app = copy_app(install(model_provider="openai"), tmp_path_factory.mktemp("places") / "app")
    (app / ".streamlit" / "secrets.toml").write_text('OPENAI_API_KEY = "sk-mine"', encoding="utf-8")
    (app / ".env").write_text("OPENAI_API_KEY=sk-mine", encoding="utf-8")
    (app / "data").mkdir(exist_ok=True)
    (app / "data" / "README.md").write_text("Facts", encoding="utf-8")
    return app


def test_the_image_has_what_the_app_needs_and_nothing_else(app: Path) -> None:
    copied = in_the_image(app)
    assert {path for path in copied if "/" not in path} == FILES
    assert {path.partition("/")[0] for path in copied if "/" in path} == FOLDERS | {"data"}  # the owner's own, too
    assert {path for path in copied if path.startswith((".streamlit", "data"))} == {
        ".streamlit/config.toml",
        "data/README.md",
    }
    source = {path.relative_to(app).as_posix() for folder in FOLDERS for path in (app / folder).rglob("*.*")}
    left_out = {path for path in source - copied if "__pycache__" not in path and not path.endswith("/__pycache__")}
    assert left_out == {".streamlit/secrets.toml", ".streamlit/secrets.toml.example"}


@pytest.fixture(scope="module")
def image(app: Path) -> Iterator[Path]:
    """Take the image's steps in a folder, as root if this is root, which others may read and not write."""
    python = "/usr/bin/python3" if ROOT else sys.executable  # root's own may be where nobody else can read
    version = subprocess.run([python, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True)
    if version.stdout.strip() != b"True":
        pytest.skip("this machine has no Python of 3.11 or later for other user ids: apt-get install python3")
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    environment = {"UV_PYTHON": python, "UV_PYTHON_DOWNLOADS": "never"}
    for name, rest in instructions(app):
        if name == "COPY":
            *sources, _ = rest.split()
            for source in sources:
                if source == ".":
                    for path in in_the_image(app):
                        (folder / path).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(app / path, folder / path)
                elif not source.startswith(("--from=", "/app/")):
                    shutil.copy(app / source, folder / source)
        elif name == "RUN" and "pip install" not in rest:
            for program, path in {"uv": UV, "python": folder / ".venv" / "bin" / "python"}.items():
                rest = re.sub(f"^{program} ", f"{shlex.quote(str(path))} ", rest)
            run("sh", "-c", rest, cwd=folder, env=environment)
    yield folder
    run("chmod", "-R", "u+w", str(folder), cwd=folder.parent)
    shutil.rmtree(folder)


def as_another(command: str, folder: Path) -> list[str]:
    """Return the command as another user id runs it who can write nowhere, as far as this machine lets one."""
    if not ROOT:
        run("chmod", "-R", "a-w", str(folder), cwd=folder)
        return ["sh", "-c", command]
    drop = f"exec setpriv --reuid {ANOTHER} --regid 0 --clear-groups sh -c {shlex.quote(command)}"
    if subprocess.run(["unshare", "--mount", "mount", "-o", "remount,bind,ro", "/"], capture_output=True).returncode:
        return ["sh", "-c", drop]
    return ["unshare", "--mount", "sh", "-c", f"mount -o remount,bind,ro / && {drop}"]


def test_the_image_runs_under_another_user_id_and_on_the_port_it_is_told(image: Path, app: Path) -> None:
    steps = instructions(app)
    assert [rest for name, rest in steps if name == "USER"] == ["1000"]
    assert [name for name, _ in steps].index("USER") > max(at for at, (name, _) in enumerate(steps) if name == "RUN")
    port = free_port()
    settings = [*shlex.split(next(rest for name, rest in steps if name == "ENV")), f"PORT={port}"]
    settings.append("STREAMLIT_SERVER_BASE_URL_PATH=chat")
    environment = dict(setting.replace("/app/", f"{image}/").split("=", 1) for setting in settings)
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    command = next(rest for name, rest in steps if name == "CMD")
    check = next(rest for name, rest in steps if name == "HEALTHCHECK").removeprefix("CMD ")
    before = set(image.rglob("*"))
    with app_tests(app).ModelServer() as server:
        environment |= server.environment
        with serving(as_another(command, image), image, environment, "/chat/_stcore/health", port=port) as process_port:
            assert not subprocess.run(["sh", "-c", check], env=os.environ | environment, check=False).returncode
            closed = environment | {"PORT": str(free_port())}
            wrong = subprocess.run(["sh", "-c", check], env=os.environ | closed, capture_output=True, check=False)
            assert wrong.returncode
            run_coroutine(_a_turn(process_port))
            users = subprocess.run(["ps", "-ewwo", "uid,args"], capture_output=True, text=True, check=False).stdout
            ours = [line.split()[0] for line in users.splitlines() if f"--server.port={port}" in line]
            assert not ROOT or ours == [ANOTHER]  # one process: `exec` leaves no shell that would not hand on signals
    assert set(image.rglob("*")) == before


async def _a_turn(port: int) -> None:
    async with Session(port, "/chat") as session:
        await session.say("Hello")
        await session.idle()
        assert session.transcript()[-1] == ("ai", "Hello from the model.")


def test_pip_install_says_what_to_do_instead(app: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    done = run(tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", ".", cwd=app, check=False)
    assert done.returncode
    assert "This is an app, not a package: run `uv sync`" in done.stdout
