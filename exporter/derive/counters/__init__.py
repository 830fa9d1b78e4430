"""From an engine's counters to what they grew by: restarts, faults and impossible growth apart."""
