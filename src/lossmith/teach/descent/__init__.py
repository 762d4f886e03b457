"""Gradient descent and back-propagation, in numbers."""
