"""How numbers behave: intervals, floating-point formats, points worth trying, double-word sums.

Comes in: numbers and NumPy arrays. Goes out: exact facts about them. Nothing here knows of losses.
"""
