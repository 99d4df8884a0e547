"""The web app's files."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from cozygen.web.api import Access, Call, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread

section = Section("App", "The web app itself.")

STATIC = Path(__file__).with_name("static")

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@section.route("GET", "/", status=302, access=Access.PUBLIC)
async def root(call: Call[NoQuery, NoBody]) -> web.Response:
    """Go to the app."""
    return web.Response(status=302, headers={"Location": "/cozygen/"})


@section.route("GET", "/cozygen", media_type="text/html", errors={503: "The app is not built"}, access=Access.PUBLIC)
async def app_page(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """The web app."""
    return await _index()


@section.route("GET", "/cozygen/", media_type="text/html", errors={503: "The app is not built"}, access=Access.PUBLIC)
async def app_page_slash(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """The web app."""
    return await _index()


async def _index() -> web.StreamResponse:
    page = STATIC / "index.html"
    if not await in_thread(page.is_file):
        raise ApiError(503, "app not built", "The web app is not built: run `npm ci && npm run build` in frontend/.")
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY, "Content-Type": "text/html"}
    return web.FileResponse(page, headers=headers)


@section.route(
    "GET",
    "/cozygen/assets/{path:.+}",
    media_type="application/octet-stream",
    errors={404: "No such file"},
    access=Access.PUBLIC,
)
async def asset(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """A script, style or picture of the web app; its name changes with its content."""
    folder = (STATIC / "assets").resolve()
    try:
        path = (folder / call.path("path")).resolve()
    except (ValueError, OSError):
        raise ApiError(404, "not found") from None
    if not path.is_relative_to(folder) or path.suffix not in _TYPES or not await in_thread(path.is_file):
        raise ApiError(404, "not found")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Type": _TYPES[path.suffix]}
    return web.FileResponse(path, headers=headers)
