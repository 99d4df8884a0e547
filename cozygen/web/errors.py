"""Errors on the wire: always JSON, always a stable code, never a traceback."""

from __future__ import annotations

import errno
import logging
import random
import sqlite3
import time
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from sqlalchemy.exc import OperationalError

from cozygen.media.pool import MediaUnavailable
from cozygen.storage.documents import DocumentBusy, DocumentError, DocumentInvalid
from cozygen.web import context

log = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer other than success. `error` is the stable code; `extra` are further fields of the body."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str | None = None,
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message or error)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"error": error}
        if message is not None:
            self.body["message"] = message
        if field is not None:
            self.body["field"] = field
        self.body.update(extra)

    def response(self) -> web.Response:
        """The error as a JSON response."""
        return web.json_response(self.body, status=self.status, headers=self.headers)


_CODES = {404: "not found", 405: "method not allowed", 413: "too large", 416: "range not satisfiable"}


@web.middleware
async def errors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into JSON, and log what is ours to mend."""
    try:
        return await handler(request)
    except ApiError as error:
        return error.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {key: value for key, value in error.headers.items() if key in ("Allow", "Content-Range")}
        body = {"error": _CODES.get(error.status, error.reason.lower())}
        return web.json_response(body, status=error.status, headers=headers)
    except MediaUnavailable as error:
        return ApiError(503, "media unavailable", str(error), headers={"Retry-After": "5"}).response()
    except DocumentError as error:
        return _document_error(error).response()
    except (HttpProcessingError, web.RequestPayloadError):
        return ApiError(400, "bad request", "The body is not what its headers say.").response()
    except (ConnectionResetError, TimeoutError):
        raise
    except Exception as error:
        if _is_full(error):
            log.error("the disk is full: %s", error)
            return ApiError(507, "storage failed", "The disk is full.").response()
        log.exception("unhandled error in %s %s", request.method, request.rel_url.raw_path)
        body = {
            "error": "internal",
            "message": "The server failed; its log has the details.",
            "id": context.request_id.get(),
        }
        return web.json_response(body, status=500)


def _document_error(error: DocumentError) -> ApiError:
    if isinstance(error, DocumentInvalid):
        return ApiError(400, "not storable", str(error))
    if isinstance(error, DocumentBusy):
        return ApiError(503, "busy", str(error), headers={"Retry-After": "2"})
    log.error("%s", error)
    return ApiError(507, "storage failed", "The disk refuses to take or give the document.")


def _is_full(error: Exception) -> bool:
    """Whether it is for want of room on the disk that something could not be stored."""
    if isinstance(error, OperationalError):
        error = error.orig if isinstance(error.orig, Exception) else error
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@web.middleware
async def log_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id (``X-Request-Id``) and log how it ended, without its query (it may hold secrets)."""
    # To tell requests apart in the log, not a secret: a true random number would be the dearest thing in here.
    with context.holding(context.request_id, f"{random.getrandbits(48):012x}"):
        return await _logged(request, handler)


async def _logged(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    status = 500
    number = context.request_id.get()
    try:
        response = await handler(request)
        status = response.status
        if not response.prepared:
            response.headers["X-Request-Id"] = number
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        took = (time.perf_counter() - started) * 1000
        level = logging.DEBUG if status < 400 and _is_quiet(request) else logging.INFO
        log.log(level, "%s %s %d %.1f ms id=%s", request.method, request.rel_url.raw_path, status, took, number)


def _is_quiet(request: web.Request) -> bool:
    """Whether the endpoint is one of those that are asked by the hundred."""
    return getattr(getattr(request.match_info.handler, "__self__", None), "quiet", False)
