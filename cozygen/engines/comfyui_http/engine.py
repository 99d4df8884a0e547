"""Any ComfyUI server as our engine: prompts, what there is to choose from, and files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from cozygen.engines.base import (
    Accepted,
    EngineError,
    EngineUnavailable,
    Event,
    Graph,
    Health,
    LocalFile,
    Outcome,
    OutputType,
    PromptRejected,
    Submission,
)
from cozygen.engines.comfyui_http import history
from cozygen.engines.comfyui_http.catalogue import Catalogue
from cozygen.engines.comfyui_http.client import AnswerLost, BadStatus, ComfyClient, version_of
from cozygen.engines.comfyui_http.files import ViewedFile, open_view
from cozygen.engines.comfyui_http.flights import Flight
from cozygen.engines.comfyui_http.follower import Follower, Timing
from cozygen.engines.comfyui_http.inputs import InputSender
from cozygen.engines.comfyui_http.outputs import OutputFetcher
from cozygen.engines.comfyui_http.refusals import check_graph, rejection
from cozygen.engines.comfyui_http.tasks import Tasks
from cozygen.storage.paths import PathError, Root

log = logging.getLogger(__name__)

_SCANNED_HISTORY = 200


class ComfyUIEngine:
    """The engine at `url`. Results are fetched into `output_dir`, inputs are taken from `input_dir`.

    Raises `ValueError` when `url` is no http(s) URL.
    """

    def __init__(
        self, url: str, *, output_dir: Path, input_dir: Path, temp_dir: Path, timing: Timing | None = None
    ) -> None:
        self._timing = timing or Timing()
        self._client = ComfyClient(url)
        self._tasks = Tasks()
        self._roots: dict[OutputType, Root] = {
            "output": Root(output_dir),
            "input": Root(input_dir),
            "temp": Root(temp_dir),
        }
        self._catalogue = Catalogue(self._client, self._tasks)
        self._fetcher = OutputFetcher(self._client, self._roots["output"], self._tasks, wait=self._timing.hold)
        self._sender = InputSender(self._client, self._roots, self._fetcher)
        self._follower = Follower(self._client, self._fetcher, self._tasks, self._timing, self._catalogue.forget)
        self._submits: dict[str, asyncio.Task[Accepted]] = {}
        self._closed = False

    @property
    def url(self) -> str:
        """The server's address without its password."""
        return self._client.shown

    async def start(self) -> None:
        """Begin to connect; see `Engine.start`."""
        if not self._closed:
            self._follower.start()

    async def close(self) -> None:
        """Disconnect. What is queued on the server goes on there."""
        self._closed = True
        await self._tasks.close()
        await self._client.close()
        self._follower.finish()

    def events(self) -> AsyncIterator[Event]:
        """See `Engine.events`."""
        return self._follower.events()

    async def health(self) -> Health:
        """See `Engine.health`; never raises because the server is away."""
        shown = self._client.shown
        try:
            stats = await self._client.get_object("system_stats", seconds=5.0)
        except EngineError as error:
            return Health(ok=False, engine="comfyui", version="", url=shown, note=str(error))
        version = version_of(stats)
        if version is None:
            return Health(ok=False, engine="comfyui", version="", url=shown, note=f"{shown} is not a ComfyUI.")
        note = f"ComfyUI {version} on {_device(stats)} at {shown}."
        if self._follower.deaf:
            note += " Its event stream is not connected: progress comes late."
        return Health(ok=True, engine="comfyui", version=version, url=shown, note=note)

    # The socket

    # Events

    # Comparing with the server

    # Prompts

    async def submit(self, submission: Submission) -> Accepted:
        """See `Engine.submit`. Raises `EngineUnavailable` also when it is not known whether the prompt was queued; it
        is taken out again when it turns up."""
        prompt_id = submission.prompt_id
        task = self._submits.get(prompt_id)
        if task is None:
            # It goes on when the caller is gone, so that we always learn what became of the prompt.
            task = self._submits[prompt_id] = self._tasks.start(self._submit(submission))
            task.add_done_callback(lambda _: self._submits.pop(prompt_id, None))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._closed:
                raise EngineUnavailable("The studio is shutting down.") from None
            raise

    async def _submit(self, submission: Submission) -> Accepted:
        await self._follower.await_socket()
        already = await self._already_queued(submission)
        if already is not None:
            return already
        check_graph(submission.graph)
        graph = await self._sender.prepare(submission.graph)
        flight = self._follower.take_off(submission.prompt_id, submission.number)
        try:
            answer = await self._post(submission, graph, flight)
        except AnswerLost as error:
            answer = await self._after_doubt(flight, error)
        except BaseException:
            self._follower.drop(flight)
            raise
        self._follower.landed(flight, answer.get("prompt_id", flight.remote_id))
        number, errors, outputs = (answer.get(key) for key in ("number", "node_errors", "outputs"))
        errors = errors if isinstance(errors, dict) else {}
        return Accepted(
            submission.prompt_id,
            float(number) if isinstance(number, int | float) else submission.number,
            await self._outputs_of(submission, errors) if outputs is None else outputs,
            errors,
        )

    async def _already_queued(self, submission: Submission) -> Accepted | None:
        """The answer for a prompt that is queued or running, None for one that is to be queued."""
        prompt_id = submission.prompt_id
        if not self._follower.may_be_queued(prompt_id):
            return None
        item = history.find_item(await self._follower.queue(), prompt_id)
        if item is None:
            return None
        self._follower.adopt(prompt_id, item)
        return Accepted(prompt_id, item.number, item.outputs)

    async def _post(self, submission: Submission, graph: Graph, flight: Flight) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": graph,
            "prompt_id": flight.remote_id,
            "client_id": self._follower.client_id,
            "number": submission.number,
            "extra_data": {**submission.extra_data, history.MARKER: submission.prompt_id},
        }
        if submission.partial_execution_targets is not None:
            body["partial_execution_targets"] = submission.partial_execution_targets
        status, answer = await self._client.ask(
            "POST", self._client.url("prompt"), body=body, seconds=self._timing.submit
        )
        if status == 400 and isinstance(answer, dict) and answer.get("error"):
            raise PromptRejected(rejection(answer, graph))
        self._client.check(status, "/prompt")
        if not isinstance(answer, dict) or not isinstance(answer.get("prompt_id"), str):
            raise EngineError(f"{self._client.shown} did not answer /prompt as ComfyUI does. Is it a ComfyUI?")
        return answer

    async def _after_doubt(self, flight: Flight, error: AnswerLost) -> dict[str, Any]:
        """No answer came: find out whether the prompt was queued. Raises `error` when it does not seem so."""
        for pause in self._timing.doubt:
            await asyncio.sleep(pause)
            if flight.started or flight.ended:
                return {}
            try:
                item = history.find_item(await self._follower.queue(), flight.prompt_id)
                if item is not None:
                    return {"prompt_id": item.remote_id, "number": item.number, "outputs": item.outputs}
                if await self._follower.entry_of(flight.remote_id) is not None:
                    return {}
            except EngineError:
                continue
        self._follower.abandon(flight)
        raise error

    async def _outputs_of(self, submission: Submission, errors: dict[str, Any]) -> list[str]:
        """The output nodes that are going to run. ComfyUI does not tell; empty when it does not tell its nodes either.

        `errors` are the ``node_errors`` of its answer, which name the outputs that are left out.
        """
        classes = await self._catalogue.output_classes()
        left_out = set(errors)
        for entry in errors.values():
            dependent = entry.get("dependent_outputs") if isinstance(entry, dict) else None
            left_out.update(str(node) for node in (dependent if isinstance(dependent, list) else ()))
        wanted = submission.partial_execution_targets
        return [
            node_id
            for node_id, node in submission.graph.items()
            if isinstance(node, dict)
            and node.get("class_type") in classes
            and node_id not in left_out
            and (not wanted or node_id in wanted)
        ]

    async def cancel(self, prompt_id: str) -> bool:
        """See `Engine.cancel`."""
        await self._submitted(prompt_id)
        follower = self._follower
        for _ in range(3):
            item = history.find_item(await follower.queue(), prompt_id)
            flight = follower.flights.get(prompt_id) if item is None else follower.adopt(prompt_id, item)
            if flight is not None:
                flight.cancelling = True  # whatever has become of it, it is not to be queued again
            if item is None or flight is None:
                return False
            if item.running:
                await follower.interrupt(item.remote_id)
                return True
            await follower.delete(item.remote_id)
            if history.find_item(await follower.queue(), prompt_id) is None:
                entry = await follower.entry_of(item.remote_id)
                if entry is not None:
                    follower.conclude(flight, entry)  # it has run in this very moment
                else:
                    follower.end(flight, "execution_interrupted", history.interrupted(prompt_id))
                return True
        return True  # it began to run: the next look interrupts it

    async def withdraw(self, prompt_id: str) -> bool:
        """See `Engine.withdraw`."""
        await self._submitted(prompt_id)
        return await self._follower.withdraw(prompt_id)

    async def _submitted(self, prompt_id: str) -> None:
        """Wait until a prompt that is being queued is queued, or is not."""
        under_way = self._submits.get(prompt_id)
        if under_way is not None:
            await asyncio.wait([under_way])

    async def lookup(self, prompt_ids: Sequence[str]) -> dict[str, Outcome]:
        """See `Engine.lookup`. Results are fetched on the way."""
        if not prompt_ids:
            return {}
        outcomes: dict[str, Outcome] = {}
        # The queue first: a prompt goes from there into the history at one stroke, so that it is in one of both.
        items = {item.marker or item.remote_id: item for item in await self._follower.queue()}
        for prompt_id in prompt_ids:
            item = items.get(prompt_id) or items.get(history.remote_id_of(prompt_id))
            if item is not None:
                self._follower.adopt(prompt_id, item)
                outcomes[prompt_id] = Outcome("running" if item.running else "queued")
        missing = [prompt_id for prompt_id in dict.fromkeys(prompt_ids) if prompt_id not in outcomes]
        entries = await self._entries(missing)
        for prompt_id in missing:
            flight = self._follower.flights.get(prompt_id)
            if flight is not None and flight.accepted and prompt_id in entries:
                self._follower.conclude(flight, entries[prompt_id])
            elif flight is not None and flight.accepted:
                self._follower.drop(flight)  # whoever asks knows now that it is lost
        found = await asyncio.gather(*(self._outcome(prompt_id, entries.get(prompt_id)) for prompt_id in missing))
        outcomes.update((prompt_id, o) for prompt_id, o in zip(missing, found, strict=True) if o is not None)
        self._follower.nudge()
        return outcomes

    async def _entries(self, prompt_ids: list[str]) -> dict[str, dict[str, Any]]:
        """What the history has of these prompts."""
        follower = self._follower
        flights = [follower.flights.get(prompt_id) for prompt_id in prompt_ids]
        names = [
            flight.remote_id if flight else history.remote_id_of(prompt_id)
            for flight, prompt_id in zip(flights, prompt_ids, strict=True)
        ]
        found = await asyncio.gather(*map(follower.entry_of, names))
        entries = {prompt_id: e for prompt_id, e in zip(prompt_ids, found, strict=True) if e is not None}
        if len(entries) < len(prompt_ids) and follower.honours_ids is not True:
            marked = await self._marked_history()
            entries.update((prompt_id, marked[prompt_id]) for prompt_id in prompt_ids if prompt_id in marked)
        return entries

    async def _outcome(self, prompt_id: str, entry: dict[str, Any] | None) -> Outcome | None:
        if entry is None:
            told = self._follower.ended.get(prompt_id)
            return None if told is None else history.outcome_of_end(*told)
        fetching = self._follower.fetching.get(prompt_id)
        if fetching is not None:
            await asyncio.wait([fetching])
        outcome = history.outcome_of(entry, prompt_id)
        outputs = {node: await self._fetcher.localise(shown) for node, shown in outcome.outputs.items()}
        return Outcome(outcome.state, outputs, outcome.error, outcome.messages, outcome.meta)

    async def _marked_history(self) -> dict[str, dict[str, Any]]:
        """The newest entries of the history that are ours, by our id: for servers that give ids of their own."""
        try:
            listed = await self._client.get_object("history", seconds=60.0, max_items=str(_SCANNED_HISTORY))
        except EngineUnavailable:
            raise
        except EngineError as error:
            log.warning("could not read the history of %s: %s", self._client.shown, error)
            return {}
        marked = {history.marker_of(e.get("prompt")): e for e in listed.values() if isinstance(e, dict)}
        return {marker: entry for marker, entry in marked.items() if marker is not None}

    # What the server has

    async def system_stats(self) -> dict[str, Any]:
        """See `Engine.system_stats`."""
        return await self._client.get_object("system_stats")

    async def features(self) -> dict[str, Any]:
        """See `Engine.features`; empty for a server that is too old to have any."""
        try:
            return await self._client.get_object("features")
        except BadStatus as error:
            if error.status == 404:
                return {}
            raise

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        """See `Engine.object_info`. Kept for half a minute; the answer is shared and must not be changed."""
        return await (self._catalogue.object_info() if node_class is None else self._catalogue.node_info(node_class))

    async def model_folders(self) -> list[str]:
        """See `Engine.model_folders`."""
        return await self._catalogue.model_folders()

    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        """See `Engine.models`. ComfyUI itself notices changed folders."""
        if refresh:
            self._catalogue.forget()
        return await self._catalogue.models(folder)

    async def model_metadata(self, folder: str, name: str) -> dict[str, Any]:
        """See `ModelReader.model_metadata`."""
        return await self._catalogue.model_metadata(folder, name)

    async def embeddings(self) -> list[str]:
        """See `Engine.embeddings`."""
        return await self._catalogue.embeddings()

    async def choices(self, kind: str, *, refresh: bool = False) -> list[str] | None:
        """See `Engine.choices`."""
        if refresh:
            self._catalogue.forget()
        return await self._catalogue.choices(kind)

    # Files

    async def upload(
        self, name: str, data: Path, *, subfolder: str = "", type: OutputType = "input", overwrite: bool = True
    ) -> None:
        """See `Engine.upload`. Nothing is sent when the server has the same file."""
        await self._sender.upload(data, name, subfolder, type, overwrite=overwrite)

    async def open_output(self, filename: str, subfolder: str, type: OutputType) -> LocalFile | ViewedFile | None:
        """See `Engine.open_output`: the file in our own folder, where results are fetched to, else the server's."""
        try:
            path = await asyncio.to_thread(self._roots[type].resolve_file, subfolder, filename)
        except PathError:
            return None
        if await asyncio.to_thread(path.is_file):
            return LocalFile(path)
        remote = self._fetcher.remote_name(subfolder, filename) if type == "output" else filename
        return await open_view(self._client, remote, subfolder, type)


def _device(stats: dict[str, Any]) -> str:
    first = next(iter(stats["devices"]), None)
    name = first.get("name") if isinstance(first, dict) else None
    return str(name).split(" : ")[0] if name else "an unknown device"
