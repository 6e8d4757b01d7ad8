"""What each role may do in a project. One table; views ask for a permission, never for a role."""

from __future__ import annotations

from enum import StrEnum

from reviewapp.projects.models import Membership

Role = Membership.Role


class Permission(StrEnum):
    VIEW = "see the project"
    IMPORT = "import samples"
    CURATE = "run checks and settle findings"
    REVIEW = "review samples"
    ADJUDICATE = "settle differing reviews"
    RUBRIC = "edit rubrics"
    DRAFT = "draft training-set versions"
    SIGN = "sign"
    TRAIN = "request training and generation runs"
    GRADE = "grade outputs"
    REPORT = "declare gates, unseal and freeze reports"
    FEEDBACK = "send feedback"
    PROMOTE = "promote feedback to samples"
    HELDOUT = "read held-out prompts"
    AUDIT = "read the audit log"
    WITHDRAW = "withdraw samples"
    RATERS = "see how reviewers and graders compare"
    MANAGE = "manage members and settings"


P = Permission
_EXPERT = {P.VIEW, P.REVIEW, P.CURATE, P.FEEDBACK}

GRANTED: dict[str, frozenset[Permission]] = {
    Role.ANNOTATOR: frozenset(_EXPERT),
    Role.REVIEWER: frozenset(_EXPERT | {P.GRADE, P.PROMOTE, P.ADJUDICATE}),
    Role.LEAD: frozenset(P),
    Role.ENGINEER: frozenset({P.VIEW, P.IMPORT, P.CURATE, P.DRAFT, P.TRAIN, P.FEEDBACK, P.HELDOUT}),
    Role.OBSERVER: frozenset({P.VIEW, P.AUDIT}),
    Role.ADMIN: frozenset({P.VIEW, P.IMPORT, P.MANAGE, P.AUDIT}),
}
