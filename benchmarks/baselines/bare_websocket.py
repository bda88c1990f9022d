"""The floor: a websocket that relays the model's words as they come, and knows no history, page or chain.

python benchmarks/baselines/bare_websocket.py PORT
"""

import asyncio
import json
import os
import sys
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve

MODEL = urlsplit(os.environ["OPENAI_BASE_URL"])


async def chat(user: ServerConnection) -> None:
    """Answer each question of a user over one connection to the model server."""
    reader, writer = await asyncio.open_connection(MODEL.hostname, MODEL.port)
    async for question in user:
        body = json.dumps({"messages": [{"role": "user", "content": question}], "stream": True}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        while (line := await reader.readuntil(b"\n")) != b"data: [DONE]\n":
            if line.startswith(b"data: ") and (choices := json.loads(line[6:])["choices"]):
                await user.send(choices[0]["delta"].get("content", ""))
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()


async def main() -> None:
    """Serve until killed."""
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
