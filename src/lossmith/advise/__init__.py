"""From a table to a verdict. Comes in: a file or frame, a target column, and what errors cost. Goes out: a study.

`study` tells the story, `request` holds what was asked, `prepare` makes numbers of the table, `large` reads more rows than
memory holds, `found` is what a user gets. The rooms, each using those before it: `data` (reading, encoding, parting),
`look` (what the data look like), `models` (losses to try, training), `judge` (rules, costs, intervals, evidence), `tell`
(sentences, tables, pictures as plain data), `out` (files that work without Lossmith). `report` writes the pages.
"""
