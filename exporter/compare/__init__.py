"""The upgrade verdict: did a release make the fleet slower or faster at the same work?

A fleet's windows of load cells come in (`fleet`), effects at equal load are estimated (`estimate`),
checked and judged (`assess`), and go out as a report (`report`). The estimators do no I/O and read
no clock.
"""
