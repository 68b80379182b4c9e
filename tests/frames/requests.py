"""Frames that a hostile coordinator could send: honest requests, changed in a few places, at random or with intent.

What is cheap to write and dear to read is drawn on purpose: long lists, wide and deep models, a hundred countries with
settings of their own, patterns, giant numbers, nested tables, thousands of arrays.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.wire.frame import PREFIX, VERSION, decode
from federation.wire.header import DTYPES

Body = dict[str, Any]
COUNTRIES = ("VNM", "KHM", "LAO", "THA", "IDN", "BRN", "SGP", "MYS", "MMR", "PHL", "TLS")
NASTY: Sequence[Any] = (
    *(None, True, False, 0, -1, 1, 2, 3, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, -0.0, 0.5, 1e-320, 1e308),
    *(float("nan"), float("inf"), "", "x", "*", "?*[a-z]*", "a" * 300, "../../etc/passwd", "\x00", "\u202e", "٣", "1"),
    *([], {}, [[]], [None], [1e308], {"": {}}, {"name": "mlp"}, "mlp", "attention", "sgd", "adamw", "seeded", "int8"),
)


@dataclass
class Draft:
    """A frame in the making. tail: of the bytes after the header, if not the arrays."""

    body: Body
    arrays: dict[str, NDArray[Any]]
    change: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def encoded(self) -> bytes:
        """The bytes, whatever is wrong with them."""
        tensors = [[name, value.dtype.name, list(value.shape)] for name, value in sorted(self.arrays.items())]
        body = {"kind": self.body.get("kind"), "header": self.body.get("header"), "tensors": tensors} | self.body
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        raw = b"".join(value.tobytes() for _, value in sorted(self.arrays.items()))
        data = PREFIX.pack(b"GTNG", VERSION, len(text)) + text + raw
        for change in self.change:
            data = change(data)
        return data


def draft_of(data: bytes) -> Draft:
    """A draft of an honest frame."""
    frame = decode(data)
    return Draft(body={"kind": frame.kind, "header": deepcopy(dict(frame.header))}, arrays=dict(frame.arrays))


def mutated(seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """One of the seeds with one to four changes."""
    draft = draft_of(draw.choice(seeds))
    if draw.random() < 0.7:  # a run of its own; else it goes on with, or contradicts, one that began
        draft.body["header"]["run"] = f"run-{draw.randrange(10**9)}"
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        if not draft.body:
            break
        draw.choice((_value, _value, _value, _grown, _swapped, _dear, _dear, _array, _array, _bytes))(draft, draw)
    return draft.encoded()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to values, of the first hundred in a table and eight levels deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = islice(items, 100) if len(path) < 8 else ()
    return [path] * bool(path) + [place for key, each in inner for place in _places(each, (*path, key))]


def _at(body: Any, path: Sequence[Any]) -> Any:
    for key in path:
        body = body[key]
    return body


def _value(draft: Draft, draw: random.Random) -> None:
    """Another value, no value, or one more key."""
    path = draw.choice(_places(draft.body))
    parent = _at(draft.body, path[:-1])
    match draw.randrange(6):
        case 0 if isinstance(parent, dict):
            parent.pop(path[-1])
        case 1 if isinstance(parent, dict):
            parent[draw.choice(("x", "name", "seed", "local", "__class__", "plan"))] = deepcopy(draw.choice(NASTY))
        case 2 if isinstance(parent[path[-1]], int | float):
            factor = draw.choice((-1, 0.5, 2, 1000))
            parent[path[-1]] = type(parent[path[-1]])(parent[path[-1]] * factor) + draw.choice((-1, 0, 1))
        case _:
            parent[path[-1]] = deepcopy(draw.choice(NASTY))


def _grown(draft: Draft, draw: random.Random) -> None:
    """A value that is long, or nested."""
    path = draw.choice(_places(draft.body))
    size = draw.choice((3, 20, 200, 2000, 20_000))
    unit: Any = draw.choice(([], {}, 1, "x", 0.5, None, "VNM", "federated"))
    grown: Any = draw.choice(([unit] * size, {str(number): unit for number in range(size)}, "x" * size))
    if draw.random() < 0.2:
        for _nested in range(draw.choice((5, 14, 20, 60))):
            grown = [grown] if draw.random() < 0.5 else {"x": grown}
    _at(draft.body, path[:-1])[path[-1]] = grown


def _swapped(draft: Draft, draw: random.Random) -> None:
    """Two values in each other's place."""
    draft.body = json.loads(json.dumps(draft.body))  # no two places share a value, or one could come to hold itself
    places = [path for path in _places(draft.body) if len(path) > 1]
    if not places:
        return
    one, other = draw.choice(places), draw.choice(places)
    if one[: len(other)] == other or other[: len(one)] == one:
        return
    first, second = _at(draft.body, one), _at(draft.body, other)
    _at(draft.body, one[:-1])[one[-1]], _at(draft.body, other[:-1])[other[-1]] = second, first


def _dear(draft: Draft, draw: random.Random) -> None:
    """A plan that would be dear to build. A part that an earlier change has removed stays so."""
    name, value = draw.choice(list(dear(draw).items()))
    parts = ["header", "plan", *name.split(".")]
    table: Any = draft.body
    for part in parts[:-1]:
        table = table.get(part) if isinstance(table, dict) else None
    if isinstance(table, dict):
        table[parts[-1]] = value


def dear(draw: random.Random) -> Mapping[str, Any]:
    """Key of a plan -> a value that asks for much work."""
    wide = draw.choice((200, 10_000, 10**6, 2**31, 2**62))
    deep = draw.choice((50, 1000, 20_000))
    hidden = draw.choice(([wide], [wide] * 3, [1] * deep, [32] * deep))
    own = {"task": {"hidden": hidden}, "training": {"epochs": draw.choice((1, 10**6))}}
    pattern = draw.choice(("*", "layers.*", "*a*a*a*a*a*a*a*b", "[" * 50, "[!-~]*" * 20, "?" * 100))
    return {
        "task.hidden": hidden,
        "task.attention": {"width": wide, "heads": draw.choice((1, 3, wide)), "blocks": draw.choice((1, deep))},
        "task.model": "attention",
        "task.lags": draw.choice((0, 600, 10**6)),
        "task.horizons": draw.choice((0, 100, 10**6)),
        "task.calendar.excluded_period": [draw.choice(("0001-01", "2005-01", "9999-12", "x"))]
        * draw.choice((1, 2, deep)),
        "task.calendar.train_until": draw.choice(("0001-01", "9999-12", "2004-13", "٢٠٠٤-١٢", "x" * deep)),
        "local": {f"{draw.choice(COUNTRIES)}.{number}": own for number in range(draw.choice((1, 100, 101)))}
        | dict.fromkeys(COUNTRIES, own),
        "strategy.private": [pattern + str(number) for number in range(draw.choice((1, 100, 20_000)))],
        "strategy": {"name": draw.choice(("fedper", "scaffold", "qfedavg", "fedadam")), "private": [pattern] * deep},
        "hold_out": [f"X{number}" for number in range(draw.choice((1, 20_000)))],
        "arms": draw.choice((["federated", "local", "personalised", "local_pair"], ["federated"] * deep)),
        "rounds": draw.choice((1, 100_000, 10**18)),
        "keep_best": draw.choice((0, 100, 10**18)),
        "training.epochs": draw.choice((1, 100, 10**6)),
        "training.batch_size": draw.choice((1, 16, 10**6)),
        "seed": draw.choice((0, 2**31 - 1, 2**31, -1)),
        "record_years": draw.choice((1, 1000, 10**9)),
    }


def _array(draft: Draft, draw: random.Random) -> None:
    """An array that is none of the model's."""
    names = sorted(draft.arrays) or ["model/x"]
    name = draw.choice(names)
    value = draft.arrays.get(name, np.zeros(3, np.float32))
    match draw.randrange(8):
        case 0:
            draft.arrays.pop(name, None)
        case 1:
            with np.errstate(all="ignore"):
                draft.arrays[name] = value.astype(draw.choice(DTYPES))
        case 2:
            draft.arrays[name] = value.reshape(-1)[: draw.randrange(value.size + 1)]
        case 3:
            with np.errstate(all="ignore"):
                draft.arrays[name] = value * np.float32(draw.choice((0, -1, np.nan, np.inf, 1e30, 1.0001)))
        case 4:
            draft.arrays |= {f"model/{number}": np.zeros(0, np.float32) for number in range(draw.choice((1, 5000)))}
        case 5:
            draft.arrays[draw.choice(("", "model/", "/", "shared/x", "candidate/1/x", "candidate/99/x", "é"))] = value
        case 6:
            draft.arrays[name] = value[None] if draw.random() < 0.5 else value.reshape((1,) * 7 + (-1,))
        case _:
            draft.arrays = {
                f"{draw.choice(('shared', 'candidate/1', 'scale'))}/{key}": each for key, each in draft.arrays.items()
            }


def _bytes(draft: Draft, draw: random.Random) -> None:
    """Bytes that are damaged, cut, or repeated."""
    kind, at, many = draw.randrange(5), draw.random(), draw.choice((1, 1, 2, 30))

    def change(data: bytes) -> bytes:
        place = int(at * len(data)) if kind else min(len(data), int(at * 12))
        noise = random.Random(at).randbytes(many)
        return {
            0: data[:place] + noise + data[place + many :],
            1: data[:place] + noise + data[place + many :],
            2: data[:place],
            3: data + data[:place],
            4: data[:place] + data[place : place + many] * 3 + data[place:],
        }[kind]

    draft.change.append(change)
