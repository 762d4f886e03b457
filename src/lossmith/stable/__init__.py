"""The same maths, safe in floating point: rewriting rules for derivatives, and a form for every safe node.

Comes in: exact formulas. Goes out: equal formulas made of plain operations that neither overflow nor cancel.
"""
