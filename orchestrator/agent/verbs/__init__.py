"""The verbs: one file each, or a small group. Each has a function (Call) -> the result's fields."""
