"""The house style of a project: the form that its completions have, found; the style of its citations, chosen."""
