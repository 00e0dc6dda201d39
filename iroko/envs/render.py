"""Rendering of environments: the modes, and the frames or the window that they give.

- `rgb_array`: `render` returns a frame of the last interval, an array of uint8 of shape `(height, width, 3)`; see
  `iroko.analysis.plots.frames`. `gymnasium.wrappers.RecordVideo` makes videos of these.
- `human`: a matplotlib window shows each interval by itself; `render` returns None.
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from iroko.errors import ClosedError, InputError, UnknownArgumentError, UnsupportedError
from iroko.registry import show
from iroko.scenario import Scenario
from iroko.snapshot import Snapshot
from iroko.topology import Topology

if TYPE_CHECKING:
    from iroko.analysis.plots.frames import FabricFrames

Frame = npt.NDArray[np.uint8]
"""Red, green and blue of each pixel, shape `(height, width, 3)`."""

RGB_ARRAY, HUMAN = "rgb_array", "human"
RENDER_MODES = (HUMAN, RGB_ARRAY)
RENDER_FPS = 10
"""Frames per second of videos and windows: real time at the default interval of 0.1 s."""
TOOLKITS = ("macosx", "qtagg", "gtk4agg", "gtk3agg", "wxagg", "tkagg")
"""Matplotlib's window systems, in the order in which they are tried."""


def has_display() -> bool:
    """Whether a window could be shown here."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def render_metadata() -> dict[str, Any]:
    """The entries of an environment's `metadata`: the modes that this machine can show, all of which Gymnasium's checker tries."""
    return {"render_modes": list(RENDER_MODES) if has_display() else [RGB_ARRAY], "render_fps": RENDER_FPS}


def check_render_mode(mode: Any, known: Iterable[str] = RENDER_MODES) -> str | None:
    """Check a render mode, and that this machine can show a window where it asks for one.

    Raises:
        UnknownArgumentError: the mode is not known here.
        UnsupportedError: the mode is `human`, and there is no display or no toolkit for windows.
    """
    if mode is None:
        return None
    if not isinstance(mode, str) or mode not in known:
        raise UnknownArgumentError(f"render_mode={show(mode)}: expected None or one of {', '.join(known)}")
    if mode == HUMAN:
        _open_display()
    return mode


def _open_display() -> None:
    """Let matplotlib use the interactive backend that the user has chosen, or the first that works here."""
    from matplotlib import get_backend
    from matplotlib.backends.registry import BackendFilter, BackendRegistry

    registry = cast(Any, BackendRegistry)()  # it has no types
    chosen = get_backend(auto_select=False)
    if chosen is not None and chosen.lower() in registry.list_builtin(BackendFilter.INTERACTIVE) and _switch(chosen):
        return
    if not has_display():
        raise UnsupportedError(
            f"render_mode={HUMAN!r}: there is no display (DISPLAY and WAYLAND_DISPLAY are not set); run it in a desktop session, or "
            f"use render_mode={RGB_ARRAY!r} with gymnasium.wrappers.RecordVideo"
        )
    if any(_switch(toolkit) for toolkit in TOOLKITS):
        return
    raise UnsupportedError(
        f"render_mode={HUMAN!r}: matplotlib found no toolkit for windows; install one, such as Debian's python3-tk or PyQt6, "
        f"or use render_mode={RGB_ARRAY!r}"
    )


def _switch(toolkit: str) -> bool:
    from matplotlib import pyplot as plt

    try:
        plt.switch_backend(toolkit)
    except ImportError:  # the toolkit is not installed, or it has no display
        return False
    return True


class Screen:
    """Draws one environment, in frames or in a window; the figure is made with the first of them."""

    def __init__(self, mode: str | None, scenario: Scenario, topology: Topology) -> None:
        """Take a mode that `check_render_mode` has checked."""
        self._mode, self._topology = mode, topology
        self._title = f"{scenario.topology_name}, {scenario.traffic_name} traffic, {scenario.transport}"
        self._frames: FabricFrames | None = None
        self._window: _Window | None = None
        self._closed = False

    def frame(self, snapshot: Snapshot) -> Frame:
        """A frame of the interval.

        Raises:
            InputError: there is no render mode.
            ClosedError: the environment was closed.
        """
        if self._mode is None:
            raise InputError(f"render without a render mode: make the environment with render_mode={RGB_ARRAY!r}")
        if self._closed:
            raise ClosedError("render after close: make a new environment")
        if self._frames is None:
            from iroko.analysis.plots.frames import FabricFrames

            self._frames = FabricFrames(self._topology, self._title)
        return self._frames.draw(snapshot)

    def render(self, snapshot: Snapshot) -> Frame | None:
        """What `render` returns: a frame, or None beside a window, which `update` keeps."""
        return None if self._mode == HUMAN and not self._closed else self.frame(snapshot)

    def update(self, snapshot: Snapshot) -> None:
        """Show the interval in the window, if the mode is `human`; takes as long as a frame is to be seen."""
        if self._mode == HUMAN:
            frame = self.frame(snapshot)
            if self._window is None:
                self._window = _Window(frame, self._title)
            self._window.show(frame)

    def close(self) -> None:
        """Free the figure and close the window; safe twice."""
        self._closed, self._frames = True, None
        if self._window is not None:
            window, self._window = self._window, None
            window.close()


class _Window:
    """A matplotlib window with a picture in it."""

    def __init__(self, frame: Frame, title: str) -> None:
        from matplotlib import pyplot as plt

        height, width = frame.shape[:2]
        self._figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
        axes = self._figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        self._image = axes.imshow(frame, aspect="auto", interpolation="antialiased")
        self._next_s = time.monotonic()
        if self._figure.canvas.manager is not None:
            self._figure.canvas.manager.set_window_title(f"Iroko: {title}")
            self._figure.canvas.manager.show()

    def show(self, frame: Frame) -> None:
        """Replace the picture, and let the window react until the next frame is due; a window that the user closed stays closed."""
        from matplotlib import pyplot as plt

        if not plt.fignum_exists(self._figure.number):
            return
        self._image.set_data(frame)
        self._figure.canvas.draw_idle()
        now_s = time.monotonic()
        self._next_s = max(self._next_s + 1 / RENDER_FPS, now_s)
        self._figure.canvas.start_event_loop(max(self._next_s - now_s, 1e-3))

    def close(self) -> None:
        from matplotlib import pyplot as plt

        plt.close(self._figure)
