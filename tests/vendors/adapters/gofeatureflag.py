"""GO Feature Flag: the evaluation module that its providers carry, compiled from its Go code."""

from __future__ import annotations

from collections.abc import Iterator

from gofeatureflag_python_provider.wasm import EvaluateWasm, WasmFlagContext, WasmInput

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "gofeatureflag-python-provider"


def splits() -> Iterator[Split]:
    """Percentages that add up to 100, to less and to more, and fractions of a percent."""
    engine = EvaluateWasm()
    engine.initialize()
    yield _split(engine, "new-checkout", {"on": 25, "off": 75})
    yield _split(engine, "new-checkout", {"a": 33.333, "b": 33.333, "c": 33.334})
    yield _split(engine, "größe-用户", {"b": 0.001, "a": 99.999})
    yield _split(engine, "short", {"x": 10, "y": 20})
    yield _split(engine, "long", {"x": 90, "y": 60, "z": 0})


def _split(engine: EvaluateWasm, key: str, percentages: dict[str, float]) -> Split:
    flag = {"variations": {name: name for name in percentages}, "defaultRule": {"percentage": percentages}}

    def ask(unit: str) -> str:
        context = {"targetingKey": unit}
        asked = WasmInput(flagKey=key, flag=flag, evalContext=context, flagContext=WasmFlagContext())
        return str(engine.evaluate(asked).variationType)

    names = sorted(percentages, reverse=True)
    arcs = ring(zip(ends(round(percentages[name] * 1_000) for name in names), names, strict=True))
    shares = ", ".join(f"{name} {share}" for name, share in percentages.items())
    return Split("gofeatureflag.v1", f"{shares} of {key}", key, arcs, ask)
