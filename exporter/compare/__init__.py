"""The upgrade verdict: did a release make the fleet slower or faster at the same work?

Windows of load cells come in (query, recordings), are checked (gates), estimated (estimate) and
judged (verdict), and go out as a report. The estimators do no I/O and read no clock.
"""
