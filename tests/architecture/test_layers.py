"""What the import contracts cannot see: references by name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from tests.architecture.rules import ROOT, layers, shown, sources, tree_of


def our_models() -> list[type[Model]]:
    return [m for m in apps.get_models(include_auto_created=True) if m.__module__.startswith("reviewapp.")]


def test_every_app_has_a_height() -> None:
    """A new app must be placed in the import contracts before it can be installed."""
    installed = {name.removeprefix("reviewapp.") for name in settings.INSTALLED_APPS if name.startswith("reviewapp.")}
    folders = {path.parent.name for path in (ROOT / "reviewapp").glob("*/__init__.py")}
    assert installed == set(layers()) - {"words"} == folders  # words is one module, below every app


def test_foreign_keys_point_to_the_same_or_a_lower_app() -> None:
    height = layers()
    upward = []
    for model in our_models():
        for field in model._meta.get_fields():
            target = field.related_model if field.concrete and field.is_relation else None
            if not isinstance(target, type) or not target.__module__.startswith("reviewapp."):
                continue
            # the person who did it: Django's own swappable reference, which names no app
            if target is apps.get_model(settings.AUTH_USER_MODEL):
                continue
            if height[target._meta.app_label] > height[model._meta.app_label]:
                upward.append(f"{model.__name__}.{field.name} -> {target.__name__}")
    assert len(our_models()) > 20
    assert not upward


def job_paths() -> Iterator[tuple[str, str]]:
    """(where, dotted path) of every job that is enqueued: first argument of a call of ``enqueue``."""
    for path in sources():
        tree = tree_of(path)
        constants = module_constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) == "enqueue" and node.args:
                first = node.args[0]
                name = constants.get(first.id) if isinstance(first, ast.Name) else getattr(first, "value", None)
                if isinstance(name, str):
                    yield f"{shown(path)}:{node.lineno}", name


def module_constants(tree: ast.Module) -> dict[str, object]:
    """NAME = "text" at the top of a module."""
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    return found


def called_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_every_job_path_names_a_job() -> None:
    """A job is written as text, so that services need not import jobs; here the text is held to the code."""
    paths = list(job_paths())
    assert any("jobs.execute" in path for _, path in paths)
    for where, path in paths:
        work: Callable[..., None] = import_string(path)
        if path == "reviewapp.core.jobs.execute":  # what the queue itself calls
            continue
        assert path.split(".")[-2] == "jobs" or ".jobs." in path, f"{where}: {path} is not in a jobs module"
        assert next(iter(signature(work).parameters)) == "handle", f"{where}: {path} does not take a handle first"


def url_patterns(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        else:
            yield from url_patterns(entry)


def test_a_view_and_its_url_share_one_name() -> None:
    ours = [p for p in url_patterns() if getattr(p.callback, "__module__", "").startswith("reviewapp.")]
    assert ours
    odd = [f"{p.callback.__module__}.{p.callback.__name__} is named {p.name}" for p in ours if p.name != view_name(p)]
    assert not odd


def view_name(pattern: URLPattern) -> str:
    return str(getattr(pattern.callback, "__name__", ""))


def test_the_root_urls_only_include() -> None:
    text = (ROOT / "reviewapp" / "urls.py").read_text(encoding="utf-8")
    assert all("include(" in line for line in text.splitlines() if line.strip().startswith("path("))


def test_signals_are_not_used() -> None:
    """What saving a row sets off must be readable where it is saved."""
    users = [shown(p) for p in sources() if imports(p, "django.db.models.signals") or imports(p, "django.dispatch")]
    assert not users


def imports(path: Path, module: str) -> bool:
    tree = tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.startswith(module) for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and f"{node.module or ''}.".startswith(f"{module}."):
            return True
    return False
