"""Files of tensors, checked before torch reads them: they take no more memory than their size."""

import io
import pickletools  # only lists what a pickle names, and runs nothing  # nosec B403
import zipfile
from pathlib import Path

from iroko.system.small_files import read_bytes

MAX_FILE_BYTES = 20_000_000_000
MAX_PICKLE_BYTES = 50_000_000


def read_tensors(path: Path) -> io.BytesIO:
    """A file of torch in memory, for `torch.load` with `weights_only`.

    Torch stores tensors uncompressed in a ZIP archive, beside a pickle that only names them. A crafted file could compress them a
    thousandfold, name one part many times, or ask for objects of any size.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not as torch writes it.
    """
    content = read_bytes(path, MAX_FILE_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(part.file_size for part in parts) > len(content):
                raise ValueError("its parts are compressed, or larger than the file")
            pickles = [part for part in parts if part.filename.endswith("data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE_BYTES:
                raise ValueError("it is not as torch writes it")
            names = [value for _, value, _ in pickletools.genops(archive.read(pickles[0])) if isinstance(value, str)]
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, OverflowError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    # These make an object of the size that the file names.
    if any("bytearray" in name or "_codecs" in name for name in names):
        raise ValueError("it holds something else than tensors, numbers and texts")
    return io.BytesIO(content)
