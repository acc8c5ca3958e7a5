"""The version that answers, and its replacement when `run=` names another one.

A new version passes the checks of the first one, and must take and give the same columns: the OpenAPI document stays
true. It is loaded beside the old one, which answers until the switch; one that is refused changes nothing.
"""

import asyncio
import logging

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import Mistake, RequestError
from lab.inference.addresses.fetch import discard
from lab.serving.loaded import LoadedModel, load
from lab.serving.messages import Health, ModelState, Refused
from lab.serving.metrics import Metrics
from lab.serving.version import Signature, signature

log = logging.getLogger(__name__)


class Current:
    """The version that answers. Raises RequestError, as `load` does, if the first one is refused."""

    def __init__(self, request: ServeRequest, metrics: Metrics) -> None:
        self.request, self.metrics = request, metrics
        self._seen: Signature | None = signature(request)
        self.refused: Refused | None = None
        self.model = load(request)
        metrics.model.info(_labels(self.model))

    def health(self) -> Health:
        """The body of /health."""
        state = ModelState(folder=self.model.folder.name, version=self.model.version)
        return Health(status="ok", model=state, refused=self.refused)

    async def watch(self) -> None:
        """Look every `reload_every_s` seconds until cancelled; return at once if it is null."""
        while self.request.reload_every_s is not None:
            await asyncio.sleep(self.request.reload_every_s)
            new = await asyncio.to_thread(self.look)
            if new is not None:
                self._switch(new)

    def look(self) -> LoadedModel | None:
        """Return the version that `run=` names now, if it is another one and sound. A refused one is logged once."""
        now: Signature | None = None
        try:
            now = signature(self.request)
            if now == self._seen:
                return None
            self._seen = now
            new = load(self.request)
            if signature(self.request) != now:
                discard(new.folder)
                self._seen = None  # files changed while they were read: the next look loads them again
                return None
            if not new.same_interface(self.model):
                discard(new.folder)
                problem = "takes or gives other columns than the version that answers"
                raise RequestError(Mistake("run", problem, "start the server again", now[0]))
        except Exception as error:  # noqa: BLE001 - logged in _refuse, once
            self._refuse(now, error)
            return None
        self.refused = None
        if new.version == self.model.version:
            discard(new.folder)
            return None
        return new

    def _switch(self, new: LoadedModel) -> None:
        old, self.model = self.model, new
        old.thread.shutdown(wait=False)  # a batch that is being computed is finished
        discard(old.folder)
        self.metrics.reloads.labels("loaded").inc()
        self.metrics.model.info(_labels(new))
        log.info("version %s of %s answers now, before it %s", new.version, new.folder, old.version)

    def _refuse(self, now: Signature | None, error: Exception) -> None:
        """Say once that a version is refused. An error that is no RequestError is logged with its traceback."""
        reason = _reason(error)
        refused = Refused(folder="" if now is None else now[0].name, reason=reason)
        if now is None and refused == self.refused:
            return
        if now is None:
            self._seen = None
        self.refused = refused
        self.metrics.reloads.labels("refused").inc()
        log.warning(
            "a new version is refused, %s answers still: %s",
            self.model.version,
            error,
            exc_info=not isinstance(error, RequestError),
        )


def _reason(error: Exception) -> str:
    if isinstance(error, RequestError):
        return "; ".join(each.problem for each in error.mistakes)
    return f"loading it failed with {type(error).__name__}; the server's log has the reason"


def _labels(model: LoadedModel) -> dict[str, str]:
    return {"folder": model.folder.name, "version": model.version}
