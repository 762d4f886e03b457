"""Losses in scikit-learn: scorers, a linear and a boosted model under any loss whose total is a sum over rows.

Only this folder imports scikit-learn at the top; `lossmith.for_sklearn` loads it.
"""
