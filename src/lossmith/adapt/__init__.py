"""Losses for other people's libraries: one thin file each, all under the same laws.

Each adapter gives the library the loss's gradient with a named curvature, starts from the loss's own best constant,
keeps that start and the link in the saved model, and needs nothing of Lossmith when the model predicts.
"""
