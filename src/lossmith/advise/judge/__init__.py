"""The judgement: predictions for untouched rows come in, rules, costs and intervals go out."""
