"""MLflow's server for one viewer, whose pages open in the view of model training; `hmlc ui` starts it.

MLflow remembers the view in the browser, and begins with that of traces and prompts, which has no registered models.
The address can say otherwise, but the links of a page do not repeat it. MLflow finds this by an entry point of the
package, `mlflow.app`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
_CHOICE = (
    b'<script>try{const k="mlflow.workflowType_v1";'
    b"localStorage.getItem(k)||localStorage.setItem(k,'\"machine_learning\"')}catch{}</script>"
)
"""A browser that has chosen a view keeps it."""
_HEAD = b"<head>"


class Interface:
    """MLflow's application. It is loaded by the first message, as the process above that serves nothing also asks for
    this object.
    """

    def __init__(self) -> None:
        self._server: Any = None

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if self._server is None:
            from mlflow.server.fastapi_app import app as server

            self._server = server
        page = scope["type"] == "http" and scope["path"] == "/"
        await self._server(scope, receive, with_choice(send) if page else send)


def with_choice(send: Send) -> Send:
    """Sends a page on with the choice of the view in its head; what has no head is sent as it is."""
    start: Message = {}
    parts: list[bytes] = []

    async def sent(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(parts)
        if _HEAD in body:
            body = body.replace(_HEAD, _HEAD + _CHOICE, 1)
            kept = [
                (name, value) for name, value in start["headers"] if name.lower() not in (b"content-length", b"etag")
            ]
            start["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        await send(start)
        await send({**message, "body": body})

    return sent


app = Interface()
