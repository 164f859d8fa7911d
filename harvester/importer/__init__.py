"""Turns a connector's declaration into YAML, each stream whole or named as missing.

`reading` gives the document, `importing` finds out what it is. `airbyte` reads low-code manifests,
`dlt` configurations of dlt's `rest_api`, `postman` and `har` requests that were collected or
recorded, which `recordings` turns into resources. `writing` makes the files and proves that the
loader takes them; `outcome` is what they share.
"""

from harvester.importer.importing import import_file, is_recorded
from harvester.importer.outcome import Imported, Stream

__all__ = ["Imported", "Stream", "import_file", "is_recorded"]
