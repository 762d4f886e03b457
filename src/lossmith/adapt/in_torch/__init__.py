"""Losses as PyTorch modules: fused kernels on the CPU, generated tensor operations everywhere else.

Only this folder imports torch; `lossmith.for_torch` loads it.
"""
