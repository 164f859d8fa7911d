"""GitHub Apps: https://docs.github.com/en/rest/apps/installations, and workflow runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation, google

APP, INSTALLATION, TOKEN = (
    "Iv23liExample0000",
    "7654321",
    "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
)
START = datetime(2025, 1, 1, tzinfo=UTC)
#: Runs of each repository, every four hours; the API shows the first 1,000 of a query.
RUNS = {"lab/sky": 1250, "lab/sea": 120, "lab/old": 5}
CAP = 1000


def _repository(name: str) -> dict[str, Any]:
    number = list(RUNS).index(name) + 1
    return {"id": number, "full_name": name, "private": True, "archived": name == "lab/old"}


def _run(name: str, n: int) -> dict[str, Any]:
    created = START + timedelta(hours=4 * n)
    status = ("completed", "in_progress")[n % 9 == 0]
    return {
        "id": 30_433_642 + n * 10 + list(RUNS).index(name),
        "name": "Build ✓",
        "status": status,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


ALL = {name: [_run(name, n) for n in range(size)] for name, size in RUNS.items()}


def _token(asked: Asked) -> Answer:
    assert (asked.method, asked.body) == ("POST", b"")
    text = asked.headers["authorization"].removeprefix("Bearer ")
    claims = google.signed(asked, text, options={"verify_aud": False})
    assert claims["iss"] == APP
    assert claims["exp"] - claims["iat"] <= 660, "ten minutes at most"
    expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Answer({"token": TOKEN, "expires_at": expires}, 201)


def _runs(asked: Asked, runs: dict[str, list[Any]]) -> tuple[str, int, list[Any]]:
    name = asked.path.removeprefix("/repos/").removesuffix("/actions/runs")
    since, until = asked.params["created"].split("..")
    found = [run for run in runs.get(name, []) if since <= run["created_at"] <= until]
    return "workflow_runs", len(found), found[:CAP]


def _page(asked: Asked, runs: dict[str, list[Any]]) -> Answer:
    if asked.path == f"/app/installations/{INSTALLATION}/access_tokens":
        return _token(asked)
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Bad credentials", "status": "401"}, 401)
    if asked.path == "/installation/repositories":
        found = [_repository(name) for name in runs]
        name, total = "repositories", len(found)
    else:
        name, total, found = _runs(asked, runs)
    page, size = int(asked.params.get("page", 1)), int(asked.params["per_page"])
    assert size <= 100
    end = page * size
    link = asked.target.partition("&page=")[0] + f"&page={page + 1}"
    more = {"link": f'<{asked.origin}{link}>; rel="next"'} if end < len(found) else {}
    return Answer({"total_count": total, name: found[end - size : end]}, headers=more)


def _suspended(asked: Asked) -> Answer:
    return Answer({"message": "This installation has been suspended", "status": "403"}, 403)


EMULATION = Emulation(
    records={
        "repositories": [_repository(name) for name in RUNS],
        "runs": [*ALL["lab/sky"], *ALL["lab/sea"]],
    },
    answer=lambda asked: _page(asked, ALL),
    nothing=lambda asked: _page(asked, {}),
    failure=_suspended,
    failure_exit_code=3,
    env={
        "GITHUB_APP_PRIVATE_KEY": google.PEM,
        "GITHUB_APP_CLIENT_ID": APP,
        "GITHUB_INSTALLATION": INSTALLATION,
    },
    settings=(
        f"client.auth.access_token_url={{origin}}/app/installations/{INSTALLATION}/access_tokens",
    ),
    again=1,  # a token
)
