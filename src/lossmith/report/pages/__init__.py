"""What every page is made of: pictures as records and as SVG, formulas as MathML, numbers as text, and the common shell.

Comes in: records and texts. Goes out: HTML that needs no network.
"""
