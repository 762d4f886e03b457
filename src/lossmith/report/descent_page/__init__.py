"""The page of a gradient descent: the path, what Taylor's theorem said of each step, the verdict on the learning rate.

Comes in: the record of a descent. Goes out: text, and one offline page.
"""
