"""Pure arithmetic on snapshots: no I/O, no clock, no state but what is passed in."""
