"""Loading the model beside the server: it answers from the first moment on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from bot.domain.errors import TsuzukiError
from bot.domain.inference import EngineStatus
from bot.wire.errors import ApiError, failed, loading
from bot.wire.model_info import HealthBody
from bot.worker.checkpoints.progress import Progress

if TYPE_CHECKING:
    from bot.worker.engine.loaded_model import LoadedModel

EngineLoader = Callable[[Progress], "LoadedModel"]
"""Loads a model and returns it with its engine not yet started. Blocks; says how far it is, 0 to 1."""


class Readiness:
    """Loading, ready or failed; and the model, once it is there."""

    def __init__(self, load: EngineLoader) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._log = structlog.get_logger()
        self.model: LoadedModel | None = None
        self.progress = 0.0
        self.reason = ""
        self.loaded = threading.Event()

    @property
    def status(self) -> EngineStatus:
        """What `/health` says."""
        if self.model is not None:
            return EngineStatus.READY
        return EngineStatus.FAILED if self.reason else EngineStatus.LOADING

    @property
    def error(self) -> ApiError:
        """Why nothing can be asked just now."""
        return failed(self.reason) if self.reason else loading(self.progress)

    @property
    def health(self) -> HealthBody:
        """The body of `/health`."""
        if self.model is not None:
            model = self.model
            output = model.output
            return {
                "status": self.status,
                "model": model.name,
                "progress": 1.0,
                "max_model_len": model.context,
                "backend": model.backend,
                "quantization": model.quantization,
                "output": {
                    "languages": list(output.languages),
                    "rows": output.rows,
                    "of": output.size,
                    "kinds": dict(output.kinds),
                },
                "running": model.engine.running,
                "waiting": model.engine.waiting,
                "last_step_s": model.engine.idle_s,
            }
        if self.reason:
            return {"status": self.status, "reason": self.reason}
        return {"status": self.status, "progress": self.progress}

    def start(self) -> None:
        """Load in a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End everything that runs; a model that comes too late is dropped."""
        with self._lock:
            self._stopped = True
            model = self.model
        if model is not None:
            model.engine.stop()

    def _run(self) -> None:
        try:
            model = self._load(self._advance)
        except TsuzukiError as error:
            self.reason = str(error)
            self._log.error("the model could not be loaded", reason=self.reason)
        except Exception as error:  # noqa: BLE001 - the border of loading: the server tells the reason
            self.reason = str(error) or type(error).__name__
            self._log.exception("the model could not be loaded")
        else:
            with self._lock:
                if not self._stopped:
                    model.engine.start()
                    self.model = model
                    self._log.info("ready", model=model.name, context=model.context)
        self.loaded.set()

    def _advance(self, progress: float) -> None:
        self.progress = round(max(self.progress, min(progress, 1.0)), 3)
