"""The units that every vendor is asked for: made the same way each time, of all kinds that real ones are of."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Final

_ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "ABCXYZ_-.:,;|/+@#%$&=?!'\"\\~ ",
    "äöüßéñçøåÄÖÜ",
    "абвгдежзиклмн",
    "用户测试标识符号",
    "שלום",
    "e\u0301a\u0308\u200d\ufe0f",
    "😀🚀🧪👩‍💻",
    "\ufeff\uffff\u0001\t\n",
)


def counted(count: int = 100_000) -> Iterator[str]:
    """So many that some of them stand right beside every bound."""
    return (f"user-{number}" for number in range(count))


def units(count: int = 4_000) -> Iterator[str]:
    """Counted users, random ids, addresses, numbers, and texts of every length up to 300 in many alphabets."""
    chance = random.Random(20_261_122)
    for number in range(count // 2):
        yield f"user-{number}"
    for number in range(count // 8):
        yield str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield f"{''.join(chance.choices(_ALPHABETS[0], k=9))}@example.com"
        yield str(number)
        alphabet = "".join(chance.sample(_ALPHABETS, k=2))
        # A letter in front, because some vendors take no unit of nothing but spaces.
        yield "u" + "".join(chance.choices(alphabet, k=1 + number % 300))
