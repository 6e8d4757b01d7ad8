"""What came in about answers, and what became of it."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from reviewapp.core.bearer import secret_hash
from reviewapp.feedback.models import FeedbackItem, FeedbackToken
from reviewapp.projects.models import Project


def items_for(project: Project, *, state: str = "") -> QuerySet[FeedbackItem]:
    """The project's feedback, newest first; ``state`` '' means all."""
    items = FeedbackItem.objects.filter(project=project).select_related("author", "model_version", "promoted_sample")
    return items.filter(state=state) if state in FeedbackItem.State.values else items


def item_counts(project: Project) -> dict[str, int]:
    """How many items are in each state, zeros included."""
    counted = FeedbackItem.objects.filter(project=project).order_by().values("state").annotate(n=Count("pk"))
    return dict.fromkeys(FeedbackItem.State.values, 0) | {row["state"]: row["n"] for row in counted}


def token_for(project_slug: str, secret: str) -> FeedbackToken | None:
    """The live token with this secret in this project, compared by its hash."""
    return (
        FeedbackToken.objects.select_related("project")
        .filter(token_hash=secret_hash(secret), project__slug=project_slug, project__archived_at=None, revoked_at=None)
        .first()
    )
