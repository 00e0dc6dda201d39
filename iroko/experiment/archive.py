"""A run folder as bytes and back, for machines that share no files. What comes back is not trusted to stay in its place."""

import errno
import io
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from iroko.errors import InputError
from iroko.registry import show
from iroko.system.ownership import claim_path
from iroko.system.safe_folder import MAX_DEPTH, SafeFolder

MAX_BYTES = 4_000_000_000
"""What an unpacked folder may hold."""
MAX_FILES = 100_000
MAX_NAME_BYTES = 255


def pack(folder: Path) -> bytes:
    """A folder's files as a tar archive, with paths from the folder on."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False)
    return data.getvalue()


def unpack(data: bytes, folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Put an archive's files in place of a folder; the folder is replaced as a whole, or not at all.

    Raises:
        InputError: an entry is no plain file, would lie outside the folder, or all are larger than `max_bytes` together.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    claim = claim_path(folder.parent, f".{folder.name}.")
    part = claim.path
    try:
        part.mkdir()
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            left = max_bytes
            for number, member in enumerate(archive):
                _check(member, left, number)
                left -= member.size
                target = part.joinpath(*PurePosixPath(member.name).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                source = archive.extractfile(member)
                assert source is not None
                with source, open(target, "xb") as file:
                    shutil.copyfileobj(source, file)
        with SafeFolder(folder.parent) as parent:
            parent.remove(folder.name)
            parent.rename(part.name, folder.name)
    except InputError:
        raise
    # Headers can hold anything: nested without end, numbers that are none, a file's name as that of a folder, names that are too long.
    except (tarfile.TarError, ValueError, RecursionError, OverflowError, EOFError, FileExistsError, NotADirectoryError) as error:
        raise InputError(f"archive for {folder} is broken: {error}") from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
            raise
        raise InputError(f"archive for {folder} is broken: {error.strerror}") from error
    finally:
        claim.undo()


def _check(member: tarfile.TarInfo, left: int, number: int) -> None:
    path = PurePosixPath(member.name)
    if not member.isreg():
        raise InputError(f"archive entry {show(member.name)}: expected a plain file")
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise InputError(f"archive entry {show(member.name)}: expected a path inside the run folder")
    if len(path.parts) > MAX_DEPTH or max(map(len, map(os.fsencode, path.parts))) > MAX_NAME_BYTES:
        raise InputError(f"archive entry {show(member.name)}: expected at most {MAX_DEPTH} folders in each other, and names of files")
    if member.size < 0 or member.issparse():
        raise InputError(f"archive entry {show(member.name)}: expected a file whose bytes are all there")
    if member.size > left:
        raise InputError(f"archive entry {show(member.name)}: the archive is larger than allowed")
    if number >= MAX_FILES:
        raise InputError(f"archive entry {show(member.name)}: the archive has more than {MAX_FILES:,} files")
