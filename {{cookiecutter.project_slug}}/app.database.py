"""The app: what stands between a browser and the page. `streamlit run app.py` starts it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware
from streamlit import App, config

from chat.errors import ChatError
from chat.settings import ROOT, allowed_hosts, read_secrets
from server.gate import OneEventAtATime
from server.headers import SecurityHeaders
from server.lifespan import WarmUp
from server.uploads import UploadLimit
from server.visitor import Visitors

try:
    read_secrets()
except ChatError:  # the page says so; Streamlit does not even start with a file that is no UTF-8
    config.set_option("secrets.files", [])
# After an edit, server/ is not reloaded: its loop and its gate go on. Set here because Streamlit needs the full path.
config.set_option("server.folderWatchBlacklist", [str(ROOT / "server")])

warm_up = WarmUp(
    "server.open_files:raise_limit",
    "chat.turn",
    "chat.files",
    "chat.markdown",
    "chat.session:prepare",
    "chat.tidy:begin",
)


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[None]:
    """Begin with the warm-up; at the end, write down what answers have grown to."""
    async with warm_up.lifespan(app):
        yield
    from chat.writer import writer  # not at the top: the warm-up imports LangChain while the browser loads

    writer().close()


app = App(
    "page.py",
    lifespan=lifespan,
    middleware=[
        Middleware(SecurityHeaders, allowed_hosts),
        Middleware(Visitors),
        Middleware(UploadLimit),
        Middleware(OneEventAtATime, warm_up.join),
    ],
)
