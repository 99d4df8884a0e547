"""Studios to talk to, as the tests of the API have them."""

from tests.api.conftest import client, data_dir, studio

__all__ = ["client", "data_dir", "studio"]
