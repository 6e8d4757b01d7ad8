"""What curation keeps: one module for each of its parts."""

from __future__ import annotations

from reviewapp.curation.models.acceptance import AcceptanceItem, AcceptancePlan, AcceptanceRule, AcceptanceStatement
from reviewapp.curation.models.augmenting import (
    MOST_SYNTHETIC,
    Augmentation,
    AugmentationSettings,
    SyntheticText,
)
from reviewapp.curation.models.balance import BalanceSettings, BiasReport, CounterfactualCopy, Mitigation
from reviewapp.curation.models.duplicates import Benchmark, DuplicateDecision, DuplicateLimit, LimitMeasurement
from reviewapp.curation.models.labels import LabelReport
from reviewapp.curation.models.learning import LearnedModel, LearnedScore, TextEmbedding, TextIndex
from reviewapp.curation.models.programmatic import (
    LabellingAnswer,
    LabellingFunction,
    LabellingFunctionVersion,
    LabellingRun,
    LabellingVote,
)
from reviewapp.curation.models.redaction import InventedWords, RedactedSample, Redaction, TaggerUse, TaggerVersion
from reviewapp.curation.models.report import CurationReport, SampleLanguage
from reviewapp.curation.models.scanning import CheckedRevision, Finding, PipelineVersion, Scan
from reviewapp.curation.models.selections import GoldenExample, RelevanceLimit, Selection, SelectionEntry

__all__ = [
    "AcceptanceItem",
    "AcceptancePlan",
    "AcceptanceRule",
    "AcceptanceStatement",
    "Augmentation",
    "AugmentationSettings",
    "BalanceSettings",
    "Benchmark",
    "BiasReport",
    "CheckedRevision",
    "CounterfactualCopy",
    "CurationReport",
    "DuplicateDecision",
    "DuplicateLimit",
    "Finding",
    "GoldenExample",
    "InventedWords",
    "LabellingAnswer",
    "LabellingFunction",
    "LabellingFunctionVersion",
    "LabellingRun",
    "LabellingVote",
    "LabelReport",
    "LearnedModel",
    "LearnedScore",
    "LimitMeasurement",
    "MOST_SYNTHETIC",
    "Mitigation",
    "PipelineVersion",
    "RedactedSample",
    "Redaction",
    "RelevanceLimit",
    "SampleLanguage",
    "Scan",
    "Selection",
    "SelectionEntry",
    "SyntheticText",
    "TaggerUse",
    "TaggerVersion",
    "TextEmbedding",
    "TextIndex",
]
