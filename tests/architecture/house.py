"""The house lints: what may happen in one place only, found in the syntax tree. Reads source, runs none of it.

Each rule names the modules it covers and those it lets through, with the reason where that is not plain.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("flagd", "sdk", "migrations", "examples", "tests")

MAX_MODULE_LINES: Final = 500
MAX_TEST_MODULE_LINES: Final = 700
MAX_FUNCTION_LINES: Final = 60
MAX_PARAMETERS: Final = 6
MAX_FOLDER_ENTRIES: Final = 14

CORE_IMPORTS: Final = frozenset({*sys.stdlib_module_names, "flagd_core", "mmh3"})
# Found by any of these names, whatever they are called on.
TRANSACTION_ENDS: Final = frozenset({"commit", "rollback", "begin_nested"})
CLOCK_MODULES: Final = frozenset({"time"})
CLOCK_READS: Final = frozenset({"now", "utcnow", "today"})
ENVIRONMENT: Final = frozenset({"environ", "environb", "getenv", "getenvb", "putenv"})
VAGUE_NAMES: Final = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "stuff"})

Lint = Callable[["Module"], Iterator[tuple[int, str]]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: its path below the root, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> Module:
        return cls(path, text, ast.parse(text))


@dataclass(frozen=True)
class Rule:
    """A lint and where it holds; patterns are paths below the root in which * crosses folders."""

    name: str
    lint: Lint
    covers: tuple[str, ...]
    lets_through: tuple[str, ...] = ()

    def violations(self, module: Module) -> list[str]:
        """What the module does against the rule: "path:line: what"."""
        if not self.covers_path(module.path):
            return []
        return [f"{module.path}:{line}: {what}" for line, what in self.lint(module)]

    def covers_path(self, path: str) -> bool:
        """Whether the rule holds for a module at this path."""
        return _matches(path, self.covers) and not _matches(path, self.lets_through)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def ends_transaction(module: Module) -> Iterator[tuple[int, str]]:
    """Commits, rolls back or makes a savepoint."""
    for method in _called_methods(module.tree):
        if method.attr in TRANSACTION_ENDS:
            yield method.lineno, f"calls .{method.attr}()"


def builds_statements(module: Module) -> Iterator[tuple[int, str]]:
    """Imports what statements are built from; SQLAlchemy's errors are none of that."""
    for line, name in _imports(module.tree):
        if _within(name, "sqlalchemy") and not _within(name, "sqlalchemy.exc"):
            yield line, f"imports {name}"


def reads_clock(module: Module) -> Iterator[tuple[int, str]]:
    """Asks what time it is."""
    for line, name in _imports(module.tree):
        if name.split(".")[0] in CLOCK_MODULES:
            yield line, f"imports {name}"
    for method in _called_methods(module.tree):
        if method.attr in CLOCK_READS and _last_name(method.value) in ("datetime", "date"):
            yield method.lineno, f"calls {_last_name(method.value)}.{method.attr}()"


def reads_environment(module: Module) -> Iterator[tuple[int, str]]:
    """Looks at environment variables."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and _last_name(node.value) == "os":
            yield node.lineno, f"uses os.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in ENVIRONMENT:
                    yield node.lineno, f"imports os.{alias.name}"


def raises_http_errors(module: Module) -> Iterator[tuple[int, str]]:
    """Makes an HTTP error by hand; catching the framework's is no violation."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _last_name(node.func) == "HTTPException":
            yield node.lineno, "makes an HTTPException"
        if isinstance(node, ast.ClassDef) and any(_last_name(base) == "HTTPException" for base in node.bases):
            yield node.lineno, "derives from HTTPException"


def uses_base_http_middleware(module: Module) -> Iterator[tuple[int, str]]:
    """One of them on a hot route costs three quarters of its throughput; pure ASGI middleware does not."""
    for line, name in _imports(module.tree):
        if name.endswith(".BaseHTTPMiddleware"):
            yield line, "imports BaseHTTPMiddleware"
    for method in _called_methods(module.tree):
        if method.attr == "middleware":
            yield method.lineno, "calls .middleware(), which makes a BaseHTTPMiddleware"


def core_reaches_out(module: Module) -> Iterator[tuple[int, str]]:
    """Imports anything but the standard library, mmh3 and itself."""
    for line, name in _imports(module.tree):
        if name.split(".")[0] not in CORE_IMPORTS:
            yield line, f"imports {name}"


def too_long(limit: int) -> Lint:
    """A module of more than `limit` lines."""

    def lint(module: Module) -> Iterator[tuple[int, str]]:
        lines = module.text.count("\n")
        if lines > limit:
            yield limit + 1, f"has {lines} lines, {limit} are allowed"

    return lint


def long_functions(module: Module) -> Iterator[tuple[int, str]]:
    """Functions of too many lines, signature and docstring included."""
    for function in _functions(module.tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines, {MAX_FUNCTION_LINES} are allowed"


def many_parameters(module: Module) -> Iterator[tuple[int, str]]:
    """Functions of too many parameters; the one a method is called on does not count."""
    for function in _functions(module.tree):
        arguments = function.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        count = sum(argument.arg not in ("self", "cls") for argument in named)
        if count > MAX_PARAMETERS:
            yield function.lineno, f"{function.name} has {count} parameters, {MAX_PARAMETERS} are allowed"


def vague_name(module: Module) -> Iterator[tuple[int, str]]:
    """A module or folder named after nothing."""
    for part in Path(module.path).with_suffix("").parts:
        if part.lower() in VAGUE_NAMES:
            yield 1, f"is named {part!r}: name it after what it knows"


def undocumented_module(module: Module) -> Iterator[tuple[int, str]]:
    """A module that does not say what it is."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield 1, "has no docstring"


def unpromising_test(module: Module) -> Iterator[tuple[int, str]]:
    """A test that does not say in its docstring what it promises."""
    for function in _functions(module.tree):
        if function.name.startswith("test_") and not ast.get_docstring(function):
            yield function.lineno, f"{function.name} does not say what it promises"


RULES: Final = (
    Rule("commit", ends_transaction, ("flagd/*",), ("flagd/infra/db.py",)),
    Rule(
        "statements",
        builds_statements,
        ("flagd/*",),
        (
            "flagd/*/store.py",
            "flagd/*/reads.py",
            "flagd/*/tables.py",
            "flagd/infra/changes.py",
            "flagd/infra/db.py",
            "flagd/settings.py",  # takes an address apart
            "flagd/infra/migrate.py",  # asks the database where its schema stands
        ),
    ),
    Rule("clock", reads_clock, ("flagd/*", "sdk/flagd_core/*"), ("flagd/infra/clock.py",)),
    Rule("environment", reads_environment, ("flagd/*", "sdk/*"), ("flagd/settings.py",)),
    Rule("http-errors", raises_http_errors, ("flagd/*",), ("flagd/infra/http.py",)),
    Rule("middleware", uses_base_http_middleware, ("flagd/*",)),
    Rule("core", core_reaches_out, ("sdk/flagd_core/*",)),
    Rule("module-size", too_long(MAX_MODULE_LINES), ("*.py",), ("tests/*",)),
    Rule("test-size", too_long(MAX_TEST_MODULE_LINES), ("tests/*",)),
    Rule("function-size", long_functions, ("*.py",), ("migrations/versions/*",)),  # lists of columns
    # A test takes the fixtures it needs, and an answer is made of its parts.
    Rule("parameters", many_parameters, ("*.py",), ("tests/*", "sdk/flagd_core/reasons.py")),
    Rule("names", vague_name, ("*.py",)),
    Rule("module-docstring", undocumented_module, ("*.py",)),
    Rule("promise", unpromising_test, ("tests/*test_*.py",)),
)


def modules() -> Iterator[Module]:
    """Every Python file of the project."""
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            if "__pycache__" not in file.parts:
                yield Module.of(file.relative_to(ROOT).as_posix(), file.read_text())


def crowded_folders(root: Path) -> list[str]:
    """Folders with too many files, or too many folders, in them."""
    found = []
    for folder in [root, *(path for path in sorted(root.rglob("*")) if path.is_dir())]:
        entries = [path for path in folder.iterdir() if path.name != "__pycache__" and path.suffix != ".pyc"]
        for kind, count in (
            ("files", sum(path.is_file() for path in entries)),
            ("folders", sum(path.is_dir() for path in entries)),
        ):
            if count > MAX_FOLDER_ENTRIES and "__pycache__" not in folder.parts:
                found.append(f"{folder}: {count} {kind}, {MAX_FOLDER_ENTRIES} are allowed")
    return found


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _called_methods(tree: ast.Module) -> Iterator[ast.Attribute]:
    """What is called by a name after a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands, as the dotted name of what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
