"""Checks of whole losses: whether what a user calls keeps the numerical contract."""
