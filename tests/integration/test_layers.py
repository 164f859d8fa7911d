"""Imports go only downward, and each library is imported in one place.

The order below is the order of reading: a package may import only from the lines above its own.
"""

import ast
import graphlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import harvester
from tests.api_server import Answer, ApiServer

ROOT = Path(harvester.__file__).parent
PACKAGE = "harvester"

#: Packages, lowest first; those of one line do not import each other. `errors`,
#: `patterns` and `descriptors` are below them all.
LAYERS = [
    line.split()
    for line in """
    model security
    config
    page
    store
    http
    paging
    auth planning
    results
    engine
    repair export replay
    scaffold report
    importer
    terminal
    monitoring
    emulator
    cli
    """.strip().splitlines()
]

#: Who may import a library. Everybody else must go through them.
IMPORTERS = {
    "pydantic": ("config.",),
    "pydantic_core": ("config.", "page.utf8"),
    "yaml": ("config.yamlfile", "importer.reading"),
    "requests": ("http.transport", "http.connection", "http.certificates", "auth.schemes."),
    "authlib": ("auth.login",),
    "botocore": ("auth.schemes.aws_sigv4", "store.aws_profile"),
    "dotenv": ("config.dotenv",),
    "jwt": ("auth.schemes.jwt_bearer",),
    "requests_oauthlib": ("auth.",),
    "urllib3": ("http.",),
    "http.client": ("http.",),
    "ijson": ("page.parser",),
    "isal": ("page.body", "store.entries", "export.jsonl_gzip"),
    "obstore": ("store.bucket", "store.clients"),
    "distributed": ("engine.workers.",),
    "dask": ("engine.workers.",),
    "pyarrow": ("export.",),
    "duckdb": ("export.",),
    "sqlite3": (
        "planning.frontier",
        "store.object_survey",
        "results.generations",
        "export.repeats",
        "replay.index",
        "results.distinct_keys",
    ),
    "xlsxwriter": ("export.xlsx",),
    "http.server": ("auth.loopback", "replay.server", "monitoring.web", "emulator."),
    "msgspec": ("page.", "store.entries", "engine.likeness", "export."),
    "xxhash": ("page.identity",),
    "tenacity": ("http.retry",),
    "portalocker": ("descriptors",),
    "fcntl": ("descriptors",),
    "rich": ("terminal.",),
    "apprise": ("monitoring.notify",),
    "opentelemetry": ("monitoring.telemetry",),
    "vl_convert": ("report.drawing",),
    "jinja2": ("report.page",),
    "markupsafe": ("report.page",),
    "typer": ("cli", "cli."),
    "click": ("cli", "cli."),
}

#: Modules that take and return values, and what must not be seen in them.
PURE = (
    "model.jsonpath",
    "model.path_reader",
    "model.reference",
    "model.templates",
    "model.window",
    "paging.cursor_pattern",
    "http.headers",
    "http.server_waits",
    "model.partitions",
    "paging.paginator",
    "paging.endpoint",
    "security.origins",
    "paging.response_rules",
    "report.bins",
    "report.specs",
)
IMPURE = ("time", "socket", "pathlib", "os", "random", "requests", "io", "subprocess", "threading")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name; `on_load` where it happens when the module is imported."""

    target: str
    name: str
    on_load: bool


def modules() -> dict[str, ast.Module]:
    """Every module's syntax tree, by its name under the package; `` is the package itself."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


MODULES = modules()


def imports(tree: ast.AST, on_load: bool = True) -> Iterator[Import]:
    """Every import of a tree, also those in functions and for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", on_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            yield from (Import(node.module or "", alias.name, on_load) for alias in node.names)
        else:
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            in_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, on_load and not typing_only and not in_function)


@cache
def imports_of(name: str) -> tuple[Import, ...]:
    """Every import of a module."""
    return tuple(imports(MODULES[name]))


def own(name: str, *, on_load: bool = False) -> set[str]:
    """The modules of the package that a module imports; the package itself does not count."""
    found = set()
    for each in imports_of(name):
        package, _, target = each.target.partition(".")
        if package != PACKAGE or (on_load and not each.on_load):
            continue
        module = f"{target}.{each.name}".strip(".")
        found.add(module if module in MODULES else target)
    return found - {""}


def test_no_cycles() -> None:
    """What modules import when they are imported has no circles."""
    graph = {name: own(name, on_load=True) for name in MODULES}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def package(name: str) -> str:
    """The package that a module is in."""
    return name.partition(".")[0]


def test_every_package_has_its_layer() -> None:
    """The list names each package once, and none that is gone; beside them lie few modules."""
    listed = [name for layer in LAYERS for name in layer]
    assert len(listed) == len(set(listed))
    flat = {name for name in MODULES if "." not in name and not (ROOT / name).is_dir()}
    assert flat - {"_version"} == {
        "errors",
        "patterns",
        "values",
        "on_demand",
        "descriptors",
        "handle",
        "__main__",
    }  # which a build writes
    assert not [name for name in MODULES if name and "handle" in own(name)], "it is for outside"
    assert {package(name) for name in MODULES} - flat - {""} == set(listed)


def test_imports_go_downward() -> None:
    """No package imports one of its own line or above, not even in a function."""
    height = {name: at for at, layer in enumerate(LAYERS) for name in layer}
    upward = [
        f"{name} imports {target}"
        for name in MODULES
        for target in own(name)
        if package(name) != package(target)
        and {package(name), package(target)} <= height.keys()
        and height[package(target)] >= height[package(name)]
    ]
    assert upward == []


def test_packages_are_used_by_their_names() -> None:
    """What a package has for others stands in its `__init__`; nobody reaches behind it."""
    reached = [
        f"{name} imports {target}"
        for name in MODULES
        for target in own(name)
        if "." in target and name and package(name) != package(target) and name != "__main__"
    ]
    assert reached == []


def test_the_emulator_stands_alone() -> None:
    """The emulator tests the harvester, so it shares no code with it; only the demo plays it."""
    inside = {name for name in MODULES if name.split(".")[0] == "emulator"}
    assert inside
    for name in MODULES:
        if name in inside:
            assert own(name) <= inside, name
        elif name != "cli.demo":
            assert not own(name) & inside, name


@pytest.mark.parametrize(("library", "places"), IMPORTERS.items())
def test_each_library_is_imported_in_its_place(library: str, places: tuple[str, ...]) -> None:
    """A library is imported where its traps are known, and nowhere else."""
    importers = {
        name
        for name in MODULES
        for each in imports_of(name)
        if f"{each.target}.{each.name}.".startswith(f"{library}.")
    }
    for name in importers:
        assert any(name == one or (one[-1] == "." and name.startswith(one)) for one in places)


@pytest.mark.parametrize(
    "name", sorted({*PURE, *(name for name in MODULES if name.startswith("paging.paginators."))})
)
def test_pure_modules(name: str) -> None:
    """No clock, socket or path: neither imported nor asked for."""
    for each in imports_of(name):
        allowed = (each.target, each.name) == ("pathlib", "PurePosixPath")  # a value, no file
        assert allowed or each.target.split(".")[0] not in IMPURE
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today"), ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), ast.unparse(node)


def test_one_module_says_where_a_partition_lies() -> None:
    """Whoever else joined OUT and `partition.folder` would walk through links, and not find those
    whose values differ in case only.
    """
    for name, tree in MODULES.items():
        joined = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and isinstance(node.right, ast.Attribute)
            and node.right.attr == "folder"
            and ast.unparse(node.right) != "config.folder"  # OUT itself
        ]
        assert not joined or name == "store.layout", (name, joined)


def test_only_the_edge_prints() -> None:
    """As a library, nothing prints: stdout belongs to the commands."""
    edge = ("cli", "terminal.", "emulator.__main__")
    for name, tree in MODULES.items():
        printing = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
        assert not printing or name.startswith(edge), name


@pytest.mark.parametrize("module", ["harvester", "harvester.cli"])
def test_start_up_is_light(module: str) -> None:
    """`harvester --help` waits for no library that only a harvest needs."""
    heavy = ("pydantic", "yaml", "requests", "urllib3", "ijson", "isal", "msgspec", "tenacity",
             "requests_oauthlib", "vl_convert", "jinja2", "pyarrow", "duckdb",
             "obstore", "sqlite3")  # fmt: skip
    code = f"import sys, {module}; print(*(set({heavy!r}) & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert run.stdout.strip() == ""


#: What a command must not wait for, as it works on a harvest that is there.
_NOT_FOR = {
    "--version": ("pydantic", "yaml", "requests", "msgspec", "harvester.config"),
    "status OUT": ("requests", "urllib3", "tenacity", "harvester.engine", "http.server"),
    "records OUT": ("requests", "urllib3", "tenacity", "harvester.engine", "http.server"),
    "plan YAML": ("harvester.export", "harvester.repair.repairing", "http.server", "duckdb"),
    "check YAML": ("harvester.export", "harvester.repair.repairing", "http.server", "webbrowser"),
}


#: What a run of a plain configuration must not wait for: what others name, and other commands.
_NOT_FOR_A_RUN = (
    "sqlite3", "multiprocessing", "http.server", "obstore", "pyarrow", "rich", "jinja2",
    "concurrent.futures.process", "harvester.auth.schemes.bearer", "harvester.auth.schemes.oauth1",
    "harvester.paging.paginators.offset", "harvester.config.paginators.offset",
    "harvester.config.paginators.every", "harvester.engine.look",
    "harvester.planning.frontier", "harvester.results.side_by_side", "harvester.config.schema",
    "harvester.results.generations", "harvester.config.lint", "harvester.monitoring.web",
    "harvester.export", "harvester.report", "harvester.cli.using", "harvester.cli.declaring",
    "harvester.config.auth_forms", "harvester.config.partition_forms", "harvester.config.job",
    "harvester.engine.jobs", "harvester.store.object_store", "harvester.store.object_writer",
)  # fmt: skip


def test_a_run_starts_light(tmp_path: Path) -> None:
    """A run imports the variants that its YAML names, and nothing that another command needs."""
    config, out = tmp_path / "a.yaml", str(tmp_path / "out")
    with ApiServer(lambda asked: Answer([{"id": 1}])) as api:
        config.write_text(
            f"version: 1\nname: a\nclient: {{base_url: '{api.origin}/'}}\n"
            "resources: [{name: r, path: r, paginator: {type: single_page}}]\n"
        )
        code = (
            "import sys\nfrom harvester.cli import main\n"
            f"sys.argv = ['harvester', 'run', {str(config)!r}, '--out', {out!r}]\n"
            "try:\n    main()\nexcept SystemExit as left:\n    print('left with', left.code)\n"
            f"print('imported:', *(set({_NOT_FOR_A_RUN!r}) & set(sys.modules)))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            cwd=ROOT.parent,
        )  # fmt: skip
    assert run.stdout.splitlines()[-2:] == ["left with 0", "imported:"]


@pytest.mark.parametrize("package", sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
def test_packages_have_what_they_name(package: str) -> None:
    """Each name of a package's `__all__` is there, also where its module is imported on demand."""
    found = importlib.import_module(f"{PACKAGE}.{package}")
    for name in getattr(found, "__all__", ()):
        getattr(found, name)


@pytest.mark.parametrize("command", _NOT_FOR)
def test_commands_start_light(command: str, tmp_path: Path) -> None:
    """No command imports what only another one needs."""
    config, out = tmp_path / "a.yaml", tmp_path / "out"
    config.write_text(
        "version: 1\nname: a\nclient: {base_url: 'http://127.0.0.1:9/'}\n"
        "resources: [{name: r, path: r, paginator: {type: single_page}}]\n"
    )
    (out / "r").mkdir(parents=True)
    (out / "harvest.json").write_text("{}")
    typed = [{"YAML": str(config), "OUT": str(out)}.get(word, word) for word in command.split()]
    code = (
        "import sys\nfrom harvester.cli import main\n"
        f"sys.argv = ['harvester', *{typed!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *(set({_NOT_FOR[command]!r}) & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert run.stdout.splitlines()[-1] == "imported:"
