"""The services that handlers call, assembled by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from cozygen.accounts.state import UserState
from cozygen.accounts.tokens import SignIn
from cozygen.engines.base import Engine
from cozygen.gallery.curator import Curator
from cozygen.gallery.download import Downloads
from cozygen.gallery.lineage import Lineage
from cozygen.gallery.looker import Looker
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.organise import Organiser
from cozygen.gallery.roots import Galleries
from cozygen.gallery.service import Gallery
from cozygen.jobs.bus import EventBus
from cozygen.jobs.service import JobService
from cozygen.media.ahead import Ahead
from cozygen.media.pool import MediaPool
from cozygen.media.thumbs import ThumbnailStore
from cozygen.models.library import ModelLibrary
from cozygen.settings import Settings
from cozygen.storage.database import Database
from cozygen.storage.documents import DocumentStore
from cozygen.storage.paths import Root
from cozygen.tags.service import TagService
from cozygen.tags.update import BackgroundUpdate
from cozygen.web.sockets import SocketHub
from cozygen.workflows.presets import PresetService
from cozygen.workflows.service import WorkflowService
from cozygen.workflows.texts import WildcardFolder

T = TypeVar("T")


@dataclass
class Services:
    """Everything that a handler may use."""

    settings: Settings
    database: Database
    documents: DocumentStore
    engine: Engine
    bus: EventBus
    jobs: JobService
    workflows: WorkflowService
    presets: PresetService
    wildcards: WildcardFolder
    user_state: UserState
    sign_in: SignIn
    tags: TagService
    tag_update: BackgroundUpdate
    sockets: SocketHub
    galleries: Galleries
    curator: Curator
    organisers: Mapping[str, Organiser]
    downloads: Downloads
    lineage: Lineage
    looker: Looker
    media: MediaPool
    thumbs: ThumbnailStore
    ahead: Ahead
    models: ModelLibrary
    outputs: Root
    inputs: Root
    temp: Root
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def gallery(self) -> Gallery:
        """The gallery of the output folder."""
        return self.galleries.output

    @property
    def organiser(self) -> Organiser:
        """The organiser of the output folder."""
        return self.organisers[OUTPUT]


SERVICES = web.AppKey("services", Services)


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work off the event loop."""
    return await asyncio.to_thread(work)
