from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest

from reviewapp.projects.models import Project
from reviewapp.runs import services
from reviewapp.runs.models import BaseModel
from reviewapp.trainingsets.models import TrainingSetVersion
from tests.reviewapp.runs import folders
from tests.reviewapp.trainingsets import builders

# A busy machine may take its time over one example; what counts is the answer.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def models_dir(tmp_path: Path, settings: Any) -> Path:
    """The one folder from which base models may be registered."""
    folder = tmp_path / "models"
    folder.mkdir()
    settings.MODEL_DIRS = [folder]
    return folder


@pytest.fixture
def base(project: Project, people: SimpleNamespace, models_dir: Path) -> BaseModel:
    """A registered look-alike."""
    folder = folders.lookalike(models_dir / "small")
    return services.base_model_register(project=project, name="Small", path=str(folder), registered_by=people.engineer)


@pytest.fixture
def version(project: Project, people: SimpleNamespace) -> TrainingSetVersion:
    """A frozen and signed version of twenty samples."""
    return builders.signed(project, people.engineer, people.lead)
