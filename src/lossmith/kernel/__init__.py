"""Programs of phases between reductions, and the arrays they run over.

Comes in: formulas over plain operations. Goes out: passes over the rows, with what each sums and writes, and finishes.
"""
