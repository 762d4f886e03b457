"""From a table to a verdict: read, profile, shortlist, split, train, decide, compare.

Comes in: a file or frame, the name of a target column, and what errors cost. Goes out: a study (records only;
`report` writes the pages). Each file is one step and hands the next a frozen record.
"""
