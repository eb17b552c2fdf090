"""The policy language: YAML -> a validated policy -> one snapshot for each service.

``document``   YAML, its traps and its bounds; a line for every value
``shape``      every key of the language (pydantic), and the JSON Schema; ``issuer_shape``, ``service_shape``
``values``     names and other small words;  ``durations``, ``claim_paths``;  ``fields`` headers and matchers;
               ``places`` hosts, networks, credentials;  ``amounts`` limits, sizes;  ``conditions`` CEL;
               ``rules`` claims, what a test expects
``sentences``  what pydantic found, told to people;  ``problems``  Problem and PolicyErrors
``model``      Policy, a frozen value
``presets``    what outside providers do (docs/providers.md)
``load``       text -> Policy, or every problem at once, by its sections: ``issuer_section``, ``service_section`` with
               ``route_section``, ``shadow`` (rules that undo one another, by their ``reach``) and ``evasion`` (demands
               that a caller gets around) and ``foreign`` (paths in other gateways' words), ``tests_section``;
               ``findings`` is what they share
``gather``     the files and variables that a policy refers to (the only part that reads a disk)
``compile``    Policy -> Snapshot
``check``      the file's own tests, through the sidecars' own evaluator
``replay``     what a policy would have decided otherwise, over ``recorded`` decisions
``diff``       what a new policy changes, and where it allows more (``issuer_diff``, ``route_diff``, ``told``)
"""

from .change import Change
from .check import Report, TestResult, check, failed_report
from .compile import Fetched, OwnIssuer, audience_of, carried_over, compile_snapshot
from .diff import changes, diff
from .gather import Gathered, gather, referenced_env, referenced_files
from .load import load
from .model import Policy, PolicyIssuer, PolicyTest, ServicePolicy
from .problems import PolicyErrors, Problem
from .shape import json_schema

__all__ = [
    "Change",
    "Fetched",
    "Gathered",
    "OwnIssuer",
    "Policy",
    "PolicyErrors",
    "PolicyIssuer",
    "PolicyTest",
    "Problem",
    "Report",
    "ServicePolicy",
    "TestResult",
    "audience_of",
    "carried_over",
    "changes",
    "check",
    "compile_snapshot",
    "diff",
    "failed_report",
    "gather",
    "json_schema",
    "load",
    "referenced_env",
    "referenced_files",
]
