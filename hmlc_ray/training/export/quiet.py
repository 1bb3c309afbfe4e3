"""Silence for libraries that speak of themselves."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TALKATIVE = ("torch", "onnxscript", "onnx_ir", "onnx")


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and no log of torch and ONNX, for the time of the block; other loggers are left alone."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _TALKATIVE]
    loggers = {name: logging.getLogger(name) for name in (*_TALKATIVE, *names)}
    before = {name: logger.level for name, logger in loggers.items()}
    for logger in loggers.values():
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            loggers[name].setLevel(level)
