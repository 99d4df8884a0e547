"""Gallery: list what was made, see how it was made, delete and restore it, hear of changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.finder import Find
from cozygen.gallery.metadata import Summary, summarise
from cozygen.gallery.news import Subscription
from cozygen.gallery.ordering import BadCursor, BadSort, decode_cursor, parse_sort
from cozygen.gallery.scan import KINDS
from cozygen.gallery.service import FileMissing, FolderMissing, Gallery, Page, Request, Undeletable
from cozygen.gallery.trash import Trashed, valid_id
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, json_response, long_json_response
from cozygen.web.errors import ApiError
from cozygen.web.listing import (
    FLAG_HELP,
    MAX_PER_PAGE,
    Flag,
    GalleryItem,
    KindName,
    RootQuery,
    ScopeQuery,
    Whole,
    changeable,
    elsewhere,
    gallery_of,
    is_text,
    item_view,
    no_folder,
    parse_query,
    path_errors,
    resolve_folder,
    sized,
)
from cozygen.web.services import in_thread

section = Section(
    "Gallery",
    "The output folder, the input folder and further libraries (`root`): listings, metadata, the trash, and a stream "
    "of changes.",
)

_KEEP_ALIVE_SECONDS = 15.0
_MAX_IDS = 10_000
_MAX_ID = 200
_MAX_RAW = 2000
_CONFIRMED = ("delete-all", "delete_all", "deleteall")


class GalleryQuery(ScopeQuery):
    """Which page of which listing."""

    kind: KindName = "all"
    include_meta: Flag = Field(False, description=f"{FLAG_HELP}: add `meta` to what has prompt metadata")
    page: Whole = Field(1, description="from 1")
    per_page: Whole = Field(20, description="clamped to 0..500; 0 is everything on one page")
    cache_bust: str = Field("", max_length=4096, description="a new value has every file looked at again")
    q: str = Field("", max_length=4096, description="what is looked for, see `/cozygen/api/gallery/complete`")
    sort: str = Field(
        "newest",
        max_length=100,
        description="`newest`, `oldest`, `name`, `size`, `rating`, `duration`, `relevance` or `random:<seed>`",
    )
    cursor: str = Field(
        "", max_length=4096, description="`next_cursor` of the page before, which counts instead of `page`"
    )
    facets: Flag = Field(False, description=f"{FLAG_HELP}: count models, LoRAs, months, ... of all that was found")

    @property
    def looks_for(self) -> bool:
        """Whether it is more than a plain listing."""
        return bool({"q", "sort", "cursor", "facets"} & self.model_fields_set)


class FacetValue(Model):
    """A value, and how many files have it."""

    value: str | int
    count: int


class GalleryPage(Model):
    """One page: folders first, then files, both newest first, then by name, or as `sort` says.

    What is searched for has neither folders nor an order by folders.
    """

    items: list[GalleryItem]
    page: int
    per_page: int
    total_pages: int
    total_items: int
    indexing: bool = Field(description="the first scan is under way: there may be more than is shown")
    next_cursor: str | None = Field(
        None, description="goes on after this page, whatever arrives; null at the end; only with `q`, `sort`, `cursor`"
    )
    facets: dict[str, list[FacetValue]] | None = Field(
        None, description="by keys of the search: at most 50 values of each, the most frequent first"
    )


@section.route(
    "GET",
    "/cozygen/api/gallery",
    query=GalleryQuery,
    response=GalleryPage,
    errors={
        400: "`bad paging`, `invalid root`, `invalid query` (`position` says where), `invalid sort`, `invalid cursor`, "
        "a wrong field",
        403: "Outside the library's folder",
        404: "No such folder",
    },
    field_errors={
        "page": "bad paging",
        "per_page": "bad paging",
        "root": "invalid root",
        "kind": "invalid kind",
        "q": "invalid query",
        "sort": "invalid sort",
        "cursor": "invalid cursor",
    },
)
async def list_gallery(call: Call[GalleryQuery, NoBody]) -> web.Response:
    """List a folder, or everything below it, or what is looked for there.

    The answer is what is on disk at this moment, also when files were written by others.
    """
    query, gallery = call.query, gallery_of(call.services, call.query.root)
    page, per_page = max(1, query.page), max(0, min(MAX_PER_PAGE, query.per_page))
    kind = None if query.kind == "all" else KINDS.index(query.kind)
    subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, query.subfolder))
    request = Request(
        Scope(subfolder, query.recursive, query.show_hidden, kind),
        start=(page - 1) * per_page,
        count=per_page or None,
        include_meta=query.include_meta,
        cache_bust=query.cache_bust,
        find=_find(query) if query.looks_for else None,
    )
    try:
        found = await gallery.page(request)
    except FolderMissing:
        raise no_folder() from None
    return await sized(lambda: _page(found, page, per_page, looked_for=query.looks_for), len(found.items))


def _find(query: GalleryQuery) -> Find:
    node = parse_query(query.q)
    try:
        sort = parse_sort(query.sort or "newest")
        after = decode_cursor(query.cursor, sort) if query.cursor else None
    except BadSort as error:
        raise ApiError(400, "invalid sort", str(error), field="sort") from None
    except BadCursor as error:
        raise ApiError(400, "invalid cursor", str(error), field="cursor") from None
    return Find(node, sort, after, query.facets)


def _page(found: Page, page: int, per_page: int, *, looked_for: bool) -> web.Response:
    values: dict[str, Any] = {}
    if looked_for:
        values["next_cursor"] = None if found.next is None else found.next.encode()
    if found.facets is not None:
        values["facets"] = {
            key: [FacetValue.model_construct(value=value, count=count) for value, count in counted]
            for key, counted in found.facets.items()
        }
    about = GalleryPage(
        items=[],
        page=page,
        per_page=per_page,
        total_pages=-(-found.total // per_page) if per_page else 1,
        total_items=found.total,
        indexing=not found.complete,
        **values,
    )
    return long_json_response(about, "items", map(item_view, found.items))


class CompleteQuery(RootQuery):
    """A search that is being typed."""

    q: str = Field("", max_length=4096)
    at: Whole = Field(1_000_000, description="characters before the caret; default: all")


class CompletionView(Model):
    """A text that may take the place of the word that is being typed."""

    text: str
    kind: Literal["key", "value"]
    count: int | None = Field(description="files that it would find; null where nobody counts")


class CompletionsView(Model):
    """What may replace the characters of `q` from `start` to `end`."""

    start: int
    end: int
    items: list[CompletionView]


@section.route(
    "GET",
    "/cozygen/api/gallery/complete",
    query=CompleteQuery,
    response=CompletionsView,
    errors={400: "`invalid query`, `invalid root`, or a wrong field"},
    field_errors={"q": "invalid query", "root": "invalid root"},
)
async def complete_query(call: Call[CompleteQuery, NoBody]) -> CompletionsView:
    """Complete a search of the gallery: keys, and their values by the number of files.

    Words and `"phrases"` are looked for in prompts, file names, models, LoRAs and tags; `word*` is the beginning of a
    word, `-` or `NOT` excludes, `OR` allows either, parentheses group. `key:value` is about one property:
    `model: lora: sampler: scheduler: source: tag: album: folder: prompt: negative: name:` (names, `*` is anything),
    `seed:`, `steps cfg guidance rating duration width height filesize` (`:20`, `>20`, `<=20`, `:5..7`),
    `size:1024x1536`, `ratio:portrait` or `ratio:2:3`, `date:2026-10` (`date>=2026`, `date:2026-01..2026-03`,
    `date:today`), `is:favorite|hidden|rated|tagged|image|video|audio`, `has:workflow|prompt|model|lora|tag|album`.
    """
    if not is_text(call.query.q):
        raise ApiError(400, "invalid query", "The query is not valid Unicode.", field="q")
    found = await gallery_of(call.services, call.query.root).complete(call.query.q, call.query.at)
    items = [CompletionView(text=item.text, kind=item.kind, count=item.count) for item in found.items]
    return CompletionsView(start=found.start, end=found.end, items=items)


class FileQuery(RootQuery):
    """Which file."""

    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)


class LoraView(Model):
    """A LoRA and how strongly it was applied; null where that is not known."""

    name: str
    strength_model: float | None
    strength_clip: float | None


class SummaryView(Model):
    """How a file was generated, whichever program made it. Null, or empty, where the file does not say."""

    positive: str
    negative: str
    models: list[str]
    loras: list[LoraView]
    vae: str | None
    sampler: str | None
    scheduler: str | None
    steps: int | None
    cfg: float | None
    guidance: float | None
    seed: int | None
    width: int | None = Field(description="pixels that were sampled")
    height: int | None


class PromptView(Model):
    """The metadata embedded in a file."""

    prompt: dict[str, Any] = Field(description="the API-format graph; empty when the file has none")
    cozygen_prompt_raw: dict[str, str] | None = Field(
        None, description="`<node id>.<input>` to the prompt as typed, where it is known"
    )
    workflow: dict[str, Any] | None = Field(None, description="the UI-format workflow, where the file has one")
    parameters: str | None = Field(None, description="the generation parameters as text, where the file has some")
    source: str | None = Field(None, description="the program that made the file, where it is known")
    summary: SummaryView


@section.route(
    "GET",
    "/cozygen/api/gallery/prompt",
    query=FileQuery,
    response=PromptView,
    errors={
        400: "`missing filename`, `invalid root`, or a name that is none",
        403: "Outside the library's folder",
        404: "`prompt metadata not found`",
    },
    field_errors={"root": "invalid root"},
)
async def gallery_prompt(call: Call[FileQuery, NoBody]) -> web.Response:
    """The prompt that made a file, as graph and as typed."""
    query, services = call.query, call.services
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(services, query.root)
    subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, query.subfolder))
    with path_errors():
        found = await gallery.details(subfolder, query.filename)
    if found is None or not found.has_prompt:
        raise ApiError(404, "prompt metadata not found", "There is no such file, or it does not say how it was made.")
    raw = found.prompt_raw
    if not raw and gallery is services.gallery:
        raw = await services.jobs.raw_for_file(subfolder, query.filename)

    def make() -> web.Response:
        values: dict[str, Any] = {"cozygen_prompt_raw": raw} if raw else {}
        for name in ("workflow", "parameters", "source"):
            value = getattr(found, name)
            if value is not None:
                values[name] = value
        return json_response(PromptView(prompt=found.prompt or {}, summary=_summary(summarise(found)), **values))

    return await in_thread(make)


def _summary(summary: Summary) -> SummaryView:
    width, height = summary.size or (None, None)
    return SummaryView(
        positive=summary.positive,
        negative=summary.negative,
        models=list(summary.models),
        loras=[LoraView(**lora._asdict()) for lora in summary.loras],
        vae=summary.vae,
        sampler=summary.sampler,
        scheduler=summary.scheduler,
        steps=summary.steps,
        cfg=summary.cfg,
        guidance=summary.guidance,
        seed=summary.seed,
        width=width,
        height=height,
    )


class PromptRawBody(Model):
    """A prompt as typed."""

    prompt_id: Any = Field(None, description="the id that the prompt was queued under")
    prompt_raw: Any = Field(None, description="`<node id>.<input>` to the text, aliases unexpanded")


class Ok(Model):
    """Done."""

    ok: Literal[True]


@section.route(
    "POST",
    "/cozygen/api/prompt_raw",
    body=PromptRawBody,
    response=Ok,
    errors={400: "`prompt_id required` or `prompt_raw required`"},
)
async def post_prompt_raw(call: Call[NoQuery, PromptRawBody]) -> Ok:
    """Keep a prompt as it was typed; the files that it makes are linked to it."""
    prompt_id, texts = call.body.prompt_id, call.body.prompt_raw
    if not isinstance(prompt_id, str) or not prompt_id or not is_text(prompt_id):
        raise ApiError(400, "prompt_id required", "prompt_id must be a text.", field="prompt_id")
    if len(prompt_id) > _MAX_ID:
        raise ApiError(400, "invalid prompt_id", f"prompt_id is longer than {_MAX_ID} characters.", field="prompt_id")
    if not isinstance(texts, dict) or not texts:
        raise ApiError(400, "prompt_raw required", "prompt_raw must map inputs to texts.", field="prompt_raw")
    for key, value in texts.items():
        if not isinstance(value, str) or not is_text(key + value):
            raise ApiError(400, "prompt_raw required", "The values of prompt_raw must be texts.", field="prompt_raw")
    if len(texts) > _MAX_RAW:
        raise ApiError(400, "invalid prompt_raw", f"prompt_raw has more than {_MAX_RAW} texts.", field="prompt_raw")
    await call.services.jobs.put_prompt_raw(prompt_id, texts)
    return Ok(ok=True)


class DeleteBody(RootQuery):
    """Which file."""

    filename: Any = Field(None, description="a name, not a path")
    subfolder: str | None = Field(None, max_length=4096)


class Deleted(Model):
    """The file is in the trash."""

    ok: Literal[True]
    filename: str
    subfolder: str
    root: str | None = Field(None, description="the library; only when it is not `output`")
    trash_id: str = Field(description="restores it")


@section.route(
    "POST",
    "/cozygen/api/gallery/delete",
    body=DeleteBody,
    response=Deleted,
    errors={
        400: "`missing filename`, `invalid filename` or `invalid root`",
        403: "Outside the library's folder, or `read-only`",
        404: "No such file",
        409: "The disk refuses",
    },
    field_errors={"root": "invalid root"},
)
async def delete_file(call: Call[NoQuery, DeleteBody]) -> Deleted:
    """Move a file to the trash."""
    filename = call.body.filename
    if filename is None or filename == "":
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    if not isinstance(filename, str) or "/" in filename or "\\" in filename:
        raise ApiError(400, "invalid filename", "filename must be a name, not a path.", field="filename")
    gallery = await changeable(call.services, call.body.root)
    subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, call.body.subfolder or ""))
    try:
        with path_errors():
            trashed = await gallery.delete(subfolder, filename)
    except FileMissing:
        raise ApiError(404, "not found", "There is no such file.") from None
    except Undeletable as error:
        raise ApiError(409, "cannot delete", str(error)) from None
    where = elsewhere(gallery.name)
    return Deleted(ok=True, filename=filename, subfolder=subfolder, trash_id=trashed.id, **where)


class DeleteAllBody(RootQuery):
    """Which files: those of a folder."""

    confirm: Any = Field(None, description="`delete-all`, `delete_all` or `deleteall`")
    subfolder: str | None = Field(None, max_length=4096)
    recursive: Annotated[bool | None, Field(strict=True, description="default true")] = None


class DeletedAll(Model):
    """The files are in the trash."""

    ok: Literal[True]
    deleted: int
    errors: list[str] | None = Field(None, description="a sentence for each file that could not be deleted")


@section.route(
    "POST",
    "/cozygen/api/gallery/delete_all",
    body=DeleteAllBody,
    response=DeletedAll,
    errors={
        400: "`confirm flag required`, `invalid root`, or a wrong field",
        403: "Outside the library's folder, or `read-only`",
        404: "No such folder",
        409: "The disk refuses",
    },
    field_errors={"root": "invalid root"},
)
async def delete_all(call: Call[NoQuery, DeleteAllBody]) -> DeletedAll:
    """Move the media files of a folder, and with `recursive` of all below it, to the trash.

    Hidden files, other files and the folders themselves stay.
    """
    body = call.body
    if body.confirm not in _CONFIRMED:
        raise ApiError(400, "confirm flag required", "Send `confirm`: `delete-all`.", field="confirm")
    gallery = await changeable(call.services, body.root)
    subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, body.subfolder or ""))
    try:
        outcome = await gallery.delete_all(subfolder, recursive=body.recursive is not False)
    except FolderMissing:
        raise no_folder() from None
    except Undeletable as error:
        raise ApiError(409, "cannot delete", str(error)) from None
    if outcome.errors:
        return DeletedAll(ok=True, deleted=len(outcome.done), errors=outcome.errors)
    return DeletedAll(ok=True, deleted=len(outcome.done))


@section.route(
    "GET",
    "/cozygen/api/gallery/stream",
    query=ScopeQuery,
    media_type="text/event-stream",
    errors={400: "`invalid root`, or a wrong field", 403: "Outside the library's folder", 404: "No such folder"},
    field_errors={"root": "invalid root"},
)
async def gallery_stream(call: Call[ScopeQuery, NoBody]) -> web.StreamResponse:
    """Server-Sent Events: one for each change in a folder, or with `recursive` below it.

    The data is `{"subfolder", "recursive", "mtime"}`: the listing that changed, and when (seconds since the epoch);
    for other libraries than `output` also `root`.
    """
    query, gallery = call.query, gallery_of(call.services, call.query.root)
    where = elsewhere(gallery.name)
    subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, query.subfolder))
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )
    try:
        async with gallery.subscribe(Scope(subfolder, query.recursive, query.show_hidden)) as subscription:
            await response.prepare(call.request)
            await response.write(b":ok\n\n")
            async with aclosing(_changes(subscription, call.services.closing)) as changes:
                async for mtime in changes:
                    data = {"subfolder": subfolder, "recursive": query.recursive, "mtime": mtime, **where}
                    block = ":keep-alive" if mtime is None else f"data: {json.dumps(data)}"
                    await response.write(f"{block}\n\n".encode())
    except FolderMissing:
        raise no_folder() from None
    except ConnectionResetError:
        pass  # the listener has gone, which is how every stream ends
    return response


async def _changes(subscription: Subscription, closing: asyncio.Event) -> AsyncGenerator[float | None, None]:
    """The times of changes until the studio stops, None now and then when there are none."""
    end = asyncio.create_task(closing.wait())
    upcoming: asyncio.Task[float | None] | None = None
    try:
        while True:
            upcoming = asyncio.create_task(subscription.next(_KEEP_ALIVE_SECONDS))
            await asyncio.wait({upcoming, end}, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return
            yield upcoming.result()
    finally:
        end.cancel()
        if upcoming is not None:
            upcoming.cancel()


class TrashItem(Model):
    """A file in the trash. Times are seconds since the epoch."""

    id: str
    filename: str
    subfolder: str = Field(description="where it was")
    root: str | None = Field(None, description="the library; only when it is not `output`")
    size: int = Field(description="bytes")
    mtime: float
    deleted_at: float
    expires_at: float | None = Field(description="when it is removed for good; null: never")


class TrashPage(Model):
    """What is in the trash, the latest first."""

    items: list[TrashItem]
    page: int
    per_page: int
    total_pages: int
    total_items: int
    total_size: int = Field(description="bytes")


class TrashQuery(RootQuery):
    """Which page."""

    page: Whole = Field(1, description="from 1")
    per_page: Whole = Field(50, description="clamped to 0..500; 0 is everything on one page")


@section.route(
    "GET",
    "/cozygen/api/trash",
    query=TrashQuery,
    response=TrashPage,
    errors={400: "`bad paging` or `invalid root`"},
    field_errors={"page": "bad paging", "per_page": "bad paging", "root": "invalid root"},
)
async def list_trash(call: Call[TrashQuery, NoBody]) -> web.Response:
    """List the trash of a library."""
    gallery = gallery_of(call.services, call.query.root)
    trash, where = gallery.trash, elsewhere(gallery.name)
    page, per_page = max(1, call.query.page), max(0, min(MAX_PER_PAGE, call.query.per_page))

    def make() -> web.Response:
        found = trash.items()
        start = (page - 1) * per_page
        shown = found[start : start + per_page] if per_page else found
        about = TrashPage(
            items=[],
            page=page,
            per_page=per_page,
            total_pages=-(-len(found) // per_page) if per_page else 1,
            total_items=len(found),
            total_size=sum(item.size for item in found),
        )
        return long_json_response(about, "items", (_trash_item(item, trash.days, where) for item in shown))

    return await gallery.off_loop(make)


def _trash_item(item: Trashed, days: int, where: dict[str, str]) -> TrashItem:
    return TrashItem(
        id=item.id,
        filename=item.filename,
        subfolder=item.subfolder,
        size=item.size,
        mtime=item.mtime,
        deleted_at=item.deleted_at,
        expires_at=item.deleted_at + days * 86_400 if days else None,
        **where,
    )


class RestoreBody(RootQuery):
    """Which files of a library: by `ids`, or the one that was deleted last from a place."""

    ids: list[str] | None = Field(None, max_length=_MAX_IDS)
    filename: str | None = Field(None, max_length=4096)
    subfolder: str | None = Field(None, max_length=4096)


class RestoredItem(Model):
    """A file that is back."""

    id: str
    filename: str = Field(description="its name now: another one when its own was taken")
    subfolder: str


class Restored(Model):
    """The files are back."""

    ok: Literal[True]
    restored: list[RestoredItem]
    errors: list[str] | None = Field(None, description="a sentence for each file that could not be restored")


@section.route(
    "POST",
    "/cozygen/api/trash/restore",
    body=RestoreBody,
    response=Restored,
    errors={
        400: "`missing ids`, `invalid root`, or a wrong field",
        403: "Outside the library's folder, or `read-only`",
        404: "Nothing of it is in the trash",
    },
    field_errors={"root": "invalid root"},
)
async def restore(call: Call[NoQuery, RestoreBody]) -> Restored:
    """Put files back from the trash. A file whose name is taken gets another one."""
    body, gallery = call.body, await changeable(call.services, call.body.root)
    if body.ids is not None:
        ids = _ids(body.ids)
    elif body.filename:
        filename = body.filename
        subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, body.subfolder or ""))
        latest = await gallery.off_loop(lambda: gallery.trash.latest(subfolder, filename))
        ids = {latest.id} if latest else set()
    else:
        raise ApiError(
            400, "missing ids", "Say which files with `ids`, or with `filename` and `subfolder`.", field="ids"
        )
    outcome = await gallery.restore(ids)
    if not outcome.done and not outcome.errors:
        raise ApiError(404, "not found", "That is not in the trash.")
    restored = [RestoredItem(id=item.id, filename=item.filename, subfolder=item.subfolder) for item in outcome.done]
    if outcome.errors:
        return Restored(ok=True, restored=restored, errors=outcome.errors)
    return Restored(ok=True, restored=restored)


def _ids(given: list[str]) -> set[str]:
    for id in given:
        if not valid_id(id):
            raise ApiError(400, "invalid ids", "An id is not one of the trash.", field="ids")
    return set(given)


class EmptyBody(RootQuery):
    """What to remove for good from the trash of a library."""

    ids: list[str] | None = Field(None, max_length=_MAX_IDS, description="default: everything")


class Emptied(Model):
    """The files are gone."""

    ok: Literal[True]
    removed: int


@section.route(
    "POST",
    "/cozygen/api/trash/empty",
    body=EmptyBody,
    response=Emptied,
    errors={400: "`invalid root`, or a wrong field"},
    field_errors={"root": "invalid root"},
)
async def empty_trash(call: Call[NoQuery, EmptyBody]) -> Emptied:
    """Remove files in the trash for good: those of `ids`, or all."""
    ids = None if call.body.ids is None else _ids(call.body.ids)
    gallery = gallery_of(call.services, call.body.root)
    return Emptied(ok=True, removed=await gallery.off_loop(lambda: gallery.trash.purge(ids)))


class IndexProgress(Model):
    """How far the gallery's index is."""

    folders: int
    files: int
    unread: int = Field(description="files whose metadata has not been read")
    unseen: int = Field(description="pictures and films that have not been looked at, to find similar ones")
    complete: bool = Field(description="every folder has been scanned")
    watching: bool = Field(description="the system tells about changes as they happen")


@section.route(
    "GET",
    "/cozygen/api/gallery/index",
    query=RootQuery,
    response=IndexProgress,
    errors={400: "`invalid root`"},
    field_errors={"root": "invalid root"},
)
async def gallery_index(call: Call[RootQuery, NoBody]) -> IndexProgress:
    """How far the index of a library is."""
    progress = await gallery_of(call.services, call.query.root).progress()
    return IndexProgress(
        folders=progress.folders,
        files=progress.files,
        unread=progress.unread,
        unseen=progress.unseen,
        complete=progress.complete,
        watching=progress.watching,
    )


class RootView(IndexProgress):
    """A library, and how far its index is."""

    name: str = Field(description="what `root` takes, and `type` of `/view` and `/cozygen/thumb`")
    label: str = Field(description="what its folder is called")
    path: str = Field(description="its folder")
    available: bool = Field(description="the folder is there; what is known of one that is not is kept")
    writable: bool = Field(description="files can be moved and deleted; otherwise that is refused as `read-only`")


class RootsView(Model):
    """The libraries: `output`, `input`, and the further ones that are configured."""

    roots: list[RootView]


@section.route("GET", "/cozygen/api/gallery/roots", response=RootsView)
async def gallery_roots(call: Call[NoQuery, NoBody]) -> RootsView:
    """The libraries that the gallery shows. It does not wait for any: one that does not answer is not available."""
    return RootsView(roots=await asyncio.gather(*map(_root_view, call.services.galleries)))


async def _root_view(gallery: Gallery) -> RootView:
    reach, progress = await asyncio.gather(gallery.reach(), gallery.progress_now())
    return RootView(
        name=gallery.name,
        label=gallery.root.folder.name,
        path=str(gallery.root.folder),
        available=reach.available,
        writable=reach.writable,
        folders=progress.folders,
        files=progress.files,
        unread=progress.unread,
        unseen=progress.unseen,
        complete=progress.complete,
        watching=progress.watching,
    )
