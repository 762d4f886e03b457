"""Tests of the floating-point forms and of the rules for derivatives."""
