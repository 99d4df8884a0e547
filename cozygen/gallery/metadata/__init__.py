"""The metadata embedded in generated pictures, films and sounds: read without decoding any of them.

`read` takes a file apart by its bytes, `summarise` says how it was generated, the same for every program, and
`wire_meta` is what the gallery's listing shows of that. All are pure but for the reading, block, and may run in any
thread.
"""

from cozygen.gallery.metadata.model import FileMetadata, Lora, Summary
from cozygen.gallery.metadata.reader import read
from cozygen.gallery.metadata.summary import WireMeta, summarise, wire_meta

__all__ = ["FileMetadata", "Lora", "Summary", "WireMeta", "read", "summarise", "wire_meta"]
