"""The import contracts hold, and each of them catches a violation planted in a copy of the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

# contract, module the import is planted in, the import
PLANTS = [
    ("packages", "sdk/flagd_sdk/client.py", "import flagd.errors"),
    ("packages", "flagd/evaluation/ofrep.py", "import flagd_sdk.errors"),
    ("packages", "sdk/flagd_core/model.py", "import flagd_sdk.errors"),
    ("capabilities", "flagd/flags/service.py", "import flagd.snapshots.publisher"),
    ("capabilities", "flagd/audit/reads.py", "import flagd.flags.model"),
    ("capabilities", "flagd/access/service.py", "import flagd.settings"),
    ("capabilities", "flagd/infra/cache.py", "import flagd.projects.model"),
    ("capability", "flagd/flags/store.py", "import flagd.flags.service"),
    ("capability", "flagd/projects/service.py", "import flagd.projects.schemas"),
    ("capability", "flagd/access/tables.py", "import flagd.access.store"),
    ("pure", "flagd/flags/model.py", "import flagd.infra.clock"),
    ("pure", "flagd/snapshots/compile.py", "import sqlalchemy"),
    ("pure", "sdk/flagd_core/model.py", "import random"),
    ("pages", "flagd/web/app.py", "import flagd.flags.store"),
    ("pages", "flagd/web/app.py", "import sqlalchemy"),
    ("cycles", "flagd/infra/ids.py", "import flagd.infra.changes"),
]
CONTRACTS = {"packages", "capabilities", "capability", "pure", "pages", "cycles"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources where a test may change them."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("flagd", "sdk"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def lint_imports(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Runs the contracts (all, where none is named) on the sources below `root`."""
    chosen = [argument for contract in contracts for argument in ("--contract", contract)]
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", *chosen],
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'sdk'}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold(copy: Path) -> None:
    """Every import of the project goes the way the arrows point."""
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("contract", "path", "statement"), PLANTS)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str, path: str, statement: str) -> None:
    """An import against the arrows is found by the contract that forbids it, and named."""
    module = copy / path
    original = module.read_text()
    try:
        module.write_text(f"{original}\n{statement}  # planted\n")
        result = lint_imports(copy, contract)
    finally:
        module.write_text(original)
    assert result.returncode == 1, result.stdout + result.stderr
    importer = path.removeprefix("sdk/").removesuffix(".py").replace("/", ".")
    imported = statement.removeprefix("import ")
    output = " ".join(result.stdout.split())
    if contract == "cycles":
        assert f"No cycles are allowed in {importer.rsplit('.', 1)[0]}." in output
    else:
        assert f"{importer} -> {imported}" in output


def test_every_contract_is_planted() -> None:
    """No contract goes without a violation that proves it works."""
    assert {contract for contract, _, _ in PLANTS} == CONTRACTS
