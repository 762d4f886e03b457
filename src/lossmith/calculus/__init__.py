"""Derivatives and what follows from them: kinks, curvature, best constants, facts."""
