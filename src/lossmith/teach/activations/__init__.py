"""Activations: their shape, the signal through depth, steps to a given loss, what a call costs."""
