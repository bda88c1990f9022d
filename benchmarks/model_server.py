"""A model server on loopback that speaks OpenAI's chat completions and answers at a fixed pace.

    python benchmarks/model_server.py PORT

The last question says how: "20 tokens in 0.2 s (u7)" is answered with 20 tokens, one each 10 ms. The first names the
question and when it was sent, `u7@123.456` in seconds of the machine's monotonic clock, and the last one is `u7.`, so
whoever reads along knows how old the first word is and that the answer is whole, without asking this process. The
words between are made up: the same one again and again would be compressed to nothing.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import random
import re
import sys
import time

ASKED = re.compile(rb"(\d+) tokens in ([\d.]+) s \((\w+)\)")
SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
WORDS = [" " + "".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(2000)]


def question(tokens: int, seconds: float, name: str) -> str:
    """Return what to ask for an answer of `tokens` tokens in `seconds` seconds; `name` marks its first and last."""
    return f"{tokens} tokens in {seconds} s ({name})"


def _event(content: str, **rest: object) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]} | rest
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _whole(text: str, usage: dict[str, int]) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(answer).encode()


async def _answer(body: bytes, writer: asyncio.StreamWriter) -> None:
    asked = ASKED.match(body[body.rfind(b'"', 0, body.rfind(b" tokens in ")) + 1 :])  # the last of a long chat
    assert asked
    tokens, seconds, name = int(asked[1]), float(asked[2]), asked[3].decode()
    usage = {"prompt_tokens": 7, "completion_tokens": tokens, "total_tokens": 7 + tokens}
    streaming = b'"stream":true' in body.replace(b": ", b":")
    kind = b"text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" if streaming else b"application/json\r\n"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind)
    begin, words = time.monotonic(), []
    for number in range(1, tokens + 1):
        await asyncio.sleep(begin + seconds * number / tokens - time.monotonic())
        word = random.choice(WORDS) if number < tokens else f" {name}."
        word = f"{name}@{time.monotonic():.6f}" if number == 1 else word
        if streaming:
            _write_chunk(writer, _event(word))
            await writer.drain()  # a million words are read more slowly than they are written
        else:
            words.append(word)
    if streaming:
        end = _event("", choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _event(
            "", choices=[], usage=usage
        )
        _write_chunk(writer, end + b"data: [DONE]\n\n")
        _write_chunk(writer, b"")
    else:
        text = _whole("".join(words), usage)
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(text), text))


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await _answer(await reader.readexactly(int(length[1]) if length else 0), writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(_serve, "127.0.0.1", int(sys.argv[1]), backlog=500)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
