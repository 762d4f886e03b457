"""The page of a loss: what it looks like, with sliders for its parameters, in one offline file.

Comes in: `Loss` objects. Goes out: records of what the page says, and its HTML. `lossmith.show` is in `page`.
"""
