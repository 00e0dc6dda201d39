"""Where compiled code is kept: in a folder of the user's cache whose name is a hash of all sources that it follows from.

numba by itself keeps the code of each source folder apart, so that each copy of Iroko would compile anew. Here copies with equal sources
share their code.
"""

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from iroko.engines import fair_queue
from iroko.policy import words
from iroko.system.cache import cache_folder, check_cached, make_cache_folder


def sources_key() -> str:
    """Hash all that decides the compiled code; numba by itself hashes the one file of a function."""
    digest = hashlib.sha256(numba.__version__.encode())
    digest.update(Path(fair_queue.__file__).read_bytes())
    for folder in (Path(__file__).parent, Path(words.__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def code_folder() -> Path:
    """Return the folder of the compiled code, which nobody else can change.

    Raises:
        UnsupportedError: another user can.
    """
    return _checked(cache_folder() / f"sim-{_KEY}")


@lru_cache
def _checked(folder: Path) -> Path:
    return check_cached(folder)


def is_compiled() -> bool:
    """Whether the event loop is in the cache; if not, importing `iroko.engines.sim.kernels` compiles it first."""
    return any(code_folder().glob("*/kernels.advance-*.nbc"))


_KEY = sources_key()


class Locator:
    """The place of a function's code in the cache: it follows from the name and the content of the file, wherever that is.

    Its methods are those of numba's own locators, which `NUMBA_CACHE_LOCATOR_CLASSES` replaces.
    """

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        content = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        self._line = function.__code__.co_firstlineno
        self._stamp = content
        self._path = Path(config.CACHE_DIR) / f"{Path(file).stem}-{content[:16]}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "Locator | None":
        try:
            locator = cls(function, file)
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator

    def ensure_cache_path(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


class CacheOfSources:
    """Makes the cache of compiled code ours while a function is declared; one thread at a time, as numba's settings are the process's."""

    lock = threading.RLock()
    settings = ("CACHE_DIR", "CACHE_LOCATOR_CLASSES")

    def __enter__(self) -> None:
        folder = code_folder()
        with suppress(OSError):  # numba looks for another place then
            make_cache_folder(folder.name)
        self.lock.acquire()
        self.before = [getattr(config, name, "") for name in self.settings]
        config.CACHE_DIR = str(folder)
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.Locator,UserProvidedCacheLocator,UserWideCacheLocator"

    def __exit__(self, *_: object) -> None:
        for name, value in zip(self.settings, self.before, strict=True):
            setattr(config, name, value)
        self.lock.release()
