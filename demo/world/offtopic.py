"""Rows that have no business in a clinic's training data: they came along from some other export."""

from __future__ import annotations

import random

TALKS: tuple[tuple[str, str], ...] = (
    (
        "Customer: My parcel was due {n} days ago and the tracking page has not moved.\n"
        "Agent: I'm sorry about that. May I have the order number?\nCustomer: It's {code}.\n"
        "Agent: It is at the depot. It will go out tomorrow before noon.",
        "Parcel {code} is {n} days late and at the depot. Delivery promised for tomorrow before noon.",
    ),
    (
        "Guest: We booked a double room for {n} nights, but this one has two singles.\n"
        "Clerk: Let me look. Yes, our mistake.\nGuest: Is there another?\n"
        "Clerk: Room {code} is free, I'll move you now.",
        "Guest moved to room {code} for {n} nights after a booking mistake.",
    ),
    (
        "Anna: What goes into your lentil soup?\nBen: {n} carrots, a leek, red lentils and a lot of cumin.\n"
        "Anna: And how long on the stove?\nBen: Half an hour, then blend it.",
        "Lentil soup: {n} carrots, leek, red lentils, cumin; simmer for half an hour and blend.",
    ),
    (
        "Coach: They left the near post open again.\nAssistant: That makes {n} goals from corners.\n"
        "Coach: Then we drill corners on Thursday.\nAssistant: I'll book pitch {code}.",
        "{n} goals conceded from corners. Corner drill on Thursday, pitch {code}.",
    ),
    (
        "User: The printer on floor {n} says paper jam but there is no paper in it.\n"
        "Support: Did you open the rear tray?\n"
        "User: There's a rear tray?\nSupport: Pull the green lever. Ticket {code} stays open until it prints.",
        "Ticket {code}: false paper jam on floor {n}; user told to open the rear tray.",
    ),
    (
        "Tenant: The boiler has been off for {n} days.\nLandlord: I can send the plumber on Monday.\n"
        "Tenant: It's freezing in here.\nLandlord: I'll bring two heaters tonight.",
        "Boiler off for {n} days. Plumber on Monday, two heaters tonight.",
    ),
    (
        "Teacher: Your son has missed {n} homework sheets.\nParent: He told me there were none.\n"
        "Teacher: I'll send them by the parents' page.\nParent: He will do them this weekend.",
        "{n} homework sheets missing; parent informed, to be done at the weekend.",
    ),
    (
        "Pilot: Tower, this is flight {code}, ready for departure.\n"
        "Tower: Flight {code}, hold short, {n} aircraft ahead.\n"
        "Pilot: Holding short.\nTower: Thank you.",
        "Flight {code} held short behind {n} aircraft.",
    ),
    (
        "Buyer: Would you take {n}00 for the bike?\nSeller: The tyres are new, I can't go that low.\n"
        "Buyer: I'd collect it today.\nSeller: All right then, with the lock.",
        "Bike sold for {n}00 with lock, collection today.",
    ),
    (
        "Kunde: Guten Tag, mein Zug hatte {n} Stunden Verspätung.\n"
        "Schalter: Das tut mir leid. Haben Sie die Fahrkarte dabei?\n"
        "Kunde: Ja, Nummer {code}.\nSchalter: Sie bekommen die Hälfte erstattet.",
        "Fahrkarte {code}: {n} Stunden Verspätung, halber Preis wird erstattet.",
    ),
    (
        "Reader: Do you still have the atlas I put on hold?\nLibrarian: Shelf {code}, I believe.\n"
        "Reader: How long may I keep it?\nLibrarian: {n} weeks, and you can renew it twice.",
        "Atlas on hold at shelf {code}; loan of {n} weeks, two renewals.",
    ),
)


def talk_make(rng: random.Random, index: int) -> tuple[str, str, str]:
    """One off-topic conversation with its summary and its language; the wording differs by ``index``."""
    prompt, completion = TALKS[index % len(TALKS)]
    values = {"n": 2 + index // len(TALKS), "code": f"{rng.choice('ABCDEFGH')}{rng.randint(100, 999)}"}
    return prompt.format(**values), completion.format(**values), "de" if prompt.startswith("Kunde") else "en"
