"""Writes a YAML that harvests, from a curl line, a URL or an OpenAPI document.

In the order of the data: `shell` and `curl` read the line, `openapi` the document; `hiding` moves
secrets into variables; `looking` says what a page looks like, `candidates` how its API might page,
with the tables in `names`; `probing` asks for a second page to prove it; `declaring` makes the
YAML's tree, `writing` its text; `deciding` is the whole way. `ready_made` has the configurations
that come with the program.
"""

from harvester.scaffold.ask import (
    Ask,
)
from harvester.scaffold.proposing import (
    Proposal,
    named,
    propose,
)
from harvester.scaffold.reading import (
    given,
)
from harvester.scaffold.ready_made import (
    Example,
    example,
    example_names,
    example_path,
    example_text,
    examples,
    examples_folder,
)
from harvester.scaffold.recording import (
    Recorded,
    plain_name,
    recorded,
    with_login,
)
from harvester.scaffold.saving import (
    refuse_existing,
    save,
)
from harvester.scaffold.variables import (
    mark,
)
from harvester.scaffold.writing import (
    yaml_text,
)

__all__ = [
    "Ask",
    "Example",
    "Proposal",
    "Recorded",
    "example",
    "example_names",
    "example_path",
    "example_text",
    "examples",
    "examples_folder",
    "given",
    "mark",
    "named",
    "plain_name",
    "propose",
    "recorded",
    "refuse_existing",
    "save",
    "with_login",
    "yaml_text",
]
