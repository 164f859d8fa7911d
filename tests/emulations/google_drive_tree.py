"""Google Drive: https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list.

A tree with a folder that lies in two places, and one that is empty.
"""

import re
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation, google

SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
FOLDER = "application/vnd.google-apps.folder"
FOLDERS = {"root": ["1aTexts", "1bData"], "1aTexts": ["1cBoth"], "1bData": ["1cBoth", "1dEmpty"]}
SIZES = {"root": 3, "1aTexts": 230, "1bData": 120, "1cBoth": 2, "1dEmpty": 0}
FIELDS = {"id", "name", "mimeType", "parents", "size", "md5Checksum", "modifiedTime"}


def _files(folder: str) -> list[dict[str, Any]]:
    common = {"parents": [folder], "modifiedTime": "2026-01-01T00:00:00.000Z"}
    folders = [
        {"id": name, "name": name[2:], "mimeType": FOLDER, **common}
        for name in FOLDERS.get(folder, [])
    ]
    files = [
        {
            "id": f"{folder}-{n}",
            "name": f"Übersicht № {n}.pdf",
            "mimeType": "application/pdf",
            "size": str(1000 + n),
            "md5Checksum": f"{n:032x}",
            **common,
        }
        for n in range(SIZES[folder])
    ]
    return files[:1] + folders + files[1:]


def _page(asked: Asked, empty: bool = False) -> Answer:
    if asked.path == "/token":
        return google.token(asked, SCOPE)
    if refused := google.let_in(asked):
        return refused
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/drive/v3/files")
    found = re.fullmatch(r"'(\w+)' in parents and trashed = false", params["q"])
    assert found is not None
    named = re.search(r"files\((.*)\)", params["fields"])
    assert named is not None
    assert set(named[1].split(",")) == FIELDS
    assert "nextPageToken" in params["fields"]
    assert (params["supportsAllDrives"], params["includeItemsFromAllDrives"]) == ("true", "true")
    files = [] if empty else _files(found[1])
    start, most = int(params.get("pageToken", "~!!~0")[4:]), int(params["pageSize"])
    assert 1 <= most <= 1000
    more = {"nextPageToken": f"~!!~{start + most}"} if start + most < len(files) else {}
    return Answer({**more, "incompleteSearch": False, "files": files[start : start + most]})


EMULATION = Emulation(
    records={"files": [one for folder in SIZES for one in _files(folder)]},
    answer=_page,
    nothing=lambda asked: _page(asked, empty=True),
    failure=lambda asked: (
        google.token(asked, SCOPE)
        if asked.path == "/token"
        else google.error(403, "accessNotConfigured", "Google Drive API has not been used before.")
    ),
    failure_exit_code=3,
    env={"GOOGLE_SERVICE_ACCOUNT": google.ACCOUNT},
    base_path="/drive/v3/",
    settings=(*google.SETTINGS, "resources.files.params.pageSize=100"),
    again=1,  # a token
)
