"""Hypothesis settings of the protocol tests: nothing may depend on how fast the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "protocol", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("protocol")
