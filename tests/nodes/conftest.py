"""The host of the nodes under test."""

from tests.node_host import RecordingHost, files, host

__all__ = ["RecordingHost", "files", "host"]
