"""What a loss is: a formula over named roles, frozen, with everything else derived from it.

Comes in: plain Python functions or text. Goes out: `Definition` records over a hash-consed expression graph.
"""
