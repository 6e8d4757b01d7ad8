"""What the page of search by meaning says of the encoder."""

from __future__ import annotations

from typing import Any

from reviewapp.core import queues
from reviewapp.curation.meaning.embedded import embedding_state
from reviewapp.projects.models import Project


def vectors_context(project: Project) -> dict[str, Any]:
    state = embedding_state(project)
    return {"vectors": state, "vectors_wait": queues.job_wait(state.job) if state.job else None}
