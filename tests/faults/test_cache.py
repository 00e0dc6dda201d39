"""The cache holds what is run: nobody else may be able to change it, or what leads to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iroko.engines.guest import build
from iroko.errors import UnsupportedError
from iroko.system.cache import cache_folder, check_cached, make_cache_folder

ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "above" / "cache"))
    folder = make_cache_folder("code")
    assert folder == tmp_path / "above" / "cache" / "iroko" / "code"
    return folder.parent


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_whatever_the_umask_the_cache_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = os.umask(umask)
    try:
        folder = make_cache_folder("code")
        (folder / "kernel").write_text("x")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3
    assert check_cached(folder) == folder and cache_folder() == folder.parent


@needs_root
@pytest.mark.parametrize("place", ["above", "above/cache", "above/cache/iroko"])
@pytest.mark.parametrize("how", ["owner", "group", "others"])
def test_a_folder_on_the_way_that_another_can_change_is_refused(cache: Path, tmp_path: Path, place: str, how: str) -> None:
    folder = tmp_path / place
    if how == "owner":
        os.chown(folder, 4321, 4321)
    else:
        os.chown(folder, 0, 4321)
        folder.chmod(0o770 if how == "group" else 0o707)
    with pytest.raises(UnsupportedError, match="can be written by another user: set XDG_CACHE_HOME"):
        cache_folder()


def test_the_groups_own_way_of_root_is_fine(cache: Path) -> None:
    if os.geteuid() == 0:
        os.chown(cache, 0, 0)
        cache.chmod(0o770)
    assert cache_folder() == cache


@needs_root
@pytest.mark.parametrize("owner", [0, 4321])
def test_a_link_on_the_way_is_followed_only_if_nobody_else_can_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.chown(tmp_path / "link", owner, owner, follow_symlinks=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "link"))
    if owner == 0:
        assert cache_folder() == tmp_path / "link" / "iroko"
        (tmp_path / "real").chmod(0o777)
    with pytest.raises(UnsupportedError, match="can be written by another user"):
        cache_folder()


@needs_root
def test_what_is_in_the_cache_is_checked_before_it_is_run(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache.chmod(0o755)  # made by an older version
    (cache / "code").chmod(0o755)
    kernel = cache / f"linux-{build._recipe()}" / build.KERNEL_NAME
    kernel.parent.mkdir()
    kernel.write_text("x")
    assert build.kernel_path() == kernel
    for path, change in ((kernel, 0o757), (kernel.parent, 0o777)):
        path.chmod(change)
        with pytest.raises(UnsupportedError, match="another user"):
            build.kernel_path()
        path.chmod(0o755)
    os.chown(kernel, 4321, 4321)
    with pytest.raises(UnsupportedError, match="another user"):
        build.kernel_path()
    kernel.unlink()
    kernel.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("x")
    with pytest.raises(UnsupportedError, match="is a link"):
        build.kernel_path()
    (cache / "code" / "index.nbi").write_text("a pickle")
    (cache / "code" / "index.nbi").chmod(0o666)
    with pytest.raises(UnsupportedError, match=r"index\.nbi can be written by another user"):
        check_cached(cache / "code")
    cache.chmod(0o700)  # nobody else comes in
    assert check_cached(cache / "code") == cache / "code"


@needs_root
@pytest.mark.slow
def test_the_simulator_loads_no_code_that_another_can_change(cache: Path) -> None:
    code = "from iroko.engines.sim.code_cache import code_folder; print(code_folder())"
    folder = Path(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip())
    folder.mkdir()
    cache.chmod(0o755)
    folder.chmod(0o777)
    done = subprocess.run([sys.executable, "-c", "import iroko.engines.sim.kernels"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "can be written by another user" in done.stderr
