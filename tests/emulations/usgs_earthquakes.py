"""USGS earthquakes: https://earthquake.usgs.gov/fdsnws/event/1/, CSV with quoted places."""

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"2024-01-01T00:00:00": 2300, "2024-02-01T00:00:00": 12}
LAST = {"2024-01-01T00:00:00": "2024-01-31T23:59:59", "2024-02-01T00:00:00": "2024-02-29T23:59:59"}


def _event(start: str, n: int) -> dict[str, str]:
    return {
        "time": f"{start[:8]}02T00:{n // 60 % 60:02}:{n % 60:02}.000Z",
        "mag": f"{4.5 + n % 30 / 10:.1f}",
        "id": f"us{start[5:7]}{n:05}",
        "place": f'{n} km WSW of "Ōita", Japan' if n % 3 else "",
    }


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/fdsnws/event/1/query")
    params = asked.params
    assert (params["format"], params["orderby"]) == ("csv", "time-asc")
    start = params["starttime"]
    assert params["endtime"] == LAST[start]
    first, most = int(params["offset"]), int(params["limit"])
    assert first >= 1
    assert most <= 20000
    events = [_event(start, n) for n in range(sizes.get(start, 0))][first - 1 : first - 1 + most]
    lines = ["time,mag,id,place"]
    for event in events:
        place = event["place"].replace('"', '""')
        lines.append(f'{event["time"]},{event["mag"]},{event["id"]},"{place}"')
    headers = {"Content-Type": "text/csv;charset=utf-8"}
    return Answer(text="\n".join(lines) + "\n", headers=headers)


def _refused(asked: Asked) -> Answer:
    text = "Error 400: Bad Request\n\n20001 matching events exceeds search limit of 20000."
    return Answer(text=text, status=400, headers={"Content-Type": "text/plain"})


EMULATION = Emulation(
    records={"events": [_event(start, n) for start, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=_refused,
    failure_exit_code=3,
    base_path="/fdsnws/event/1/",
    settings=("resources.events.partitions.window.end=2024-03-01",),
)
