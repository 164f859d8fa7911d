"""Turns components of low-code manifests into resources of the YAML.

`references` resolves what refers to elsewhere, `expressions` reads templates and `texts` writes
ours; `paginators` (with `stops`), `auth`, `partitions`, `windows` and `rules` each turn one part
of a stream; `streams` puts them together, and `manifest` goes through all streams.
"""
