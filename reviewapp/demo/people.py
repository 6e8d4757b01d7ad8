"""The demo's people: one or two of each role, with names, none of them real."""

from __future__ import annotations

from dataclasses import dataclass

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership, Project
from reviewapp.projects.services import membership_set

Role = Membership.Role
WORLD_SLUG = "clinic-notes"  # the demo project's address


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    role: str
    is_simulated: bool = False
    what: str = ""  # what to do first, for the sign-in page


PEOPLE = (
    Person("ana", "Ana Ruiz", Role.ANNOTATOR, what="Cleans and reviews samples all day, by keyboard."),
    Person("ravi", "Dr Ravi Menon", Role.REVIEWER, what="A clinician: reviews samples, grades answers blind."),
    Person("lena", "Dr Lena Vogt", Role.LEAD, what="Declares gates, freezes versions, reads the report."),
    Person("liam", "Liam Okafor", Role.LEAD, what="The second lead: signs what Lena froze."),
    Person("erik", "Erik Lund", Role.ENGINEER, what="Imports data, plans training runs, watches workers."),
    Person("olga", "Olga Petrova", Role.OBSERVER, what="An auditor: reads everything, changes nothing."),
    Person("adam", "Adam Weiss", Role.ADMIN, what="Adds people and imports data."),
    Person("sim-annotator-1", "Simulated annotator 1", Role.ANNOTATOR, is_simulated=True),
    Person("sim-annotator-2", "Simulated annotator 2", Role.ANNOTATOR, is_simulated=True),
    Person("sim-grader-1", "Simulated grader 1", Role.REVIEWER, is_simulated=True),
    Person("sim-grader-2", "Simulated grader 2", Role.REVIEWER, is_simulated=True),
    Person("sim-lead-1", "Simulated lead 1", Role.LEAD, is_simulated=True),
    Person("sim-lead-2", "Simulated lead 2", Role.LEAD, is_simulated=True),
)


def people_ensure(project: Project) -> dict[str, User]:
    """Makes the people who are not there yet and their memberships; nobody gets a password."""
    users: dict[str, User] = {}
    for person in PEOPLE:
        user, is_new = User.objects.get_or_create(
            username=person.username,
            defaults={
                "display_name": person.name,
                "email": f"{person.username}@demo.invalid",
                "is_simulated": person.is_simulated,
            },
        )
        if is_new:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        if not project.memberships.filter(user=user).exists():
            membership_set(project=project, user=user, role=person.role, set_by=None)
        users[person.username] = user
    return users
