"""How a handler is declared: one `Endpoint` carries the route, its pydantic models and its access rule.

The same declaration validates the request, documents it (`cozygen.web.openapi`) and says who may call it. A handler
takes one `Call` and returns a pydantic model (sent as JSON) or an aiohttp response.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from cozygen.storage import jsons
from cozygen.web import context
from cozygen.web.errors import ApiError
from cozygen.web.services import SERVICES, Services, in_thread

MAX_JSON_BYTES = 32 * 1024 * 1024
"""Largest JSON body: a workflow with embedded pictures is a few MiB."""


class Access(StrEnum):
    """Who may call an endpoint when sign-in is on."""

    PUBLIC = "public"
    USER = "user"


class Model(BaseModel):
    """Base of every model on the wire: unknown fields of a request are ignored, as the reference does."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class ErrorBody(Model):
    """What every error answers."""

    model_config = ConfigDict(extra="allow")

    error: str
    """A stable code or short text."""
    message: str | None = None
    """The same for people."""
    field: str | None = None
    """The field of the request that is at fault."""


class FileUpload(BaseModel):
    """Base of the multipart forms in the document: the handler reads them itself, as a stream."""


class NoQuery(Model):
    """No query parameters."""


class NoBody(Model):
    """No body."""


Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)
R = TypeVar("R", bound=BaseModel | web.StreamResponse)


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """One request, parsed."""

    request: web.Request
    query: Q
    body: B
    services: Services

    @property
    def user(self) -> str:
        """Name of the signed-in user, `default` when sign-in is off."""
        return context.user.get()

    def path(self, name: str) -> str:
        """A path parameter, decoded."""
        return self.request.match_info[name]


Handler = Callable[[Call[Q, B]], Awaitable[R]]


@dataclass(frozen=True)
class Endpoint:
    """A route and all that is declared of it."""

    method: str
    path: str
    handler: Callable[[Call[Any, Any]], Awaitable[BaseModel | web.StreamResponse]]
    section: str
    query: type[BaseModel]
    body: type[BaseModel]
    response: type[BaseModel] | None
    media_type: str
    status: int
    errors: Mapping[int, str]
    access: Access
    field_errors: Mapping[str, str]
    body_errors: Mapping[str, str]
    error_response: Callable[[ApiError], web.Response] | None
    also_under_api: bool
    guard: Callable[[Services], ApiError | None] | None
    form: type[FileUpload] | None
    body_optional: bool
    error_model: type[BaseModel]
    is_file: bool
    quiet: bool

    @property
    def operation_id(self) -> str:
        """The handler's name, unique in the document."""
        return getattr(self.handler, "__name__", "handler")

    @property
    def paths(self) -> Iterator[str]:
        """Every path that the endpoint answers on."""
        yield self.path
        if self.also_under_api:
            yield "/api" + self.path

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        services = request.app[SERVICES]
        refusal = self.guard(services) if self.guard is not None else None
        if refusal is not None:
            raise refusal
        try:
            call: Call[Any, Any] = Call(
                request=request,
                query=self._query(request),
                body=await self._body(request),
                services=services,
            )
            result = await self.handler(call)
        except ApiError as error:
            if self.error_response is None:
                raise
            return self.error_response(error)
        if isinstance(result, BaseModel):
            return json_response(result, status=self.status)
        return result

    def _query(self, request: web.Request) -> BaseModel:
        # The first of several equal names counts, as in aiohttp; lists are comma-separated by the reference.
        try:
            return self.query.model_validate(dict(request.query))
        except ValidationError as error:
            raise self._invalid(error) from None

    async def _body(self, request: web.Request) -> BaseModel:
        if self.body is NoBody:
            return NoBody()
        raw = await read_bytes(request, MAX_JSON_BYTES)
        if self.body_optional and not raw.strip():
            return self.body()
        if len(raw) <= jsons.SMALL:
            return self._parsed_body(raw)
        return await in_thread(lambda: self._parsed_body(raw))

    def _parsed_body(self, raw: bytes) -> BaseModel:
        data = parse_json(raw, bad=self.body_errors.get("json", "bad json"))
        try:
            return self.body.model_validate(data)
        except ValidationError as error:
            raise self._invalid(error, not_object=not isinstance(data, dict)) from None

    def _invalid(self, error: ValidationError, *, not_object: bool = False) -> ApiError:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if not_object:
            return ApiError(400, self.body_errors.get("object", "bad json"), "the body must be a JSON object")
        code = self.field_errors.get(str(first["loc"][0]) if first["loc"] else "", "invalid request")
        return ApiError(400, code, f"{name}: {first['msg']}" if name else first["msg"], field=name or None)


def parse_json(raw: bytes, *, bad: str = "bad json") -> Any:
    """JSON in UTF-8; with more than `jsons.SMALL` bytes, for a thread.

    Raises `ApiError` 400 for what is not JSON, numbers beyond a double among it.
    """
    try:
        return jsons.loads(raw)
    except (ValueError, RecursionError):
        raise ApiError(400, bad, "the body is not valid JSON") from None


async def read_bytes(request: web.Request, limit: int) -> bytes:
    """The request's body. Raises `ApiError` 413 beyond `limit` bytes."""
    if request.content_length is not None and request.content_length > limit:
        raise ApiError(413, "too large", f"the body is larger than {limit} bytes")
    chunks = bytearray()
    async for chunk in request.content.iter_chunked(256 * 1024):
        chunks += chunk
        if len(chunks) > limit:
            raise ApiError(413, "too large", f"the body is larger than {limit} bytes")
    return bytes(chunks)


def json_response(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A model as a JSON response. Fields that were never set and have the default `None` are left out."""
    return web.Response(body=_as_json(model), status=status, content_type="application/json", headers=headers)


def long_json_response(model: BaseModel, name: str, items: Iterable[BaseModel]) -> web.Response:
    """As `json_response`, with `items` in the place of what the model has as its field `name`; for a thread.

    They are encoded one by one, since no other thread runs while pydantic encodes.
    """
    head = _as_json(model, without=name).removesuffix(b"}")
    separator = b"," if len(head) > 1 else b""
    body = b'%b%b"%b":[%b]}' % (head, separator, name.encode(), b",".join(map(_as_json, items)))
    return web.Response(body=body, content_type="application/json")


def _as_json(model: BaseModel, *, without: str = "") -> bytes:
    options: dict[str, Any] = {"by_alias": True, "exclude_unset": True, "exclude": {without} if without else None}
    try:
        return model.model_dump_json(**options).encode()
    except PydanticSerializationError:  # lone surrogates, which JSON can only carry escaped
        return json.dumps(model.model_dump(**options), default=str).encode()


async def any_json(make: Callable[[], Any]) -> web.Response:
    """What `make` returns, of any size, as a JSON response. It is made and encoded in a thread."""
    body = await in_thread(lambda: jsons.dumps(make()).encode())
    return web.Response(body=body, content_type="application/json")


@dataclass
class Section:
    """The endpoints of one section of the API."""

    name: str
    description: str = ""
    endpoints: list[Endpoint] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        *,
        query: type[Q] = cast(Any, NoQuery),  # noqa: B008
        body: type[B] = cast(Any, NoBody),  # noqa: B008
        response: type[BaseModel] | None = None,
        media_type: str = "application/json",
        status: int = 200,
        errors: Mapping[int, str] | None = None,
        access: Access = Access.USER,
        field_errors: Mapping[str, str] | None = None,
        body_errors: Mapping[str, str] | None = None,
        error_response: Callable[[ApiError], web.Response] | None = None,
        also_under_api: bool = False,
        guard: Callable[[Services], ApiError | None] | None = None,
        form: type[FileUpload] | None = None,
        body_optional: bool = False,
        error_model: type[BaseModel] = ErrorBody,
        is_file: bool = False,
        quiet: bool = False,
    ) -> Callable[[Handler[Q, B, R]], Handler[Q, B, R]]:
        """Declare an endpoint.

        `field_errors` maps a field to the error code that the reference prescribes for it; `body_errors` has the
        codes for a body that is not JSON (``json``) or not an object (``object``). `guard` may refuse before the
        request is read. `form` documents a multipart body, which the handler reads. With `body_optional` an empty body
        means the defaults. `error_model` documents errors in another shape than ours (`error_response` makes them).
        `is_file`: the answer is a file with ranges and conditional requests. `quiet`: it is asked by the hundred, and
        logged only at debug level when all went well.
        """

        def declare(handler: Handler[Q, B, R]) -> Handler[Q, B, R]:
            self.endpoints.append(
                Endpoint(
                    method=method,
                    path=path,
                    handler=cast(Any, handler),
                    section=self.name,
                    query=query,
                    body=body,
                    response=response,
                    media_type=media_type,
                    status=status,
                    errors=errors or {},
                    access=access,
                    field_errors=field_errors or {},
                    body_errors=body_errors or {},
                    error_response=error_response,
                    also_under_api=also_under_api,
                    guard=guard,
                    form=form,
                    body_optional=body_optional,
                    error_model=error_model,
                    is_file=is_file,
                    quiet=quiet,
                )
            )
            return handler

        return declare
