"""A watched target: its page is sampled, and each model on it followed."""

import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from ..base.errors import FetchError, NoEngineError, PageError
from ..base.event_loop import in_thread
from ..base.untrusted import one_line
from ..config import Config, Target
from ..engines import detect
from ..engines.catalog import PageContext
from ..engines.page_plans import shared_plans
from ..engines.plan import Plan
from ..engines.process import engine_command_line, starts_ray_workers
from ..exposition import Layout, Page, Reader
from ..fetch import HttpClient, HttpResponse
from ..gpu.telemetry import Telemetry
from ..procfs.port_holder import PortHolder
from ..procfs.port_holders import PortHolders
from .endpoint_answers import MAX_BYTES, endpoint_answers
from .large_pages import LargePages
from .ray_page import ray_page
from .reading import SampleCounts, ServerReading
from .served_model import ServedModel

log = logging.getLogger(__name__)

_LARGE_BYTES: Final = 2**19
"""Pages from this size on take as long to read as others may wait for."""
_PORT_HOLDERS: Final = PortHolders()
_MAX_ABSENT_SECONDS: Final = 900.0
"""Seconds after which a model that has left the page of others is watched no longer."""
_MAX_ABSENT_MODELS: Final = 32
"""Of more models that have left, the oldest are watched no longer at once."""


class WatchedServer:
    """Samples one target on an event loop, over a `client` of its own.

    `models` and `counts` are for any thread. There is one model, under the target's
    own name, until a page shows several; then there is one for each of these. `patient` says
    whether their identities wait for what may answer later.
    """

    def __init__(
        self,
        target: Target,
        client: HttpClient,
        config: Config,
        telemetry: Telemetry | None = None,
        large_pages: LargePages | None = None,
        patient: bool = True,
    ) -> None:
        self.target = target
        self.counts = SampleCounts()
        self.closed = False
        self._client = client
        self._config = config
        self._telemetry = telemetry
        self._patient = patient
        self._large_pages = large_pages or LargePages(client.budget)
        self._reader = Reader(detect.is_in_catalog, config.limits.parser_limits())
        self._layout: Layout | None = None
        self._plans: tuple[Plan, ...] = ()
        self._keys: dict[str, tuple[str, ...]] = {}
        self._models: Mapping[str, ServedModel] = {"": self._served(target, "")}

    def _served(self, target: Target, model: str) -> ServedModel:
        return ServedModel(
            target,
            self._config,
            self.counts,
            self._get,
            self._post,
            self._telemetry,
            model,
            self._patient,
        )

    async def _get(self, path: str) -> bytes:
        url = self.target.url + path
        return (await self._client.get(url, self._config.timeout, MAX_BYTES)).body

    async def _post(self, path: str, document: Mapping[str, object]) -> bytes:
        url = self.target.url + path
        return (await self._client.post(url, document, self._config.timeout)).body

    @property
    def models(self) -> Sequence[ServedModel]:
        """What the target serves, each a server of its own, ordered by model."""
        return [served for _, served in sorted(self._models.items())]

    @property
    def reading(self) -> ServerReading:
        """The reading of the first model."""
        return self.models[0].reading

    async def sample(self) -> None:
        """Read the page once and replace the readings; never raises."""
        self.counts.scrapes += 1
        start = monotonic()
        try:
            response = await self._client.get(
                self.target.url + self.target.metrics_path, self._config.timeout
            )
            received = monotonic()
            page, current = await self._read(response)
            served = self._served_models(current, received)
            for model_plan in current:
                snapshot = model_plan.apply(page, received)
                size, samples = len(response.body), len(page.values)
                await served[model_plan.model].update(snapshot, received - start, size, samples)
        except FetchError as error:
            self._fail(error.reason, str(error), monotonic() - start)
        except PageError as error:
            reason = "no_engine" if isinstance(error, NoEngineError) else "page_refused"
            message = f"{self.target.url}{self.target.metrics_path}: {error}"
            if response.content_type.startswith("text/html"):
                message += "; this is a web page: correct the address or its path"
            self._fail(reason, message, monotonic() - start)
        except Exception as error:
            log.exception("sampling %s failed", self.target.label)
            self._fail("internal", f"the exporter failed: {error!r}", monotonic() - start)

    async def _read(self, response: HttpResponse) -> tuple[Page, tuple[Plan, ...]]:
        """Return a response's page and its plans; a large one is read beside the event loop."""
        size = len(response.body)
        if size < _LARGE_BYTES:
            return self._page(response)
        return await self._large_pages.read(size, lambda: self._page(response))

    def _page(self, response: HttpResponse) -> tuple[Page, tuple[Plan, ...]]:
        text = response.page(self._config.limits.parser_limits().samples)
        page = self._reader.read(text, response.openmetrics)
        return page, self._current_plans(page)

    def _fail(self, reason: str, error: str, duration: float) -> None:
        self.counts.failures[reason] += 1
        for served in self.models:
            served.miss(reason, error, duration)

    def _current_plans(self, page: Page) -> tuple[Plan, ...]:
        current = self._plans
        if page.layout is not self._layout or any(
            known.context != self._context(known.model) for known in current
        ):
            current = shared_plans(page.layout, self._context, self._keys)
            self._plans, self._layout = current, page.layout
            keys = {page_plan.model: page_plan.key for page_plan in current}
            before = [(model, key) for model, key in self._keys.items() if model not in keys]
            self._keys = dict(before[-_MAX_ABSENT_MODELS:]) | keys
            if whole := self._models.get(""):
                whole.gpus.ray_page = ray_page(page.layout)
        return current

    def _context(self, model: str) -> PageContext:
        served = self._models.get(model) or self._models.get("")
        return served.context if served else PageContext()

    def _served_models(self, current: Sequence[Plan], now: float) -> Mapping[str, ServedModel]:
        """Return what serves each model of a page; those that it shows no longer miss a sample."""
        whole = self._models.get("")
        if whole is not None and len(current) == 1:
            return {current[0].model: whole}
        models = {model: served for model, served in self._models.items() if model}
        present = [model_plan.model for model_plan in current]
        for model in present:
            if model not in models:
                models[model] = self._served(self.target.of_model(model), model)
        absent = sorted(models.keys() - set(present), key=lambda m: models[m].reading.time or 0.0)
        for number, model in enumerate(reversed(absent)):
            served = models[model]
            if (
                now - (served.reading.time or now) > _MAX_ABSENT_SECONDS
                or number >= _MAX_ABSENT_MODELS
            ):
                del models[model]
                self._forget_gpus(served)
            else:
                sentence = f"the page shows model {one_line(model)} no longer"
                served.miss("no_engine", sentence, 0.0)
        if whole is not None:
            self._forget_gpus(whole)
        self._models = models
        return models

    def _forget_gpus(self, served: ServedModel) -> None:
        if self._telemetry:
            self._telemetry.forget(served.target.label)

    def close(self) -> None:
        """Close the connections: a server watched no longer must not keep any open."""
        self.closed = True
        self._client.close()

    def identity_due(self, now: float) -> bool:
        """Whether an identity is to be read again; a page must have come first."""
        return any(served.identity_due(now) for served in self.models)

    def mark_identifying(self) -> None:
        """Note that the identities are being read, so that they are not read twice at once."""
        for served in self.models:
            served.identity.mark_reading()

    async def identify(self) -> None:
        """Read the identity of each model; safe beside `sample`."""
        if not self._plans:
            return
        resets = {served: served.identity.resets for served in self.models}
        holder, line = None, None
        if self.target.is_local:
            holder, line = await in_thread(self._process, "process look-up")
        # several models share the answers
        answers = await endpoint_answers(
            self._client, self.target.url, self._plans[0].engine, self._config.timeout
        )
        ray = starts_ray_workers(line or ())
        for served, before in resets.items():
            served.identify(answers, holder, line, ray, before)

    def _process(self) -> tuple[PortHolder | None, Sequence[str] | None]:
        """Return the process that holds a local server's port, and its command line."""
        address = urlsplit(self.target.url)
        port = address.port or (443 if address.scheme == "https" else 80)
        holder = _PORT_HOLDERS.find(address.hostname or "", port)
        return holder, engine_command_line(holder.pids) if holder.roots else None
