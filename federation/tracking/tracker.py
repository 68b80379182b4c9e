"""A run's records on their way to MLflow. Nothing here raises into a run, imports MLflow, or waits before the end."""

import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from federation.errors import TrackingError, one_line
from federation.settings.parts import TrackingSettings
from federation.tracking import cursor, model
from federation.tracking.run_info import RunInfo
from federation.tracking.spool import NAME, Spool, read_all
from federation.tracking.upload_process import UploadProcess
from federation.tracking.uploader import Uploader, wait_for_others

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Tracker:
    """One run's records: first into a spool in the run's own folder, from there to MLflow by a process of its own.

    `begin` comes first, `end` last; what is put after the last `commit` is sent by `end`. Call all from one thread.
    """

    def __init__(self, folder: Path, settings: TrackingSettings, *, runs: Path, warn: Callable[[str], None]) -> None:
        self._folder, self._settings, self._runs, self._warn = folder, settings, runs, warn
        self._spool: Spool | None = None
        self._upload: UploadProcess | None = None
        self._length = 0
        self._birth = ""
        self._warned = False

    def begin(self, info: RunInfo, committed: int = 0) -> None:
        """Start, or go on after a kill: the spool goes back to `committed`, the length that the checkpoint holds."""
        if self._spool is None:
            with self._errors_warned():
                wait_for_others(self._folder)
                tried = cursor.load(self._folder).tried
                self._spool = Spool(self._folder / NAME, committed=committed, tried=tried)
                first = next(read_all(self._folder / NAME), {})
                self._birth = first.get("birth") or secrets.token_hex(8)
            if self._spool and self._settings.name == "mlflow":
                self._upload = UploadProcess(self._folder, self._settings, self._runs)
                self._upload.start()
        identity = {"id": info.id, "birth": self._birth, "name": info.name, "countries": list(info.countries)}
        self._put("begin", **identity, params=dict(info.params), tags=dict(info.tags))

    def metrics(self, values: Mapping[str, float], *, step: int, country: str | None = None) -> None:
        """Measurements at a step, once each, of the federation or of one of its countries. NaN is kept, as NaN."""
        numbers = {name: float(value) for name, value in values.items()}
        self._put("metrics", country=country, step=int(step), values=numbers)

    def tags(self, values: Mapping[str, str], *, country: str | None = None) -> None:
        """Words a person can filter by; a later value replaces an earlier one."""
        self._put("tags", country=country, values={name: str(value) for name, value in values.items()})

    def dataset(self, country: str, *, name: str, fingerprint: str) -> None:
        """Which data a country used: a keyed hash in hex, from which nothing about a record can be derived."""
        self._put("dataset", country=country, name=name, fingerprint=fingerprint)

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file or folder, sent as it is when its turn comes; `folder` is one among the run's artifacts."""
        self._put("artifact", path=self._relative_to_run(path), to=folder)

    def model(
        self,
        weights: Mapping[str, NDArray[Any]],
        *,
        task: str,
        settings: Mapping[str, Any],
        seed: int = 0,
        example: Mapping[str, NDArray[np.generic]],
        output: NDArray[Any],
    ) -> None:
        """The final model; loading it back gives `output` for `example`, which must be synthetic and never a record.

        weights: state dict as arrays. task, settings, seed: what `build_model` was given, as plain values.
        example: input name -> (N, ...); output: (N, H, K), the model's output in model units.
        """
        try:
            folder = model.write(
                self._folder / "model",
                weights,
                task=task,
                settings=settings,
                seed=seed,
                example=example,
                output=output,
            )
        except (OSError, ValueError, TypeError) as error:
            self._warn_once(f"the final model is not tracked: {one_line(error)}")
        else:
            self._put("model", path=self._relative_to_run(folder))

    def flush(self) -> int:
        """Make all so far durable; the length of the spool, for the checkpoint. About one disk flush."""
        with self._errors_warned():
            if self._spool:
                self._length = self._spool.flush()
        return self._length

    def commit(self, *, now: bool = False) -> int:
        """`flush`, and let it be sent: best called when the checkpoint stands. now: the end of the run is near."""
        length = self.flush()
        if self._upload:
            self._upload.allow(length, now=now)
        return length

    def end(self, status: Status) -> None:
        """Close the run; waits at most `patience` seconds for what is not sent, then warns how to send it later."""
        self._put("end", status=status)
        self.commit()
        reason = self._upload.finish(self._settings.patience) if self._upload else ""
        if reason:
            self._warn_once(
                f"MLflow has not taken all records of this run ({reason}); they stay in {self._folder / NAME}. "
                f"Send them later with: gotong replay run={self._folder.name}{self._elsewhere()}"
            )
        if self._spool:
            self._spool.close()
        self._spool = self._upload = None

    def _elsewhere(self) -> str:
        """The word that says where the run lies, if that is not ./runs."""
        runs = self._folder.parent
        return "" if runs.resolve() == Path("runs").resolve() else f" {shlex.quote(f'runs={runs}')}"

    def _put(self, do: str, **values: Any) -> None:
        with self._errors_warned():
            if self._spool:
                self._spool.put({"do": do, "time": time.time_ns() // 1_000_000, **values})

    def _relative_to_run(self, path: Path) -> str:
        path, folder = path.resolve(), self._folder.resolve()
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    @contextmanager
    def _errors_warned(self) -> Iterator[None]:
        # A full disk or a damaged file must not end hours of training: the run goes on untracked, after one warning.
        try:
            yield
        except (OSError, ValueError, TypeError, KeyError, TrackingError) as error:
            if self._spool:
                with suppress(OSError):
                    self._spool.close()
            self._spool = None
            self._warn_once(f"this run is not tracked any further: {one_line(error)}")

    def _warn_once(self, warning: str) -> None:
        if not self._warned:  # one is read, ten are not
            self._warn(warning)
        self._warned = True


def replay(folder: Path, settings: TrackingSettings, runs: Path) -> int:
    """Send what a run that is over has not sent yet; bytes sent. Raises TrackingError, and sends nothing twice."""
    spool = folder / NAME
    if not spool.exists():
        raise TrackingError(f"{folder} holds no {NAME}: no such run, or it never began")
    upto = spool.read_bytes().rfind(b"\n") + 1
    try:
        with Uploader(folder, settings, runs) as uploader:
            before = uploader.done
            while uploader.done < upto:
                uploader.advance(upto)
            if uploader.refused:
                raise TrackingError(f"MLflow refused {len(uploader.refused)} records, the first: {uploader.refused[0]}")
            return uploader.done - before
    except TrackingError:
        raise
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(
            f"MLflow did not take the records of {folder.name} ({one_line(error)}); all are kept, try again later"
        ) from error
