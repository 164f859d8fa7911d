"""The distribution: what is in it, that it installs alone, and that what deploys it is valid."""

import ast
import email.parser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harvester.config import parse_config
from tests.integration.test_task_pages import respond
from tests.support import ITEMS, Reply, Scripted, chain, write_config

ROOT = Path(__file__).parents[2]
VERSION = "7.8.9"
LEFT_OUT = (".git", ".venv", "build", "dist", "data", "*_cache", "__pycache__", ".hypothesis")


def called(*command: str | Path, cwd: Path | None = None, **env: str) -> str:
    """A program's output; its errors fail the test."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist of this checkout, as a tag v7.8.9 would make them."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*LEFT_OUT, "_version.py"))
    called(
        sys.executable, "-m", "build", "--no-isolation", "-o", folder / "dist", source,
        SETUPTOOLS_SCM_PRETEND_VERSION=VERSION,
    )  # fmt: skip
    return folder / "dist"


def wheel_of(built: Path) -> Path:
    """The wheel."""
    return built / f"api_harvester-{VERSION}-py3-none-any.whl"


def test_the_wheel_has_all_that_runs_and_nothing_else(built: Path) -> None:
    """Every module, every config, the files of the report; no test, no cache."""
    names = set(zipfile.ZipFile(wheel_of(built)).namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "harvester").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    configs = {f"harvester/{path.relative_to(ROOT)}" for path in (ROOT / "configs").iterdir()}
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == package | configs | {"harvester/_version.py"}


def test_the_metadata(built: Path) -> None:
    """Name, version, two commands, the README; it passes the index's own check."""
    with zipfile.ZipFile(wheel_of(built)) as wheel:
        info = f"api_harvester-{VERSION}.dist-info"
        told = email.parser.Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        scripts = wheel.read(f"{info}/entry_points.txt").decode()
    assert (told["Name"], told["Version"]) == ("api-harvester", VERSION)
    assert told["Requires-Python"] == ">=3.11"
    assert told.get_payload().startswith("# harvester")  # type: ignore[union-attr]
    for name in ("harvester", "api-harvester"):
        assert f"{name} = harvester.cli:main" in scripts.splitlines()
    called(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())


def test_the_sdist_builds_without_git(built: Path) -> None:
    """It holds the tests, the docs and the changelog, and knows its version by itself."""
    with tarfile.open(built / f"api_harvester-{VERSION}.tar.gz") as sdist:
        names = {name.split("/", 1)[-1] for name in sdist.getnames()}
    wanted = """
    CHANGELOG.md LICENSE README.md configs/xkcd.yaml docs/index.md tests/conftest.py
    harvester/_version.py examples/systemd/harvester@.timer
    """
    assert names.issuperset(wanted.split())
    assert not any("__pycache__" in name for name in names)


def pythons() -> Iterator[Any]:
    """Every Python of 3.11 to 3.14 that this machine has; but for that of the suite, chores."""
    for minor in range(11, 15):
        found = [Path(shutil.which(f"python3.{minor}") or "/nowhere")]
        found += sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))
        for python in found:
            if not python.exists():
                continue
            needed = [str(python), "-c", "import venv, ensurepip"]
            tried = subprocess.run(needed, capture_output=True, check=False)
            if tried.returncode == 0:
                others = [] if minor == sys.version_info.minor else [pytest.mark.chore("10 s")]
                yield pytest.param(python, marks=others, id=f"3.{minor}")
                break


@pytest.mark.slow("installs from the index, once for each Python")
@pytest.mark.parametrize("python", list(pythons()))
def test_the_wheel_alone_harvests(python: Path, built: Path, tmp_path: Path) -> None:
    """In a fresh environment, with no extra and no checkout: both commands, a whole harvest."""
    env = tmp_path / "env"
    called(python, "-m", "venv", env)
    called(env / "bin" / "pip", "install", "-q", wheel_of(built))
    harvester = env / "bin" / "harvester"
    for program in (harvester, env / "bin" / "api-harvester"):
        assert called(program, "--version", cwd=tmp_path).strip() == f"harvester {VERSION}"
    with Scripted(chain(3)) as server:
        config = write_config(tmp_path, ITEMS)
        called(harvester, "run", config, "--base-url", server.base_url, cwd=tmp_path)
    assert len(called(harvester, "records", "data/items", cwd=tmp_path).splitlines()) == 9
    assert "github_issues" in called(harvester, "examples", cwd=tmp_path)
    called(harvester, "verify", "data/items", "--deep", cwd=tmp_path)


@pytest.mark.slow("installs the wheel with two extras from the index")
def test_one_page_leads_to_a_nightly_harvest_that_is_watched(built: Path, tmp_path: Path) -> None:
    """Somebody who has the wheel alone follows docs/watching.md: each line of it does what it says,
    with the program that was installed, an API and a web hook on loopback.
    """
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    env, heard = tmp_path / "env", Hook()
    called(sys.executable, "-m", "venv", env)
    [wanted] = re.findall(r"^pipx install '(api-harvester\[[a-z,]+\])'$", page, re.MULTILINE)
    called(env / "bin" / "pip", "install", "-q", f"{wanted} @ file://{wheel_of(built)}")
    path = f"{env / 'bin'}:/usr/bin:/bin"
    with Scripted(respond) as server, Scripted(heard) as hook:
        for kind, block in re.findall(r"^```(\w+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
            text = block.replace("https://api.openalex.org/", server.base_url)
            if kind == "yaml":
                (tmp_path / "works.yaml").write_text(text, encoding="utf-8")
            for line in text.splitlines() if kind != "yaml" else ():
                if not line.startswith("harvester ") or " --watch" in line:
                    continue
                topic = hook.base_url.replace("http://", "json://")
                told = line.replace("ntfy://my-topic", topic)
                told = told.replace(" --notify '{env.MAIL_URL}'", "")
                called("bash", "-euc", told, cwd=tmp_path, PATH=path)
        metrics = (tmp_path / "works.prom").read_text(encoding="utf-8")
        assert 'harvester_harvest_complete{harvest="works"} 1' in metrics
        again = called("bash", "-euc", NIGHTLY, cwd=tmp_path, PATH=path)
    assert '"complete": true' in again
    assert heard.told == 1


NIGHTLY = "harvester run works.yaml --json"


class Hook:
    """A web hook that counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def __call__(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """Count it."""
        self.told += 1
        return Reply({})


# --- What deploys it -----------------------------------------------------------------------------


def beside_python(program: str) -> str:
    """A linter that comes with the extra `test`; the test is skipped without."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    folders += os.pathsep + str(Path(yaml.__file__).parents[4] / "bin")
    found = shutil.which(program, path=folders)
    if found is None:
        pytest.skip(f"no {program}")
    return found


def test_the_dockerfile() -> None:
    """Hadolint has nothing to say; the image is nobody's, with one volume and a health check."""
    called(beside_python("hadolint"), ROOT / "Dockerfile")
    text = (ROOT / "Dockerfile").read_text()
    lines = re.findall(r"^[A-Z]+ .*", text.split("\nFROM ")[2], re.MULTILINE)
    assert "USER 10001" in lines
    assert [line for line in lines if line.startswith("VOLUME")] == ["VOLUME /data"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert "STOPSIGNAL SIGTERM" in lines


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.compose-spec", "examples/compose/compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.github-workflows", ".github/workflows/docs.yml"),
        ("vendor.github-workflows", ".github/workflows/release.yml"),
    ],
)
def test_compose_and_workflows(schema: str, path: str) -> None:
    """They are what their published schemas want."""
    called(beside_python("check-jsonschema"), "--builtin-schema", schema, ROOT / path)


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "kubernetes").iterdir()), ids=str)
def test_kubernetes(path: Path) -> None:
    """The manifests are what Kubernetes takes, and their YAML is what harvester takes."""
    called(beside_python("kubernetes-validate"), "--strict", path)
    held = [one for one in yaml.safe_load_all(path.read_text()) if one["kind"] == "ConfigMap"]
    for text in [text for one in held for text in one["data"].values()]:
        text = re.sub(r"\{file\.[^}]*\}", "a-token", text)
        assert parse_config(text, path.name, env={}).resources


def test_the_compose_files_yaml() -> None:
    """The config beside it loads."""
    path = ROOT / "examples" / "compose" / "works.yaml"
    assert parse_config(path.read_text(), path.name, env={}).name == "works"


def test_systemd(tmp_path: Path) -> None:
    """Unit and timer pass `systemd-analyze verify`."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    units = []
    for kind in ("service", "timer"):
        text = (ROOT / "examples" / "systemd" / f"harvester@.{kind}").read_text()
        assert kind == "timer" or "/usr/local/bin/harvester" in text
        text = text.replace("/usr/local/bin/harvester", "/bin/true")  # which must be there
        for name in (f"harvester@.{kind}", f"harvester@works.{kind}"):
            (tmp_path / name).write_text(text)
        units.append(tmp_path / f"harvester@works.{kind}")
    assert called("systemd-analyze", "verify", *units) == ""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples" / "orchestrators").glob("*.py")), ids=lambda path: path.stem
)
def test_orchestrators_parse(path: Path) -> None:
    """They are sound Python that names only what harvester exports; `try_all.py` runs them."""
    import harvester as package

    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "harvester":
            assert {alias.name for alias in node.names} <= set(package.__all__)


def test_the_commands_that_deployments_use() -> None:
    """Each option that they give to harvester is one that it has."""
    texts = [(ROOT / "Dockerfile").read_text()]
    texts += [path.read_text() for path in (ROOT / "examples").rglob("*") if path.is_file()]
    options = set(re.findall(r"(?:run|healthcheck)\b[^\n]*?(--[a-z][a-z-]+)", "\n".join(texts)))
    for command in ("run", "healthcheck"):
        helped = called(sys.executable, "-m", "harvester", command, "-h", cwd=ROOT)
        options -= set(re.findall(r"--[a-z-]+", helped))
    assert options - {"--rm", "--read-only"} == set()
