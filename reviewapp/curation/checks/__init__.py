"""One pure module a check. Each has NAME, TITLE, SCOPE and ``check(corpus) -> list[FindingDraft]``; no Django."""
