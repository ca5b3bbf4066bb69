"""A snapshot ready to answer: loading one, alone or as the successor of another, and asking it.

Pure: this module must never fetch a snapshot, keep a global, or read a clock.

Everything is checked at once and compiled at first use. What did not change from the snapshot before, in
itself and in everything it refers to, is taken over with what it has compiled.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import Any, Final, cast

from flagd_core import decode, links
from flagd_core.compile import Evaluate, FlagCompiler, Step, broken
from flagd_core.conditions import ConditionCompiler
from flagd_core.decode import Checked
from flagd_core.host import BARE, Host
from flagd_core.model import Context, FlagDefinition
from flagd_core.reasons import NO_VALUE, Detail, ErrorCode, Reason
from flagd_core.segments import Segment

_NO_SEGMENTS: Final[Mapping[str, Segment]] = {}
_MARSHAL_FORMAT: Final = 2  # Later ones write how often an object is referred to, which has no meaning here.


class CompiledFlag:
    """One flag of a snapshot.

    `evaluate(context)` answers and never raises, whatever the context is; `constant` is the answer where it is
    the same for every context, else None. They are slots and no methods, which saves a call; what is in them
    is compiled when it is first used.
    """

    __slots__ = (
        "checked",
        "client_visible",
        "constant",
        "definition",
        "evaluate",
        "host",
        "key",
        "kind",
        "parents",
        "problem",
        "segments",
        "version",
    )

    evaluate: Evaluate
    constant: Detail | None

    def __init__(self, key: str, definition: FlagDefinition, checked: Checked, host: Host = BARE) -> None:
        self.host = host
        self.key = key
        self.kind = definition["kind"]
        self.version = definition.get("version", 0)
        self.client_visible = definition.get("client_visible", False)
        self.definition = definition
        self.checked = checked
        self.problem = checked.problem
        self.segments = _NO_SEGMENTS
        self.parents = _NO_PARENTS

    def __getattr__(self, name: str) -> Any:
        # Python asks here for a slot that is still empty. Two threads at once compile the same program twice,
        # which is harmless.
        if name not in {"constant", "evaluate"}:
            raise AttributeError(name)
        self.constant, self.evaluate = self._program()
        return getattr(self, name)

    def _program(self) -> Step:
        if self.problem is not None:
            is_checked = self.checked.problem is None
            return broken(self.key, self.definition, self.problem, self.host, is_checked=is_checked)
        conditions = ConditionCompiler(self.segments)
        compiler = FlagCompiler(self.key, self.definition, conditions, self.parents, self.host)
        clock = self.host.clock
        return compiler.program_with_now(clock) if clock is not None and self.asks_now else compiler.program()

    @property
    def asks_now(self) -> bool:
        """Whether the answer depends on the attribute `now`, through segments and prerequisites too."""
        if self.problem is not None:
            return False
        return (
            self.checked.asks_now
            or any(segment.asks_now for segment in self.segments.values())
            or any(parent.asks_now for parent in self.parents.values())
        )

    def __repr__(self) -> str:
        return f"CompiledFlag({self.key!r}, kind={self.kind!r}, version={self.version})"


_NO_PARENTS: Final[Mapping[str, CompiledFlag]] = {}


class Ruleset:
    """The flags of one environment at one revision. It never changes, so any number of threads may ask it."""

    __slots__ = ("digest", "environment", "flags", "host", "lineage", "project", "revision", "segments")

    def __init__(
        self,
        document: decode.Document,
        flags: Mapping[str, CompiledFlag],
        segments: Mapping[str, Segment],
        host: Host,
    ) -> None:
        self.project = document.project
        self.environment = document.environment
        self.lineage = document.lineage
        self.revision = document.revision
        self.digest = document.digest
        self.flags = flags
        self.segments = segments
        self.host = host

    def evaluate(self, key: str, context: Context = None) -> Detail:
        """The answer of a flag; never raises."""
        try:
            flag = self.flags[key]
        except (KeyError, TypeError):
            return Detail(
                NO_VALUE, None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND, f"there is no flag {key!r:.140}"
            )
        return flag.evaluate(context)

    def __repr__(self) -> str:
        place = f"{self.project}/{self.environment}"
        return f"Ruleset({place!r}, revision={self.revision}, flags={len(self.flags)})"


def load(document: Mapping[str, object], previous: Ruleset | None = None, host: Host = BARE) -> Ruleset:
    """Check a snapshot document and make it ready to answer.

    The ruleset keeps parts of the document and reads them later: the caller must not change it afterwards.
    `previous` is only a saving, and only where its host is the same. Raises DecodeError, with the place, when
    the document is no snapshot of format 1.
    """
    parts = decode.document(document)
    if previous is not None and previous.host is not host:
        previous = None
    segments, changed_segments = _segments(parts.segments, previous)
    flags = _Flags(segments, changed_segments, host).load(
        parts.flags, {} if previous is None else previous.flags
    )
    return Ruleset(parts, flags, segments, host)


def _segments(raw: dict[str, object], previous: Ruleset | None) -> tuple[dict[str, Segment], set[str]]:
    """The segments, and the keys of those that are not the same as before."""
    old = {} if previous is None else previous.segments
    segments: dict[str, Segment] = {}
    changed = set(old.keys() - raw.keys())
    for key, definition in raw.items():
        before = old.get(key)
        if before is not None and _same(before.definition, definition):
            segments[key] = before
        else:
            segments[key] = Segment(cast("Any", definition), decode.check_segment(key, definition))
            changed.add(key)
    graph = {key: segment.checked.segments for key, segment in segments.items() if segment.checked.segments}
    changed.update(links.reaching(changed, graph))
    problems, steps = links.follow(graph, segments.keys(), "segment")
    problems.update(
        {key: segment.checked.problem for key, segment in segments.items() if segment.checked.problem}
    )
    roots = links.reaching(problems, graph)
    for key in changed & segments.keys():
        segment = segments[key] = Segment(segments[key].definition, segments[key].checked)
        segment.steps = steps.get(key, 0)
        if key in roots:
            root = roots[key]
            segment.problem = problems[root] if root == key else f"segment {root!r:.140}: {problems[root]}"
    for key in changed & segments.keys():
        segment = segments[key]
        segment.segments = {each: segments[each] for each in segment.checked.segments if each in segments}
    return segments, changed


class _Flags:
    """Loads the flags of a document whose segments are loaded."""

    def __init__(self, segments: Mapping[str, Segment], changed_segments: set[str], host: Host) -> None:
        self._segments = segments
        self._changed_segments = changed_segments
        self._host = host

    def load(self, raw: dict[str, object], old: Mapping[str, CompiledFlag]) -> dict[str, CompiledFlag]:
        flags: dict[str, CompiledFlag] = {}
        linked: dict[str, CompiledFlag] = {}
        changed = set(old.keys() - raw.keys())
        for key, definition in raw.items():
            flag = old.get(key)
            if flag is None or (flag.definition is not definition and not _same(flag.definition, definition)):
                flag = CompiledFlag(
                    key, cast("Any", definition), decode.check_flag(key, definition), self._host
                )
                changed.add(key)
            flags[key] = flag
            if flag.checked is not decode.PLAIN:
                linked[key] = flag
        self._relink(flags, linked, changed)
        return flags

    def _relink(
        self, flags: dict[str, CompiledFlag], linked: dict[str, CompiledFlag], changed: set[str]
    ) -> None:
        """Make those anew that refer to something that changed."""
        graph = {key: flag.checked.flags for key, flag in linked.items() if flag.checked.flags}
        changed.update(
            key
            for key, flag in linked.items()
            if not self._changed_segments.isdisjoint(flag.checked.segments)
        )
        changed.update(links.reaching(changed, graph))
        fresh = linked.keys() & changed
        for key in fresh:
            flags[key] = CompiledFlag(key, flags[key].definition, flags[key].checked, self._host)
        own = {key: self._steps(flag) for key, flag in linked.items() if flag.checked.segments}
        problems = links.follow(
            {**dict.fromkeys(own, ()), **graph}, flags.keys(), "prerequisite", own
        ).problems
        for key in fresh:
            _link(flags[key], flags, self._segments, problems.get(key))

    def _steps(self, flag: CompiledFlag) -> int:
        """How many evaluations of segments the flag's own rules cause."""
        asked = (self._segments.get(key) for key in flag.checked.segments)
        return sum(1 if segment is None else 1 + segment.steps for segment in asked)


def _link(
    flag: CompiledFlag,
    flags: Mapping[str, CompiledFlag],
    segments: Mapping[str, Segment],
    problem: str | None,
) -> None:
    """Give a flag what it refers to, and to nothing more of the snapshot, so that it can outlive it."""
    flag.parents = {key: flags[key] for key in flag.checked.flags if key in flags}
    flag.segments = {key: segments[key] for key in flag.checked.segments if key in segments}
    for key in flag.checked.segments:
        if key not in segments:
            problem = problem or f"there is no segment {key!r:.140}"
        elif segments[key].problem is not None:
            problem = problem or f"segment {key!r:.140}: {segments[key].problem}"
    flag.problem = flag.checked.problem or problem


def _same(old: Any, new: object) -> bool:
    """Whether two definitions are equal, types included: to `==`, True and 1 are equal, and 1 and 1.0."""
    if old is new:
        return True
    if old != new:
        return False
    try:
        return marshal.dumps(old, _MARSHAL_FORMAT) == marshal.dumps(cast("Any", new), _MARSHAL_FORMAT)
    except ValueError:  # Not made of what JSON has; the check will find out.
        return False
