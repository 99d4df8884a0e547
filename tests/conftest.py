"""Settings for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Shared machines are slow now and then, which says nothing about the code.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
