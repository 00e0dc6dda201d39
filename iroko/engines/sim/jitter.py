"""The generator behind the jitter of UDP senders: netem's, which is Linux's `prandom_u32_state` (`lib/random32.c`), LFSR113.

L'Ecuyer: Tables of Maximally-Equidistributed Combined LFSR Generators, 1999. Its four words of 32 bits are kept in two of a host's record.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import Sim

_WORD = 0xFFFFFFFF
_LEAST = (2, 8, 16, 128)
"""Each word has to be at least this."""


@inlined
def _step(word: int, a: int, b: int, mask: int, d: int) -> int:
    return (((word & mask) << d) & _WORD) ^ ((((word << a) & _WORD) ^ word) >> b)


@called
def draw_jitter(s: Sim, h: int) -> int:
    """The next jitter of the host whose record begins at `h`, in ns."""
    hosts = s.hosts
    low, high = hosts[h + w.JITTER_LOW], hosts[h + w.JITTER_HIGH]
    first = _step(low & _WORD, 6, 13, 4294967294, 18)
    second = _step(low >> 32 & _WORD, 2, 27, 4294967288, 2)
    third = _step(high & _WORD, 13, 21, 4294967280, 7)
    fourth = _step(high >> 32 & _WORD, 3, 12, 4294967168, 13)
    hosts[h + w.JITTER_LOW], hosts[h + w.JITTER_HIGH] = first | second << 32, third | fourth << 32
    return (first ^ second ^ third ^ fourth) % hosts[h + w.JITTER_SPAN]


def first_words(seed: int) -> tuple[int, int]:
    """`JITTER_LOW` and `JITTER_HIGH` of a generator with this seed (`prandom_seed_state`), as signed words."""
    folded = ((seed >> 32) ^ (seed << 10) ^ seed) & _WORD
    first, second, third, fourth = (folded + least if folded < least else folded for least in _LEAST)
    return _signed(first | second << 32), _signed(third | fourth << 32)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
