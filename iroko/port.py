"""A port: one direction of a link, with its queue at the sending end."""

from dataclasses import dataclass

from iroko.errors import InputError
from iroko.registry import show
from iroko.units import MAX_RATE_BPS, plain, whole

MIN_QUEUE_BYTES = 1514


@dataclass(frozen=True)
class Port:
    """One direction of a link: `owner` sends to `peer`.

    Attributes:
        rate_bps: speed of the link in bit/s of Ethernet frames, 1 kbit/s to 400 Gbit/s.
        delay_s: propagation delay, 0 to 10 s.
        queue_bytes: what the queue holds before it drops.
        ecn_bytes: ECN threshold K of an ECN-capable transport: a packet that finds more than this is marked; None: no marks.
    """

    owner: str
    peer: str
    rate_bps: float
    delay_s: float
    queue_bytes: int
    ecn_bytes: int | None = None

    def __post_init__(self) -> None:
        what = f"port {self.owner}->{self.peer}"
        for key in ("rate_bps", "delay_s"):
            value = plain(getattr(self, key))
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise InputError(f"{key}={show(value)} of {what}: expected a number")
            object.__setattr__(self, key, value)
        for key in ("queue_bytes", "ecn_bytes"):
            value = getattr(self, key)
            if value is None and key == "ecn_bytes":
                continue
            if (count := whole(value)) is None:
                raise InputError(f"{key}={show(value)} of {what}: expected a whole number of bytes")
            object.__setattr__(self, key, count)
        if not 1e3 <= self.rate_bps <= MAX_RATE_BPS:
            raise InputError(f"rate_bps={self.rate_bps:g} of {what}: expected 1e3 <= rate_bps <= {MAX_RATE_BPS:g}")
        if not 0 <= self.delay_s <= 10:
            raise InputError(f"delay_s={self.delay_s:g} of {what}: expected 0 <= delay_s <= 10")
        if not MIN_QUEUE_BYTES <= self.queue_bytes <= 1 << 30:
            raise InputError(f"queue_bytes={self.queue_bytes} of {what}: expected {MIN_QUEUE_BYTES} (one packet) to {1 << 30}")
        if self.ecn_bytes is not None and not 0 < self.ecn_bytes <= self.queue_bytes:
            raise InputError(f"ecn_bytes={self.ecn_bytes} of {what}: expected 0 < ecn_bytes <= queue_bytes={self.queue_bytes}")

    @property
    def name(self) -> str:
        return f"{self.owner}->{self.peer}"
