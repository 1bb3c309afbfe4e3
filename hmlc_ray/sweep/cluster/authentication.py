"""Who may command a Ray cluster: its token, and heads that ask for none.

Whoever reaches a Ray head that asks for no token can run any command on every node.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hmlc_ray.errors import ClusterError
from hmlc_ray.machine.environment import variables
from hmlc_ray.machine.loopback import is_loopback
from hmlc_ray.sweep.cluster import internals
from hmlc_ray.sweep.cluster.token import MODE, TOKEN, TOKEN_FILE, check_token_file, is_used

_ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
_PROBE_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


@contextmanager
def private() -> Iterator[None]:
    """For the time of an embedded Ray: it listens on loopback alone, and its token lies in no file.

    Left to itself Ray 2.60 has its GCS, raylets and workers listen on every interface, a node address of 127.0.0.1
    notwithstanding, and writes a token that every user of the machine may read to `~/.ray/auth_token`. Where Ray is
    set to accept no other nodes, as by default on macOS and Windows, its sockets stay on loopback.
    """
    check_token_file(default=False)
    token = os.environ.get(TOKEN)
    if not (token or os.environ.get(TOKEN_FILE)):
        token = secrets.token_hex(32)
    try:
        with variables({TOKEN: token, internals.NO_JOINS: "0"}), internals.no_joins():
            internals.forget_token()
            yield
    finally:
        internals.forget_token()


def check_head(address: str) -> None:
    """Ask the head at `host:port` whether it requires a token, and whether ours is the right one.

    A head that other machines can reach and that asks for none is warned of in a sentence.

    Raises:
        ClusterError: if it asks for a token that this process does not have, or a token file is open to others.
    """
    check_token_file()
    if _answers(address, ()):
        host = address.rpartition(":")[0].strip("[]")
        if not is_loopback(host):
            _LOG.warning(
                "the Ray head at %s asks for no token, so whoever reaches it can run any command on the cluster: "
                "start it with RAY_AUTH_MODE=token (docs/security.md)",
                address,
            )
    elif not _answers(address, _token_header()):
        raise ClusterError(
            f"the Ray head at {address} asks for a token, and this process has "
            f"{'another' if _token_header() else 'none'}: set {MODE}=token and {TOKEN_FILE} to a file of mode 600 "
            "that holds it"
        )


def asks_for_token(address: str) -> bool:
    """Whether the head at `host:port` refuses who has no token."""
    return not _answers(address, ())


def _token_header() -> tuple[tuple[str, str], ...]:
    if not is_used():
        return ()
    with suppress(Exception):  # Ray's own error follows from ray.init, in more words
        return tuple(internals.token_header().items())
    return ()


def _answers(address: str, metadata: tuple[tuple[str, str], ...]) -> bool:
    """Whether the head's GCS takes a harmless request with this header; all but a refusal counts as an answer."""
    import grpc

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_ALIVE)(b"", timeout=_PROBE_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            return error.code() is not grpc.StatusCode.UNAUTHENTICATED
    return True
