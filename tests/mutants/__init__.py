"""Planted faults: each must turn a law red."""
