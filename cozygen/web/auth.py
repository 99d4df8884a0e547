"""Auth: signing in and out, and the rule that keeps everybody else out."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import Field

from cozygen.accounts.tokens import Session
from cozygen.web import context
from cozygen.web.api import Access, Call, Endpoint, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import SERVICES

section = Section("Auth", "Signing in. Off unless a user and a password are configured.")

COOKIE = "cozygen_token"
_PROTECTED_PREFIX = "/cozygen/api/"


@web.middleware
async def auth_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through whoever is signed in, and anybody to what is public.

    With sign-in off everybody may do everything, but for the pages of other sites that somebody looks at: their
    requests come from this machine too. (With sign-in on they lack the cookie, which is SameSite=Lax.)
    """
    sign_in = request.app[SERVICES].sign_in
    if not sign_in.enabled:
        if _changes(request) and _is_of_another_site(request):
            raise ApiError(403, "forbidden", "The page of another site may not use this studio.")
        return await handler(request)
    session = current_session(request)
    if session is not None:
        with context.holding(context.user, session.user):
            return await handler(request)
    if _is_public(request):
        return await handler(request)
    raise ApiError(401, "unauthorized", "Sign in first.")


def _changes(request: web.Request) -> bool:
    """Whether a request does more than read: a page of another site cannot read the answer to what it sends."""
    return request.method not in ("GET", "HEAD") or "upgrade" in request.headers.get("Connection", "").lower()


def _is_of_another_site(request: web.Request) -> bool:
    """Whether a browser sends this for a page from elsewhere. Programs other than browsers send no ``Origin``."""
    origin = request.headers.get("Origin")
    if origin is None or request.headers.get("Sec-Fetch-Site") in ("same-origin", "none"):
        return request.headers.get("Sec-Fetch-Site") == "cross-site"
    host = _hostname(origin)
    ours = {_hostname("//" + request.headers.get(name, "")) for name in ("Host", "X-Forwarded-Host")}
    return host is None or not (host in ours or _is_loopback(host))


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_public(request: web.Request) -> bool:
    endpoint = getattr(request.match_info.handler, "__self__", None)
    if isinstance(endpoint, Endpoint):
        return endpoint.access is Access.PUBLIC
    # No such route: that is all there is to say, but not even this about the API.
    return not request.path.startswith(_PROTECTED_PREFIX)


def current_session(request: web.Request) -> Session | None:
    """Who sends this request, by ``Authorization: Bearer`` or by cookie."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.cookies.get(COOKIE, "")
    return request.app[SERVICES].sign_in.verify(token.strip()) if token else None


class Credentials(Model):
    """Who wants in."""

    username: str = Field(max_length=256)
    password: str = Field(max_length=4096)


class SignedIn(Model):
    """The token, which the cookie carries too."""

    token: str
    user: str
    expires_in: int = Field(description="seconds")
    default_credentials: bool = Field(description="the user or the password is still the example's")


class AuthStatus(Model):
    """Whether the caller is signed in."""

    authenticated: bool
    user: str | None
    exp: int | None = Field(None, description="seconds since the epoch")
    auth_enabled: bool
    default_credentials: bool | None = None


class SignedOut(Model):
    """The cookie is gone."""

    status: Literal["ok"]


@section.route(
    "POST",
    "/cozygen/api/login",
    body=Credentials,
    response=SignedIn,
    errors={400: "`auth_disabled` or `invalid_body`", 401: "`invalid_credentials`"},
    access=Access.PUBLIC,
    # With sign-in off there is nothing to say about the body.
    guard=lambda services: None if services.sign_in.enabled else ApiError(400, "auth_disabled", "Sign-in is off."),
    field_errors={"username": "invalid_body", "password": "invalid_body"},
    body_errors={"json": "invalid_body", "object": "invalid_body"},
)
async def login(call: Call[NoQuery, Credentials]) -> web.Response:
    """Sign in: answers a token and sets it as a cookie."""
    sign_in, body = call.services.sign_in, call.body
    if not sign_in.check(body.username.strip(), body.password):
        raise ApiError(401, "invalid_credentials", "The user name or the password is wrong.")
    token = sign_in.issue()
    response = web.json_response(
        {
            "token": token,
            "user": sign_in.user,
            "expires_in": sign_in.ttl,
            "default_credentials": sign_in.default_credentials,
        }
    )
    response.set_cookie(
        COOKIE, token, max_age=sign_in.ttl, secure=call.request.secure, httponly=True, samesite="Lax", path="/"
    )
    return response


@section.route(
    "GET",
    "/cozygen/api/auth_status",
    response=AuthStatus,
    errors={401: "Not signed in, with the same fields"},
    access=Access.PUBLIC,
)
async def auth_status(call: Call[NoQuery, NoBody]) -> AuthStatus:
    """Whether the caller is signed in."""
    sign_in = call.services.sign_in
    if not sign_in.enabled:
        return AuthStatus(authenticated=False, user=None, auth_enabled=False)
    session = current_session(call.request)
    if session is None:
        raise ApiError(
            401,
            "unauthorized",
            authenticated=False,
            user=None,
            auth_enabled=True,
            default_credentials=sign_in.default_credentials,
        )
    return AuthStatus(
        authenticated=True,
        user=session.user,
        exp=session.expires,
        auth_enabled=True,
        default_credentials=sign_in.default_credentials,
    )


@section.route("POST", "/cozygen/api/logout", response=SignedOut, access=Access.PUBLIC)
async def logout(call: Call[NoQuery, NoBody]) -> web.Response:
    """Sign out: the cookie is removed."""
    response = web.json_response({"status": "ok"})
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Lax", secure=call.request.secure)
    return response
