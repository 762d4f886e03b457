"""Tests, in the folders of the source; shared assertions are imported as `tests.properties...`."""
