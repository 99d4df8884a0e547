"""The web app's files, as `npm run build` leaves them in ``static/``.

The page is the same for every address of the app (`PAGES`); its scripts read the address. Files under ``assets/`` have
their content's hash in the name and are cached for good; icons and the manifest beside the page are asked for anew.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from cozygen.web.api import Access, Call, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread

section = Section("App", "The web app itself.")

STATIC = Path(__file__).with_name("static")

PAGES = ("create", "gallery", "library", "queue", "settings", "studio", "view")
"""First segments of the app's own addresses below ``/cozygen/``, as in the front end's ``routes.ts``."""

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
_FOR_GOOD = "public, max-age=31536000, immutable"


@section.route("GET", "/", status=302, access=Access.PUBLIC)
async def root(call: Call[NoQuery, NoBody]) -> web.Response:
    """Go to the app."""
    return web.Response(status=302, headers={"Location": "/cozygen/"})


@section.route(
    "GET", "/cozygen", media_type="text/html", errors={503: "The app is not built"}, access=Access.PUBLIC, is_file=True
)
async def app_page(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """The web app."""
    return await _index()


@section.route(
    "GET", "/cozygen/", media_type="text/html", errors={503: "The app is not built"}, access=Access.PUBLIC, is_file=True
)
async def app_page_slash(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """The web app."""
    return await _index()


@section.route(
    "GET",
    f"/cozygen/{{page:(?:{'|'.join(PAGES)})(?:/.*)?}}",
    media_type="text/html",
    errors={503: "The app is not built"},
    access=Access.PUBLIC,
    is_file=True,
)
async def app_page_deep(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """The web app at one of its pages."""
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
    quiet=True,
    media_type="*/*",
    errors={404: "No such file"},
    access=Access.PUBLIC,
    is_file=True,
)
async def asset(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """A script, style or picture of the web app; its name changes with its content."""
    return await _file(STATIC / "assets", call.path("path"), _FOR_GOOD)


@section.route(
    "GET",
    r"/cozygen/{name:[a-z0-9-]+\.(?:svg|png|ico|webmanifest)|sw\.js}",
    media_type="*/*",
    errors={404: "No such file"},
    access=Access.PUBLIC,
    is_file=True,
)
async def app_file(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """An icon, the manifest or the service worker of the installable app; the name stays, the content may change."""
    return await _file(STATIC, call.path("name"), "no-cache")


async def _file(folder: Path, name: str, caching: str) -> web.StreamResponse:
    path = await in_thread(lambda: _inside(folder.resolve(), name))
    if path is None:
        raise ApiError(404, "not found")
    return web.FileResponse(path, headers={"Cache-Control": caching, "Content-Type": _TYPES[path.suffix]})


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`; None where it is none that we serve."""
    try:
        path = (folder / name).resolve()
        found = path.is_relative_to(folder) and path.suffix in _TYPES and path.is_file()
    except (ValueError, OSError):
        return None
    return path if found else None
