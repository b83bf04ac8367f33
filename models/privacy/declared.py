"""The one list of personal data: every table that has some, and why the others have none.

A test holds every table of models/tables.py against it, column by column: a new one cannot be
forgotten. docs/privacy.md and the console's page are written from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.privacy.declared_activities import ACTIVITIES
from models.privacy.declared_agents import AGENTS
from models.privacy.declared_broadcasts import BROADCASTS
from models.privacy.declared_desk import DESK
from models.privacy.declared_draws import DRAWS
from models.privacy.declared_feedback import FEEDBACK
from models.privacy.declared_invitations import INVITATIONS
from models.privacy.declared_people import PEOPLE
from models.privacy.declared_points import POINTS
from models.privacy.declared_vouchers import VOUCHERS
from models.privacy.shape import Kept

DECLARED: tuple[Kept, ...] = (
    *PEOPLE, *POINTS, *VOUCHERS, *DRAWS, *ACTIVITIES, *INVITATIONS, *AGENTS, *BROADCASTS,
    *FEEDBACK,
    *DESK,
)  # fmt: skip
BY_TABLE: Mapping[str, Kept] = {kept.table: kept for kept in DECLARED}

# Tables that have nothing about subscribers, and why one can be sure.
IMPERSONAL: Mapping[str, str] = {
    "clubs": "what operators enter about clubs",
    "merchants": "what operators enter about merchants, with whom to call there on business",
    "merchant_events": "what happened to merchants, and the operator who did it",
    "membership_rules": "rules, and the operator who published them",
    "merchant_rules": "rules, and the operator who published them",
    "agent_rules": "rules, and the operator who published them",
    "agent_fundings": "what was put into the budget of agents, and the operators who did",
    "agent_payout_runs": "what was paid to agents together, and the operators who ordered it",
    "merchant_ratings": "how merchants were rated",
    "merchant_credit": "what upheld complaints have cost merchants, by the complaint's number",
    "offer_events": "what happened to offers, and who did it",
    "stores": "what operators enter about stores; the address is a shop's",
    "offers": "what operators enter about offers",
    "offer_stores": "what operators enter about offers",
    "offer_stock": "counts of everybody",
    "settlement_statements": "sums over everybody, for a merchant",
    "reconciliations": "a merchant's file, by its name",
    "reconciliation_findings": "lines of a merchant's file: serial numbers and amounts",
    "reconciliation_rejects": "where a merchant's file cannot be read, and why",
    "merchant_payees": "bank accounts of merchants, sealed; a shop may be a person: people see the"
    " last four digits, and the bank's file alone has the whole",
    "settlement_payments": "what was paid to merchants, and the operators who ordered it",
    "settlement_payment_payees": "what was paid to a merchant, into which account, sealed",
    "settlement_payment_statements": "the statements of a payment",
    "draws": "what operators enter about draws",
    "draw_versions": "terms of draws, and the operators who published them",
    "draw_stock": "counts of everybody",
    "draw_seeds": "secrets of a day, of everybody's draws",
    "draw_reveals": "the same once they are public, with counts of everybody",
    "activities": "what operators enter about activities",
    "activity_places": "counts of everybody",
    "activity_doors": "codes at the door of an activity, each for a minute",
    "sms_parts": "the carrier's ids of a message's parts, by its number; goes with the message",
    "sms_counts": "counts of everybody's SMS",
    "sms_hours": "counts of everybody's SMS",
    "sms_minutes": "counts of everybody's SMS",
    "sms_prices": "what SMS cost",
    "alarms": "what was wrong with gateways, and the operator who has seen it",
    "screenings": "what operators enter about films",
    "publications": "menu files, and the operator who published them",
    "earning_rules": "rules, and the operator who published them",
    "earning_campaigns": "budgets",
    "earning_misses": "counts of events of everybody",
    "event_files": "files of events, by their hash; no number is in it",
    "task_rules": "tasks, and the operator who published them",
    "tier_rules": "rules, and the operator who published them",
    "ledger_closings": "sums over everybody",
    "ledger_gate": "one row: from when on days are open",
    "points_expiry_days": "sums over everybody",
    "points_warning_days": "how far the warnings of a day are",
    "operators": "people of ours: login, name, role",
    "operator_sessions": "people of ours: where they signed in",
    "operator_tries": "failures at the console's door, by hashes",
    "merchant_staff": "people of merchants: whose they are, and at which store",
    "till_tries": "codes that were none, by store and by a merchant's person",
    "operator_quotas": "people of ours: how often they looked for somebody",
    "audit_chain": "hashes of audit entries",
    "club_members": "counts of everybody",
    "scene_days": "counts of scans of everybody",
    "scene_codes": "QR codes, and the operator who made them",
    "drafts": "menu and rule files that an operator is editing",
    "survey_publications": "texts of surveys, and the operators who published them",
    "draw_publications": "texts of draws, and the operators who published them",
    "rule_publications": "texts of rules, and the operators who published them",
    "menu_pushes": "which version of the menus WeChat shows",
    "hourly_figures": "counts of everybody",
    "club_days": "counts of everybody",
    "broadcasts": "texts to many, counts, and the operator who wrote them",
    "broadcast_rejects": "lines of a file that gave no number, by their place alone",
    "surveys": "questions, and the operator who published them",
    "survey_rounds": "how far the invitations to a survey are, and counts of everybody",
    "retention_runs": "how much was forgotten on a day, of everybody's",
}

# Personal data that is no table of the database (docs/privacy.md).
ELSEWHERE: Mapping[str, str] = {
    "FILE.rejects.csv of `events load`": "lines of BOSS' files that were refused, with numbers;"
    " delete the files when they are dealt with",
    "WeChat": "who follows the account, their tags, and what was said in the chat; a deletion"
    " takes our tags away, the rest is the platform's",
    "the SMS gateway": "numbers and texts of messages, as long as its contract says",
    "BOSS": "the operator's own customer; a deletion here closes the services that clubs opened",
    "backups": "a deleted person is in backups until they are thrown away; after one is restored,"
    " delete again whom `python app.py privacy deletions` had listed since: keep that list outside",
    "logs": "ids only: a test holds the log to it",
}
