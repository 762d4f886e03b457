"""Tests of passes, schedules and rows."""
