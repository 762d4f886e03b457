"""What learners ask, measured: descent step by step, back-propagation in numbers, signals through depth, activations.

Comes in: losses, activations, data. Goes out: frozen records of what was measured, and pages and texts made of them.
"""
