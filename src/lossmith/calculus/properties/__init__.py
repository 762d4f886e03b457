"""Facts about a loss, each with its evidence: proved, sampled, refuted by code that runs, or open.

The table of all is `table.PROPERTIES`; nothing is loaded before it is asked for.
"""
