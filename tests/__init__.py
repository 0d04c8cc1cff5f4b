"""Tests of the suite; helpers are imported as `tests.FOLDER.NAME`."""
