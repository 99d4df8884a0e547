"""Tags: the reference list, searched and checked against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from cozygen.tags.service import Loaded, TagsUnavailable
from cozygen.tags.update import Options, UpdateRunningError
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread

if TYPE_CHECKING:
    from cozygen.tags.detail import TagDetail

section = Section("Tags", "The tag reference: browse, search, check.")

_UNAVAILABLE = {503: "No list is loaded: `danbooru tag reference unavailable`"}
_DEFAULT_LIMIT, _MAX_LIMIT = 80, 200
_MAX_TAGS = 10_000


class TagCategory(Model):
    """A category as shown: `count` is what the list declares, else `actual`."""

    key: str
    count: int
    actual: int


class TagCategories(Model):
    """The categories, largest first, and how many tags there are."""

    categories: list[TagCategory]
    total: int


async def _loaded(services: Services) -> Loaded:
    try:
        return await in_thread(services.tags.loaded)
    except TagsUnavailable as error:
        raise ApiError(503, "danbooru tag reference unavailable", str(error)) from None


@section.route("GET", "/cozygen/api/tags/categories", response=TagCategories, errors=_UNAVAILABLE)
async def tag_categories(call: Call[NoQuery, NoBody]) -> TagCategories:
    """The categories of the list."""
    index = (await _loaded(call.services)).index
    shown = [TagCategory(key=c.key, count=c.count, actual=c.actual) for c in index.overview()]
    return TagCategories(categories=shown, total=len(index))


class TagQuery(Model):
    """What to look for. Numbers that are none fall back to their defaults."""

    q: str = Field("", max_length=1000, description="all of its parts, separated by `_`, `-` or space")
    category: str = Field("", max_length=200)
    sort: str = Field("count", max_length=1000, description="`count` or `alpha`")
    limit: str = Field(str(_DEFAULT_LIMIT), max_length=1000, description="1..200")
    offset: str = Field("0", max_length=1000)
    min_count: str = Field("0", max_length=1000)


class FoundTag(Model):
    """One tag."""

    tag: str
    count: int
    category: str


class TagPage(Model):
    """Tags that match, and what was looked for."""

    items: list[FoundTag]
    total: int
    limit: int
    offset: int
    q: str
    category: str
    sort: Literal["count", "alpha"]


@section.route("GET", "/cozygen/api/tags/search", query=TagQuery, response=TagPage, errors=_UNAVAILABLE)
async def search_tags(call: Call[TagQuery, NoBody]) -> TagPage:
    """Search by parts of the name."""
    query, index = call.query, (await _loaded(call.services)).index
    text, category = query.q.strip().lower(), query.category.strip()
    order: Literal["count", "alpha"] = "alpha" if query.sort.strip().lower() == "alpha" else "count"
    limit = min(_MAX_LIMIT, max(1, _whole(query.limit, _DEFAULT_LIMIT)))
    offset = max(0, _whole(query.offset, 0))
    min_count = max(0, _whole(query.min_count, 0))
    numbers, total = await in_thread(
        lambda: index.search(text, category=category, order=order, min_count=min_count, limit=limit, offset=offset)
    )
    found = (index.tag(number) for number in numbers)
    return TagPage(
        items=[FoundTag(tag=name, count=count, category=shown) for name, count, shown in found],
        total=total,
        limit=limit,
        offset=offset,
        q=text,
        category=category,
        sort=order,
    )


def _whole(text: str, default: int) -> int:
    """A whole number; `default` for what is none, or beyond any list's size."""
    try:
        value = int(text)
    except ValueError:
        return default
    return value if abs(value) < 2**53 else default


class DetailQuery(Model):
    """Which tag."""

    tag: str = Field(min_length=1, max_length=1000, description="its name, or another name for it, in any case")


class TagDetailView(Model):
    """A tag: the other names for it, its place in the list by posts (from 1), and tags that share parts of its name."""

    tag: str
    count: int
    category: str
    rank: int
    aliases: list[str]
    related: list[FoundTag]


@section.route(
    "GET",
    "/cozygen/api/tags/detail",
    query=DetailQuery,
    response=TagDetailView,
    errors={404: "No such tag", **_UNAVAILABLE},
)
async def tag_detail(call: Call[DetailQuery, NoBody]) -> TagDetailView:
    """What the list knows about one tag."""
    index, name = (await _loaded(call.services)).index, call.query.tag
    found = await in_thread(lambda: _describe(index, name))
    if found is None:
        raise ApiError(404, "not found", "The list has no such tag.", field="tag")
    tag, count, category = index.tag(found.number)
    related = (index.tag(number) for number in found.related)
    return TagDetailView(
        tag=tag,
        count=count,
        category=category,
        rank=found.rank,
        aliases=found.aliases,
        related=[FoundTag(tag=name, count=posts, category=shown) for name, posts, shown in related],
    )


def _describe(index: Any, name: str) -> TagDetail | None:
    from cozygen.tags.detail import describe  # NumPy, which nothing needs before the first tag

    return describe(index, name)


class TagsToCheck(Model):
    """Tags as typed; what is no text is skipped."""

    tags: list[Any] = Field(default_factory=list, max_length=_MAX_TAGS)


class TagsChecked(Model):
    """The unknown ones, and what may have been meant."""

    invalid: list[str]
    suggestions: dict[str, list[str]]


@section.route(
    "POST",
    "/cozygen/api/tags/validate",
    body=TagsToCheck,
    response=TagsChecked,
    errors={400: "`tags must be a list`", **_UNAVAILABLE},
    field_errors={"tags": "tags must be a list"},
)
async def validate_tags(call: Call[NoQuery, TagsToCheck]) -> TagsChecked:
    """Which tags are unknown, with up to eight suggestions for each."""
    loaded = await _loaded(call.services)
    invalid, suggestions = await in_thread(lambda: _validate(loaded, call.body.tags))
    return TagsChecked(invalid=invalid, suggestions=suggestions)


def _validate(loaded: Loaded, tags: list[Any]) -> tuple[list[str], dict[str, list[str]]]:
    from cozygen.tags.index import validate  # NumPy, which nothing needs before the first tag

    return validate(loaded.index, tags)


class TagListInfo(Model):
    """The list in force. `loaded_at` is in seconds since the epoch."""

    kind: Literal["file", "imported", "danbooru", "starter"]
    name: str
    loaded_at: float
    total: int


class TagUpdate(Model):
    """The update in the background. `message` says what went wrong with the last one."""

    running: bool
    phase: Literal["tags", "aliases"] | None
    fetched: int
    message: str | None


class TagStatus(Model):
    """The list and its update."""

    list: TagListInfo | None
    update: TagUpdate


async def _status(services: Services) -> TagStatus:
    try:
        loaded = await in_thread(services.tags.loaded)
        info = TagListInfo(**vars(loaded.source), total=len(loaded.index))
    except TagsUnavailable:
        info = None
    return TagStatus(list=info, update=TagUpdate(**vars(services.tag_update.state)))


@section.route("GET", "/cozygen/api/tags/status", response=TagStatus)
async def tag_status(call: Call[NoQuery, NoBody]) -> TagStatus:
    """Which list is in force, and how its update is."""
    return await _status(call.services)


class UpdateRequest(Model):
    """Which tags to fetch."""

    min_posts: int = Field(20, ge=0, le=10**9, strict=True, description="tags with so many posts or more")


@section.route(
    "POST",
    "/cozygen/api/tags/update",
    body=UpdateRequest,
    response=TagStatus,
    status=202,
    errors={409: "An update is running"},
)
async def update_tags(call: Call[NoQuery, UpdateRequest]) -> TagStatus:
    """Fetch the list from a Danbooru in the background; the list in force stays until all has come."""
    services = call.services
    try:
        services.tag_update.start(Options(url=services.settings.tags_url, min_posts=call.body.min_posts))
    except UpdateRunningError:
        raise ApiError(409, "already running", "An update is running.") from None
    return await _status(services)


@section.route("POST", "/cozygen/api/tags/update/stop", response=TagStatus)
async def stop_tag_update(call: Call[NoQuery, NoBody]) -> TagStatus:
    """Stop the update; the next one goes on from there."""
    await call.services.tag_update.close()
    return await _status(call.services)
