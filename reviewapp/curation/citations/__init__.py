"""Legal citations: found, read through the damage of a scan, written in one style. Pure Python, no Django.

A citation is what it names (``Citation.parts``), however it is written: a style may change full stops and blanks,
never a volume, a court, a year or a page.
"""
