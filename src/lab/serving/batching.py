"""Dynamic batching: requests that arrive together are computed together, in the model's thread.

A batch is computed when it has `batch.rows` rows, or `batch.wait_ms` after its first request. A request is never split;
one that is larger than a batch is computed alone. The event loop is never blocked.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lab.config.schema.commands.serve import BatchConfig
from lab.core.errors import RequestError
from lab.serving.loaded import Answer, LoadedModel, Query
from lab.serving.metrics import Metrics

log = logging.getLogger(__name__)


class Busy(Exception):
    """As many requests wait for the model as are allowed."""


class ModelFailed(Exception):
    """The model raised an error, which is in the log."""


@dataclass
class Result:
    """An answer and the version that gave it."""

    answer: Answer
    version: str


@dataclass
class _Waiting:
    query: Query
    result: asyncio.Future[Result]

    @property
    def num(self) -> int:
        return len(self.query.rows)


class Batcher:
    """A queue of requests for a model. model: returns the version that answers now; most: requests that may wait."""

    def __init__(self, model: Callable[[], LoadedModel], settings: BatchConfig, most: int, metrics: Metrics) -> None:
        self.model, self.most, self.metrics = model, most, metrics
        self.rows, self.wait_s = settings.rows, settings.wait_ms / 1000
        self._queue: deque[_Waiting] = deque()
        self._arrived, self._full = asyncio.Event(), asyncio.Event()

    async def answer(self, query: Query) -> Result:
        """Return the answer to one request. Raises Busy, ModelFailed, or RequestError for rows that make no input."""
        if len(self._queue) >= self.most:
            raise Busy
        waiting = _Waiting(query, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._settle()
        return await waiting.result

    async def run(self) -> None:
        """Compute batches until cancelled."""
        while True:
            await self._arrived.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self.wait_s)
            batch = self._take()
            if batch:
                await self._compute(batch)

    def _settle(self) -> None:
        """Set the events and the gauge to what is in the queue."""
        self.metrics.waiting.set(len(self._queue))
        (self._arrived.set if self._queue else self._arrived.clear)()
        full = sum(waiting.num for waiting in self._queue) >= self.rows
        (self._full.set if full else self._full.clear)()

    def _take(self) -> list[_Waiting]:
        """The next batch; requests whose clients no longer wait are dropped."""
        batch, num = list[_Waiting](), 0
        while self._queue and (not batch or num + self._queue[0].num <= self.rows):
            waiting = self._queue.popleft()
            if not waiting.result.done():
                batch.append(waiting)
                num += waiting.num
        self._settle()
        return batch

    async def _compute(self, batch: Sequence[_Waiting]) -> None:
        model = self.model()
        began = time.perf_counter()
        try:
            results = await self._in_thread(model, [each.query for each in batch])
        except Exception as error:
            log.exception("a batch of %d requests failed", len(batch))
            results = [await self._alone(each.query) for each in batch] if len(batch) > 1 else [_failed(error)]
        self.metrics.batch([each.num for each in batch], time.perf_counter() - began)
        for waiting, result in zip(batch, results, strict=True):
            if waiting.result.done():
                continue
            if isinstance(result, Exception):
                waiting.result.set_exception(result)
            else:
                self.metrics.rejected.inc(len(result.answer.rejected))
                waiting.result.set_result(result)

    async def _in_thread(self, model: LoadedModel, queries: Sequence[Query]) -> list[Result | Exception]:
        answers = await asyncio.get_running_loop().run_in_executor(model.thread, model.answer, queries)
        return [each if isinstance(each, RequestError) else Result(each, model.version) for each in answers]

    async def _alone(self, query: Query) -> Result | Exception:
        """Compute one request of a batch that failed, so that only the request at fault fails.

        The version that answers now computes it: that of the batch may have been replaced, and its thread shut down.
        """
        try:
            return (await self._in_thread(self.model(), [query]))[0]
        except Exception as error:
            log.exception("a request of %d rows failed", len(query.rows))
            return _failed(error)


def _failed(error: Exception) -> ModelFailed:
    failed = ModelFailed(f"the model failed with {type(error).__name__}; the server's log has the reason")
    failed.__cause__ = error
    return failed
