"""Paths in files that are passed on: without the name of the user, and read back on the same machine."""

import os
from pathlib import Path

from iroko.system.privileges import caller


def home_folder() -> Path | None:
    """The user's home folder; None: neither HOME nor the password file names one, as in a container with a user number alone."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def homes() -> list[Path]:
    """The home folders of this process's users: under sudo first that of who called it."""
    home = home_folder()
    found = [] if home is None else [home]
    if (to := caller()) is not None:
        import pwd

        try:
            found.insert(0, Path(pwd.getpwuid(to[0]).pw_dir))
        except KeyError:
            return found
    return [home for home in dict.fromkeys(found) if len(home.parts) > 1]


def shorten(path: Path) -> str:
    """A path for a file: `~/...` below the home folder, from the working folder on below that, else as it is."""
    for home in homes()[:1]:
        if path.is_relative_to(home):
            return str(Path("~") / path.relative_to(home))
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and len(here.parts) > 1 else str(path)


def shorten_home(text: str) -> str:
    """An absolute path below the home folder as `~/...`; any other path, which means the same everywhere, as it is."""
    path = Path(text)
    for home in homes()[:1]:
        if path.is_relative_to(home):
            return str(Path("~") / path.relative_to(home))
    return text


def expand(text: str) -> Path:
    """The path that `shorten` wrote."""
    path = Path(text)
    return homes()[0].joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) and homes() else path


def without_places(text: str) -> str:
    """A text in which paths below the working folder begin there, and those below a home folder with `~`."""
    here = os.getcwd()
    if len(here) > 1:
        text = text.replace(f"{here}{os.sep}", "")
    for home in homes():
        text = text.replace(str(home), "~")
    return text
