"""Adds the generated pages to the site, and mends the links that lead out of `docs/`."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs import generate  # found by the path above


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made from the code."""
    for uri, text in generate.pages().items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead to pages of the site what leads to files of the repository."""
    uri = page.file.src_uri
    return markdown if uri in generate.pages() else generate.linked(markdown, f"docs/{uri}", uri)
