"""Losses as text: the room in which designs and formulas are read, and their stages written."""
